"""Objects within fitted attributes, which are saved as plain dicts.

A file then names the types of the estimators alone, and skops asks to trust no others.
"""

from .._model.optimizers import Optimizer
from .._model.schedules import Constant
from .._statistics.moments import RunningMoments
from .label_targets import LabelTotals

# The attributes that hold such an object or None.
ATTRIBUTES = {"_moments", "_column_moments", "_label_totals", "_optimizer"}


def _with_subclasses(cls):
    return [cls, *(each for child in cls.__subclasses__() for each in _with_subclasses(child))]


TYPES = {
    cls.__name__: cls
    for base in (RunningMoments, LabelTotals, Optimizer, Constant)
    for cls in _with_subclasses(base)
}


def plain_state(state):
    """A state in which the objects are dicts."""
    return {name: _plain(v) if name in ATTRIBUTES else v for name, v in state.items()}


def restored_state(state):
    """A state in which the dicts are objects again. Older formats have objects, which are kept."""
    return {name: _restored(v) if name in ATTRIBUTES else v for name, v in state.items()}


def _plain(value):
    """An object as the dict of its attributes and of the name of its type, ``_type``."""
    if type(value) not in TYPES.values():
        return value
    attributes = value._asdict() if isinstance(value, tuple) else vars(value)
    plain = {name: _plain(attribute) for name, attribute in attributes.items()}
    return {"_type": type(value).__name__} | plain


def _restored(value):
    if not isinstance(value, dict):
        return value
    attributes = {name: _restored(attribute) for name, attribute in value.items()}
    name = attributes.pop("_type", None)
    if name not in TYPES:
        raise ValueError(f"The saved estimator is damaged: it has an object of type {name!r}.")
    if issubclass(TYPES[name], tuple):
        return TYPES[name](**attributes)
    restored = object.__new__(TYPES[name])
    vars(restored).update(attributes)
    return restored
