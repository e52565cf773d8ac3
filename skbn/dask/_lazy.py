"""Lazy calls of methods on Dask collections, block by block, for methods that work row by row.

This module does not import Dask. It uses the methods of collections.
"""

import sys
from contextlib import contextmanager
from copy import copy
from functools import partial, wraps

import numpy as np
from scipy import sparse

# The attribute in which scikit-learn keeps the callbacks of an estimator, a private one.
CALLBACKS = "_skl_callbacks"


def is_lazy(value, name="X"):
    """Whether the argument ``name`` is a Dask array or DataFrame; raise for other collections."""
    if not _is_collection(value):
        return False
    check_collection(value, name)
    return True


def in_memory(name, value):
    """The argument ``name``, computed if it is a collection."""
    return value.compute() if is_lazy(value, name) else value


def validation_data_in_memory(X_val, y_val, sample_weight_val):
    """The validation rows, computed if they are collections."""
    values = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    return tuple(in_memory(name, value) for name, value in values.items())


def check_collection(value, name):
    """Raise if the argument ``name`` is a Delayed, a Bag, or an xarray object with chunks."""
    if _is_collection(value) and not hasattr(value, "_meta"):
        raise TypeError(
            f"{name} must be array-like, a dask.array.Array or a dask.dataframe.DataFrame, got "
            f"{_type_name(value)}, another type of Dask collection: pass "
            f"{_replacement(value, name)}."
        )


def _is_collection(value):
    """Whether the value has a Dask graph. xarray objects in memory have only the methods."""
    base = sys.modules.get("dask.base")  # imported by any collection
    return hasattr(value, "__dask_graph__") and bool(base) and base.is_dask_collection(value)


def _type_name(value):
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"


def _replacement(value, name):
    """What to pass instead of a collection that is not a table."""
    has_array = hasattr(getattr(value, "data", None), "_meta")
    return f"{name}.data, its array of Dask" if has_array else f"{name}.compute()"


def dask_blockwise(as_frame=False, **options):
    """Decorate a method of a fitted estimator and X. For a collection it returns a lazy one.

    Parameters
    ----------
    as_frame : bool
        Whether DataFrames give DataFrames with the same columns, instead of arrays.
    **options
        Arguments with which the method is called for each block.
    """

    def decorate(method):
        @wraps(method)
        def row_wise(self, X, *args, **kwargs):
            if not is_lazy(X):
                return method(self, X, *args, **kwargs)
            estimator, sample = without_callbacks(self), sample_of(whole_rows(X))
            with checking_sample(sample):
                getattr(estimator, method.__name__)(sample, **options)
            of_block = partial(_of_block, as_frame=as_frame, estimator=estimator)
            of_block = partial(of_block, name=method.__name__, options=options)
            return map_blocks(method.__name__, of_block, X)

        return row_wise

    return decorate


def without_callbacks(estimator):
    """A copy of the estimator without callbacks, whose output is an array."""
    config = getattr(estimator, "_sklearn_output_config", {}).get("transform", "default")
    if config != "default":
        raise ValueError(
            f"set_output(transform={config!r}) does not apply to collections of Dask: DataFrames "
            "give DataFrames, and arrays give arrays. Call set_output(transform='default')."
        )
    other = copy(estimator)
    vars(other).pop(CALLBACKS, None)
    return other


def has_callbacks(estimator):
    """Whether scikit-learn calls hooks while the estimator is fitted."""
    return bool(vars(estimator).get(CALLBACKS))


def _of_block(X, name, options, as_frame, estimator):
    out = getattr(with_names_of(estimator, X), name)(X, **options)
    return in_frame(out, X) if as_frame else out


def with_names_of(estimator, X):
    """The estimator; if only it or only X has names of columns, a copy that has those of X.

    scikit-learn would warn in each partition. The check of a sample has already warned.
    """
    names, key = _text_names(X), "feature_names_in_"
    if (names is not None) == (key in vars(estimator)):
        return estimator
    other = copy(estimator)
    vars(other).pop(key, None)
    vars(other).update({} if names is None else {key: names})
    return other


def _text_names(X):
    """The names of the columns of X as an array, or None if they are not text."""
    if not is_frame(X) or not all(isinstance(name, str) for name in X.columns):
        return None
    return np.asarray(X.columns, dtype=object)


def in_frame(out, X):
    """The values in a DataFrame like X if X is one, otherwise unchanged."""
    return type(X)(out, index=X.index, columns=X.columns) if is_frame(X) else out


def is_frame(X):
    """Whether X has named columns. A dimension ``columns`` of an xarray object does not count."""
    return hasattr(type(X), "columns") or "columns" in getattr(X, "__dict__", ())


def sample_of(X):
    """Two rows of the type, dtype and width of a collection, without any computation."""
    if hasattr(X, "_meta_nonempty"):
        sample = X._meta_nonempty
        return _filled(sample) if np.any(sample.isna()) else sample
    return np.zeros((2, *X.shape[1:]), X.dtype)


def _filled(sample):
    """The sample without missing values: the second of two strings is missing.

    pandas does not fill float16, so that only columns with missing values are filled.
    """
    if not hasattr(sample, "columns"):
        return sample.ffill().bfill()
    sample = sample.copy()
    for j in np.flatnonzero(sample.isna().any()):
        sample.isetitem(j, sample.iloc[:, j].ffill().bfill())
    return sample


@contextmanager
def checking_sample(*samples):
    """Remove the text from errors of samples, because DataFrame samples have made-up text."""
    try:
        yield
    except ValueError as error:
        message = _without_value(str(error)) if any(map(_is_made_up, samples)) else None
        if message is None:
            raise
        raise ValueError(message) from None


def _is_made_up(sample):
    """Whether a sample is a DataFrame or one of its columns."""
    return is_frame(sample) or hasattr(type(sample), "to_frame")


def _without_value(message):
    """A message about text that is not a number, without the text; None for other messages."""
    text = "could not convert string to float"
    if not message.startswith(f"{text}: "):
        return None
    _, _, column = message.partition(" in column ")  # only for X; scikit-learn does not name y
    return f"{text} in column {column}" if column else f"{text}: y has text."


def whole_rows(X):
    """X, rechunked if needed so that its blocks have whole rows."""
    has_parts = not is_frame(X) and X.ndim == 2 and X.numblocks[1] > 1
    return X.rechunk({1: -1}) if has_parts else X


def map_blocks(name, function, X, **arguments):
    """Apply the function to the blocks of X. Each row of X gives one row of the result.

    ``arguments`` may be Delayed values. Dask's diagnostics show the name.
    """
    X = whole_rows(X)
    computed = {name: value for name, value in arguments.items() if not _is_collection(value)}
    sample = sample_of(X)
    with checking_sample(sample):
        meta = function(sample, **computed)[:0]
    of_block = partial(_unless_empty, function=function, meta=meta)
    if is_frame(X):
        return X.map_partitions(
            of_block, meta=meta, enforce_metadata=False, token=name, **arguments
        )
    shape = {"drop_axis": 1} if meta.ndim == 1 else {"chunks": (X.chunks[0], meta.shape[1:])}
    return X.map_blocks(of_block, dtype=meta.dtype, meta=meta, token=name, **shape, **arguments)


def _unless_empty(X, function, meta, **arguments):
    if X.shape[0]:
        return function(X, **arguments)
    return X if sparse.issparse(X) else meta
