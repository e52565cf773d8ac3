"""The categories that rows of a column have, which become those of a fitted estimator."""

from dataclasses import dataclass

import numpy as np

from .coding import coded, one_of_each_type


@dataclass
class SeenCategories:
    """The categories of a column in some of the rows.

    Attributes
    ----------
    seen : set
        The categories that rows have, without a missing value.
    missing : list
        A missing value of each type that rows have; empty without any.
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
        missing = found.missing if (found.codes < 0).any() else []
        return cls(found.seen(), missing, found.order(), found.is_ordered)

    def merge(self, *others):
        """Those of the rows of all."""
        parts = (self, *others)
        return SeenCategories(
            set().union(*(part.seen for part in parts)),
            one_of_each_type(value for part in parts for value in part.missing),
            list(dict.fromkeys(value for part in parts for value in part.order)),
            all(part.is_ordered for part in parts),
        )

    def values(self, incremental):
        """The categories of the estimator as an array; a missing value is the last.

        They are those that rows have, in the order of the dtype, or sorted. In a stream, and if
        they are ordered, they are all of the dtype, so that ranks do not depend on the rows.
        """
        takes_all, others = incremental or self.is_ordered, self.seen.difference(self.order)
        ordered = [value for value in self.order if takes_all or value in self.seen]
        return _array_of([*ordered, *_sorted(others)], self.missing[:1])

    def is_exportable(self):
        """Whether OneHotEncoder can hold the categories and their missing value."""
        values = self.seen.union(self.order)
        types = {type(value) for value in self.missing}
        if all(isinstance(value, str) for value in values):
            return types <= {float, type(None)}
        if any(isinstance(value, str) for value in values):
            return False
        has_bool = any(isinstance(value, bool) for value in values)
        is_exact = _array_of(list(values), self.missing).dtype != object
        return not types or (types == {float} and not has_bool and is_exact)


def _sorted(values):
    try:
        return sorted(values)
    except TypeError:  # text and numbers
        return sorted(values, key=repr)


def _array_of(values, missing):
    """An array of numbers, in which NaN is missing, or of objects.

    A missing value that is neither None nor NaN becomes None.
    """
    if values and all(isinstance(value, (bool, int, float)) for value in values):
        array = np.array([*values, *(np.nan for _ in missing[:1])])
        if array[: len(values)].tolist() == values:  # NaN makes floats of integers
            return array
    array = np.empty(len(values) + len(missing[:1]), object)
    array[:] = [*values, *(m if isinstance(m, float) else None for m in missing[:1])]
    return array
