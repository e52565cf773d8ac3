"""The partitions of collections, what is computed of each, and how results are merged."""

from contextlib import contextmanager
from functools import partial

import dask
import dask.array
import numpy as np
from dask.bag import from_delayed

from .._lazy import is_frame, is_lazy, sample_of, whole_rows

# Results that one task merges: of 8 the depth for 100 partitions is 3.
SPLIT_EVERY = 8


class Partitions:
    """The partitions of X and of what belongs to its rows.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n, d)
        The number of rows may be unknown.
    **columns : array-like, Dask collection or None
        Of as many rows, like y or sample_weight.

    Attributes
    ----------
    parts : list of tuple
        Delayed X and columns of each partition; None for a column that is None.
    sample : tuple
        Two rows of each, of the same types.
    n_rows : int or None
        Known after a pass.
    """

    def __init__(self, X, **columns):
        self.X = X = whole_rows(_with_columns(X))
        columns = {name: _aligned(name, value, X) for name, value in columns.items()}
        of_each = [_blocks(value) for value in (X, *columns.values())]
        n_parts = len(of_each[0])
        self.parts = list(zip(*(blocks or [None] * n_parts for blocks in of_each), strict=True))
        self.sample = [None if value is None else sample_of(value) for value in columns.values()]
        self.sample.insert(0, sample_of(X))
        self.n_columns, self.n_rows = X.shape[1], None

    def with_columns(self, **columns):
        """The same partitions of X, with other columns."""
        return Partitions(self.X, **columns)

    @property
    def shape(self):
        return self.n_rows, self.n_columns

    def map(self, function, *arguments):
        """Delayed results of function(*arguments, X, *columns) of each partition."""
        return mapped(partial(function, *arguments), self.parts)


def _with_columns(X):
    """X, if it has two dimensions, of which the second is known."""
    if len(X.shape) != 2:
        raise ValueError(f"Expected 2D array, got {len(X.shape)}D collection instead: {X}.")
    if np.isnan(X.shape[1]):
        raise ValueError("X has an unknown number of columns: set its chunks or its meta.")
    return X


@contextmanager
def checking_sample(X):
    """An error of the sample of a frame says that its values are made up."""
    try:
        yield
    except ValueError as error:
        if not is_frame(X):
            raise
        raise ValueError(f"{error} (in two rows made up by the dtypes of X)") from error


def mapped(function, parts):
    """Delayed results of the function, whose errors name the partition, for tuples of arguments."""
    named = dask.delayed(in_partition, pure=False)
    name = _name_of(function)
    return [named(i, function, *part, dask_key_name=_key(name, i)) for i, part in enumerate(parts)]


def _name_of(function):
    return getattr(function, "func", function).__name__


def _key(name, i):
    return f"skbn-{name}-{i}-{dask.base.tokenize(object())}"


def in_partition(i, function, *arguments):
    """What the function gives; an error says of which partition it is."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In partition {i}: {error}") from error


def merged(results, merge):
    """The Delayed result of merging those of all partitions, in a tree and in their order.

    Parameters
    ----------
    results : list of Delayed
    merge : callable
        Makes one result of a list.
    """
    bag = from_delayed([dask.delayed(_alone)(result) for result in results])
    tree = bag.reduction(_only, partial(_of_list, merge=merge), split_every=SPLIT_EVERY)
    return tree.to_delayed()


def persisted(value):
    """The Delayed value, which the scheduler keeps."""
    return dask.persist(dask.delayed(value, traverse=False))[0]


def _alone(result):
    return [result]


def _only(results):
    return next(iter(results))


def _of_list(results, merge):
    return merge(list(results))


def _aligned(name, value, X):
    """The value as a collection with the partitions of X."""
    if value is None:
        return None
    value = whole_rows(value) if is_lazy(value, name) else _in_chunks_of(name, value, X)
    if _knows_sizes(X) and _knows_sizes(value) and value.chunks[0] != X.chunks[0]:
        _check_rows(name, value.shape[0], X)
        value = value.rechunk({0: X.chunks[0]})
    if value.npartitions != X.npartitions:
        raise ValueError(
            f"{name} must have the partitions of X: X has {X.npartitions}, {name} "
            f"{value.npartitions}."
        )
    return value


def _knows_sizes(collection):
    return hasattr(collection, "chunks") and not np.isnan(collection.chunks[0]).any()


def _check_rows(name, n_rows, X):
    if n_rows != X.shape[0]:
        raise ValueError(f"X has {X.shape[0]} rows, and {name} {n_rows}.")


def _in_chunks_of(name, value, X):
    """An array at hand as a collection with the partitions of X."""
    if not _knows_sizes(X):
        raise ValueError(
            f"{name} must be a collection of Dask with the partitions of X, whose numbers of rows "
            f"are not known; got {type(value).__name__}."
        )
    value = np.asarray(value)
    if value.ndim == 0:  # one weight for all
        value = np.full(X.shape[0], value)
    _check_rows(name, len(value), X)
    return dask.array.from_array(value, chunks=(X.chunks[0], *value.shape[1:]))


def _blocks(value):
    return None if value is None else list(np.ravel(value.to_delayed()))
