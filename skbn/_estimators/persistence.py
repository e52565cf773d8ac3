"""The format of saved estimators. Its version is saved with the state and checked on loading."""

import numpy as np

from .plain_state import plain_state, restored_state

# The version is incremented when the previous version would misread a state.
FORMAT = 5

# Parameters added after the first format, with the value that preserves the behavior of models
# saved in an older format.
ADDED_PARAMETERS = {"target_momentum": None, "numeric_encoding": None, "n_bins": 16}
ADDED_PARAMETERS |= {"clip_inputs": False, "categorical_features": None}

# Fitted attributes added after the first format, of estimators that are fitted.
ADDED_ATTRIBUTES = {
    "input_range_": None,
    "numeric_encoding_": None,
    "bin_edges_": None,
    "pilots_": None,
    "input_means_": None,
    "categories_": None,
    "is_ordered_": None,
    "_is_exportable": None,
    "_is_embedded": None,
    "_factors": None,
    "_has_missing": False,
    "_column_moments": None,
}


class Persistent:
    """Mixin that saves the format version in pickles.

    Pickles without a version can be loaded if they have all parameters.
    """

    def __getstate__(self):
        return dict(plain_state(super().__getstate__()), _format=FORMAT)

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
            if "coefs_" in state:
                state = ADDED_ATTRIBUTES | state
        super().__setstate__(restored_state(state))
        self._check_shapes()

    def _check_shapes(self):
        """Raise if arrays have unexpected shapes, because kernels read them without checks."""
        for name, array, shape in self._arrays():
            if np.shape(array) not in ((), shape):  # () if the user has set a number
                raise ValueError(
                    f"This {type(self).__name__} is damaged: {name} has shape {np.shape(array)}, "
                    f"expected {shape}."
                )

    def _check_missing_parameters(self, state):
        """Raise if the state is of an early version, which had fewer parameters."""
        missing = sorted(self._parameter_constraints.keys() - state.keys())
        if missing:
            raise ValueError(
                f"This {type(self).__name__} was saved by an early skbn that had no "
                f"{', '.join(missing)}: fit it again."
            )
