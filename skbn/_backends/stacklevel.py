"""The stack level of warnings."""

import inspect


def levels_below_caller():
    """The ``stacklevel`` for a warning to point at the code that called skbn or scikit-learn."""
    frame, level = inspect.currentframe().f_back, 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("skbn", "sklearn"):
        frame, level = frame.f_back, level + 1
    return level
