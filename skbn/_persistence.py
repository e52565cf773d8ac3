"""The format of saved estimators: its version goes with the state and is checked in loading."""

# Raised when a state of this version is one that the version before would misread.
FORMAT = 1


class Persistent:
    """An estimator whose pickles tell their format; those from before it was told load too."""

    def __getstate__(self):
        return dict(super().__getstate__(), _format=FORMAT)

    def __setstate__(self, state):
        state = dict(state)
        saved = state.pop("_format", None)
        if saved is None:
            self._refuse_missing_parameters(state)
        elif saved > FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by a newer skbn (format {saved}; this one "
                f"reads up to {FORMAT}): upgrade skbn."
            )
        super().__setstate__(state)

    def _refuse_missing_parameters(self, state):
        """Raise where the state is of an early version, which had fewer parameters."""
        missing = sorted(self._parameter_constraints.keys() - state.keys())
        if missing:
            raise ValueError(
                f"This {type(self).__name__} was saved by an early skbn that had no "
                f"{', '.join(missing)}: fit it again."
            )
