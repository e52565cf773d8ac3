"""Methods that take rows one by one, on collections of Dask: block by block, when asked for.

Nothing of Dask is imported: its collections bring what is needed.
"""

import sys
from contextlib import contextmanager
from copy import copy
from functools import partial, wraps

import numpy as np
from scipy import sparse


def is_lazy(value, name="X"):
    """Whether the argument ``name`` is an array or a frame of Dask; others of its types raise."""
    if not _is_collection(value):
        return False
    check_collection(value, name)
    return True


def check_collection(value, name):
    """Raise if the argument ``name`` is a Delayed, a Bag, or an object of xarray with chunks."""
    if _is_collection(value) and not hasattr(value, "_meta"):
        raise TypeError(
            f"{name} must be array-like, a dask.array.Array or a dask.dataframe.DataFrame, got "
            f"{_type_name(value)}, which is another collection of Dask: pass "
            f"{_replacement(value, name)}."
        )


def _is_collection(value):
    """Whether the value has a graph of Dask; objects of xarray in memory have only the protocol."""
    base = sys.modules.get("dask.base")  # a collection has imported it
    return hasattr(value, "__dask_graph__") and bool(base) and base.is_dask_collection(value)


def _type_name(value):
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"


def _replacement(value, name):
    """What to pass instead of a collection that is no table."""
    has_array = hasattr(getattr(value, "data", None), "_meta")
    return f"{name}.data, its array of Dask" if has_array else f"{name}.compute()"


def dask_blockwise(gives_frames=False, **options):
    """Decorate a method of a fitted estimator and X: for a collection it gives a lazy one.

    Parameters
    ----------
    gives_frames : bool
        Whether frames become frames with the same columns, and not arrays.
    **options
        With which the method is called for each block.
    """

    def decorate(method):
        @wraps(method)
        def row_wise(self, X, *args, **kwargs):
            if not is_lazy(X):
                return method(self, X, *args, **kwargs)
            of_block = partial(_of_block, as_frame=gives_frames, estimator=_plain(self))
            of_block = partial(of_block, name=method.__name__, options=options)
            return map_blocks(method.__name__, of_block, X)

        return row_wise

    return decorate


def _plain(estimator):
    """The estimator without callbacks, which gives arrays."""
    config = getattr(estimator, "_sklearn_output_config", {}).get("transform", "default")
    if config != "default":
        raise ValueError(
            f"set_output(transform={config!r}) is not for collections of Dask: a DataFrame gives a "
            "DataFrame, an array an array. Call set_output(transform='default')."
        )
    plain = copy(estimator)
    vars(plain).pop("_skl_callbacks", None)
    return plain


def _of_block(X, name, options, as_frame, estimator):
    out = getattr(estimator, name)(X, **options)
    return in_frame(out, X) if as_frame else out


def in_frame(out, X):
    """The values as X, which may be a frame."""
    return type(X)(out, index=X.index, columns=X.columns) if is_frame(X) else out


def is_frame(X):
    """Whether X has named columns; an array of xarray may have a dimension of that name."""
    return hasattr(type(X), "columns")


def sample_of(X):
    """Two rows of the type, dtype and width of a collection, which nothing is computed for."""
    if hasattr(X, "_meta_nonempty"):
        return X._meta_nonempty.ffill().bfill()  # of strings the second one is missing
    return np.zeros((2, *X.shape[1:]), X.dtype)


@contextmanager
def checking_sample(*samples):
    """Leave the text out of an error of samples, of which frames have text that is made up."""
    try:
        yield
    except ValueError as error:
        message = _without_value(str(error)) if any(map(_is_made_up, samples)) else None
        if message is None:
            raise
        raise ValueError(message) from None


def _is_made_up(sample):
    """Whether a sample is of a frame or of one of its columns."""
    return is_frame(sample) or hasattr(type(sample), "to_frame")


def _without_value(message):
    """A message of text that is no number without the text, or None for another message."""
    known = "could not convert string to float"
    if not message.startswith(f"{known}: "):
        return None
    _, _, column = message.partition(" in column ")  # of X; scikit-learn does not name y
    return f"{known} in column {column}" if column else f"{known}: y has text."


def whole_rows(X):
    """X, whose blocks have whole rows."""
    has_parts = not is_frame(X) and X.ndim == 2 and X.numblocks[1] > 1
    return X.rechunk({1: -1}) if has_parts else X


def map_blocks(name, function, X, **arguments):
    """The function of the blocks of X, of which each row is one of the result.

    ``arguments`` may be Delayed values of Dask; the name is for its diagnostics.
    """
    X = whole_rows(X)
    known = {name: value for name, value in arguments.items() if not _is_collection(value)}
    sample = sample_of(X)
    with checking_sample(sample):
        meta = function(sample, **known)[:0]
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
