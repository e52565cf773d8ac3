"""The estimators of skbn for Dask collections, whose rows may exceed the memory of one machine.

They have the parameters and the fitted attributes of the local estimators, which compute on each
partition. ``pip install "skbn[dask]"`` installs Dask.
"""

from importlib import import_module

try:
    for _name in ("dask.array", "distributed"):
        import_module(_name)
except ImportError as error:
    raise ImportError(
        f'skbn.dask needs Dask, but {error.name!r} is missing: pip install "skbn[dask]", or '
        'pip install "dask[array,dataframe,distributed]".'
    ) from error

from ._mlp import BatchNormMLPClassifier, BatchNormMLPRegressor
from ._normalizer import BatchNormalizer

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor", "BatchNormalizer"]
