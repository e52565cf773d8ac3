"""The categories that rows of a column have, which become those of a fitted estimator."""

from dataclasses import dataclass

import numpy as np

from .coding import coded


@dataclass
class SeenCategories:
    """The categories of a column in some of the rows.

    Attributes
    ----------
    seen : set
        The categories that rows have, without a missing value.
    missing : list
        A missing value that a row has; empty without any.
    order : list
        All categories of the dtype in their order; empty if the dtype has none.
    is_ordered : bool
        Whether the dtype is ordered.
    """

    seen: set
    missing: list
    order: list
    is_ordered: bool

    @classmethod
    def of(cls, column, name):
        """Those of a column; ``name`` is for messages."""
        found = coded(column, name)
        missing = [found.missing] if (found.codes < 0).any() else []
        return cls(found.seen(), missing, found.order(), found.is_ordered)

    def merge(self, *others):
        """Those of the rows of all."""
        parts = (self, *others)
        return SeenCategories(
            set().union(*(part.seen for part in parts)),
            [value for part in parts for value in part.missing][:1],
            list(dict.fromkeys(value for part in parts for value in part.order)),
            all(part.is_ordered for part in parts),
        )

    @property
    def has_na(self):
        """Whether the missing value is pandas.NA."""
        return any(type(value).__name__ == "NAType" for value in self.missing)

    def values(self, incremental):
        """The categories of the estimator as an array; a missing value is the last.

        They are those that rows have, and in a stream all of the dtype, in the order of the dtype,
        or sorted.
        """
        others = self.seen.difference(self.order)
        ordered = [value for value in self.order if incremental or value in self.seen]
        return _array_of([*ordered, *_sorted(others)], [None] if self.has_na else self.missing)

    def is_seen(self, values):
        """Whether rows have each of these categories."""
        is_missing = len(self.missing) > 0
        return [v in self.seen or ((v is None or v != v) and is_missing) for v in values.tolist()]


def _sorted(values):
    try:
        return sorted(values)
    except TypeError:  # text and numbers
        return sorted(values, key=lambda value: (str(type(value)), value))


def _array_of(values, missing):
    """An array of numbers, in which NaN is missing, or of objects."""
    if values and all(isinstance(value, (bool, int, float)) for value in values):
        return np.array([*values, *(np.nan for _ in missing)])
    array = np.empty(len(values) + len(missing), object)
    array[:] = [*values, *missing]
    return array
