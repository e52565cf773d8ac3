"""The estimators of skbn for Dask collections, whose rows may exceed the memory of one machine.

They have the parameters and the fitted attributes of the local estimators, which compute on each
partition. ``pip install -e ".[dask]"`` in a clone of skbn installs Dask.
"""

from importlib import import_module

_MODULES = {
    "BatchNormMLPClassifier": "_mlp",
    "BatchNormMLPRegressor": "_mlp",
    "BatchNormalizer": "_normalizer",
}

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor", "BatchNormalizer"]


def __getattr__(name):
    """Import an estimator, and Dask with it. The local estimators use ``_lazy`` without Dask."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _check_dask()
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__():
    return sorted({*globals(), *__all__})


def _check_dask():
    try:
        for module in ("dask.array", "distributed"):
            import_module(module)
    except ImportError as error:
        raise ImportError(
            f"skbn.dask needs Dask, but {error.name!r} is missing. Install it: "
            'python -m pip install "dask[array,dataframe,distributed]"'
        ) from error
