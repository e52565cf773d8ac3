"""The partitions of a table and of its columns, such as y or sample_weight."""

from copy import copy

import numpy as np

from .._estimators import validation
from ._alignment import aligned_blocks, as_collection, check_rows
from ._errors import place_of
from ._fusing import fused
from ._lazy import is_lazy, sample_of, whole_rows
from ._tasks import computed, mapped


class Partitions:
    """The partitions of a table and of its columns, such as y or sample_weight.

    Parameters
    ----------
    **rows : Dask collection, array-like, number or None
        The table comes first. It is a dask.array.Array or a dask.dataframe.DataFrame of shape
        (n, d), where n may be unknown. The others have as many rows, or are a number that applies
        to all rows.

    Attributes
    ----------
    names : tuple of str
    parts : list of tuple
        The Delayed blocks of each partition. Numbers and None are unchanged.
    places : list of str
        Names of the partitions in messages.
    sample : list
        Two rows of each collection, of the same types.
    """

    def __init__(self, **rows):
        (name, X), *columns = rows.items()
        self.X = X = whole_rows(_with_columns(name, X))
        collections = {name: X} | {key: as_collection(key, v, (name, X)) for key, v in columns}
        blocks = aligned_blocks({key: v for key, v in collections.items() if is_lazy(v)})
        n_parts = len(blocks[name])
        of_each = [blocks.get(key, [value] * n_parts) for key, value in collections.items()]
        self.names, self.parts = tuple(rows), list(zip(*of_each, strict=True))
        self.places = [place_of(name, i) for i in range(n_parts)]
        self.sample = [sample_of(v) if is_lazy(v) else v for v in collections.values()]

    def with_columns(self, **columns):
        """The partitions of the same table with other columns."""
        return Partitions(**{self.names[0]: self.X}, **columns)

    def with_parts(self, parts, places):
        """The same collections with their rows in other Delayed blocks."""
        other = copy(self)
        other.parts, other.places = parts, places
        return other

    def map(self, function, arguments):
        """Delayed results of ``function(*arguments[i], *blocks)`` for each partition i."""
        parts = [(function, self.names, *rows) for rows in zip(arguments, self.parts, strict=False)]
        return fused(mapped(_of_rows, parts, self.places, function.__name__))

    def reduce(self, function, arguments, merge):
        """The merged results of a function of each partition; see ``map``."""
        return computed(self.map(function, arguments), merge, self.places)


def _of_rows(function, names, arguments, blocks):
    """The result of the function for blocks, which must have equal numbers of rows."""
    table, *columns = blocks
    for name, block in zip(names[1:], columns, strict=True):
        for n in np.shape(block)[:1]:  # None and numbers have no shape
            check_rows(names[0], table.shape[0], name, n)
    return function(*arguments, *blocks)


def _with_columns(name, X):
    """Return X. Raise unless it has two dimensions and a known number of columns."""
    if len(X.shape) != 2:
        raise ValueError(f"Expected 2D array, got {len(X.shape)}D collection instead: {name}={X}.")
    if np.isnan(X.shape[1]):
        raise ValueError(f"{name} has an unknown number of columns: set its chunks or its meta.")
    return X


def check_rows_with_weight(n_rows):
    """Raise the error of a local fit to no rows, or to ``n_rows`` rows of weight 0."""
    zeros = np.zeros((n_rows, 1))
    validation.check_array(zeros)
    validation.validate_weights(zeros[:, 0], zeros)


def has_no_weight(sample_weight):
    """Whether all weights are 0, which is valid in a partition but not for all rows."""
    return sample_weight is not None and not np.any(np.asarray(sample_weight))
