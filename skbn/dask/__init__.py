"""The estimators of skbn for collections of Dask: rows that do not fit one machine.

They have the parameters and the fitted attributes of the local ones, which do the computing on
each partition. ``pip install "skbn[dask]"`` brings Dask.
"""

from importlib import import_module

try:
    for _name in ("dask.array", "distributed"):
        import_module(_name)
except ImportError as error:
    raise ImportError(
        f'skbn.dask needs Dask, of which {error.name!r} is missing: pip install "skbn[dask]", or '
        'pip install "dask[array,dataframe,distributed]".'
    ) from error

from ._mlp import BatchNormMLPClassifier, BatchNormMLPRegressor
from ._normalizer import BatchNormalizer

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor", "BatchNormalizer"]
