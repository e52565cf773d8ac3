"""The format of saved estimators: its version goes with the state and is checked in loading."""

import numpy as np

# Raised when a state of this version is one that the version before would misread.
FORMAT = 2

# Parameters that formats after the first have added, with the value by which a model of an older
# format behaves as it did.
ADDED_PARAMETERS = {"target_momentum": None}


class Persistent:
    """An estimator whose pickles tell their format; those from before it was told load too."""

    def __getstate__(self):
        return dict(super().__getstate__(), _format=FORMAT)

    def __setstate__(self, state):
        state = dict(state)
        saved = state.pop("_format", None)
        if saved is None:
            self._check_missing_parameters(state)
        elif not isinstance(saved, int) or saved > FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by a newer skbn (format {saved!r}; this "
                f"one reads up to {FORMAT}): upgrade skbn."
            )
        else:
            added = ADDED_PARAMETERS.keys() & self._parameter_constraints.keys()
            state = {name: ADDED_PARAMETERS[name] for name in added} | state
        super().__setstate__(state)
        self._check_shapes()

    def _check_shapes(self):
        """Raise where arrays, which kernels read without looking, have not the shapes they had."""
        for name, array, shape in self._arrays():
            if np.shape(array) not in ((), shape):  # a number was set by hand
                raise ValueError(
                    f"This {type(self).__name__} is damaged: {name} has shape {np.shape(array)}, "
                    f"expected {shape}."
                )

    def _check_missing_parameters(self, state):
        """Raise where the state is of an early version, which had fewer parameters."""
        missing = sorted(self._parameter_constraints.keys() - state.keys())
        if missing:
            raise ValueError(
                f"This {type(self).__name__} was saved by an early skbn that had no "
                f"{', '.join(missing)}: fit it again."
            )
