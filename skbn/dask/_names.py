"""The estimators of skbn.dask have the names of the local ones."""


class NamesItsModule:
    """Mixin for estimators whose representation begins with ``skbn.dask.``."""

    def __repr__(self, N_CHAR_MAX=700):
        return f"skbn.dask.{super().__repr__(N_CHAR_MAX)}"
