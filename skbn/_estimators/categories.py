"""Columns of categories: which columns they are, what their categories are, and their codes."""

import numpy as np

from .._model.tables import Table
from .coding import categorical_by_dtype, coded
from .columns import column_of, is_frame, names_of
from .seen_categories import SeenCategories

# The attributes of a fitted estimator from which Categories are made.
ATTRIBUTES = "categories_", "is_ordered_", "_has_na", "_is_embedded"

# A column of more categories is embedded. On four tables with columns of 24 to 48 categories (three
# splits, at most 10,000 rows) the loss relative to one-hot columns was 0.998 (adult), 0.887, 0.837
# and 0.814 (bike sharing, electricity, covertype). If columns of 9 to 20 were embedded too, it was
# 1.01 to 1.16 on six tables of classification, and 0.81 on one of regression.
MAX_ONE_HOT = 20


class Categories:
    """The categories of the columns of X.

    Parameters
    ----------
    values : list of ndarray or None
        The categories of each column; None for a column of numbers. A missing value, None or NaN,
        comes last if it is a category.
    is_ordered : ndarray of shape (n_features,), bool
        Whether the rank of a category is a number as well.
    has_na : ndarray of shape (n_features,), bool
        Whether the missing value is pandas.NA, for which ``values`` has None.
    is_embedded : ndarray of shape (n_features,), bool, or None
        Whether the categories of a column are embedded. None, of a model of before, embeds none.

    Attributes
    ----------
    columns, numeric, number_columns : list of int
        The columns of categories, those of numbers, and those that give a number: of numbers and of
        ordered categories. Those of categories that are embedded come last in ``columns``.
    embedded : tuple of int
        Number of categories of each column that is embedded.
    n_categories : int
        Number of categories of all columns.
    """

    def __init__(self, values, is_ordered, has_na, is_embedded):
        self.values, self.is_ordered, self.has_na = values, is_ordered, has_na
        self.is_embedded = np.zeros(len(values), bool) if is_embedded is None else is_embedded
        columns = [j for j, of_column in enumerate(values) if of_column is not None]
        self.columns = sorted(columns, key=lambda j: self.is_embedded[j])
        self.numeric = [j for j, of_column in enumerate(values) if of_column is None]
        self.number_columns = [j for j in range(len(values)) if j in self.numeric or is_ordered[j]]
        sizes = [len(values[j]) for j in self.columns]
        self.embedded = tuple(len(values[j]) for j in self.columns if self.is_embedded[j])
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        self.n_categories = int(self.starts[-1])

    @classmethod
    def learn(cls, found, incremental):
        """The Categories from the SeenCategories of each column, or None for one of numbers."""
        values = [None if seen is None else seen.values(incremental) for seen in found]
        return cls(
            values,
            np.array([seen is not None and seen.is_ordered for seen in found]),
            np.array([seen is not None and seen.has_na for seen in found]),
            np.array([v is not None and len(v) > MAX_ONE_HOT for v in values]),
        )

    @classmethod
    def of(cls, estimator):
        """The Categories of a fitted estimator, or None if no column is one of categories."""
        fitted = vars(estimator)
        if fitted.get("categories_") is None:
            return None
        return cls(*(fitted[name] for name in ATTRIBUTES))

    def attributes(self):
        """The values of the attributes from which ``of`` makes an instance."""
        return self.values, self.is_ordered, self.has_na, self.is_embedded

    def start_of(self, j):
        """The input of the first category of column j, counted from that of the first column."""
        return self.starts[self.columns.index(j)]

    def table(self, X, numbers):
        """The Table of X, of which ``numbers`` (n, number of columns) are those of numbers."""
        names = names_of(X)
        codes = [self._codes(column_of(X, j), j, names[j]) for j in self.columns]
        codes = np.stack(codes, axis=1) if codes else np.empty((len(numbers), 0), np.int32)
        return Table(self._with_ranks(numbers, codes), codes)

    def _codes(self, column, j, name):
        """The inputs (n,) that are 1 for the categories of a column."""
        found = coded(column, name)
        values, start = self.values[j], self.start_of(j)
        check_kind(found.values, values, name)
        positions = {value: start + k for k, value in enumerate(values.tolist())}
        of_missing = start + len(values) - 1 if has_missing(values) else -1
        code_of = [positions.get(value, -1) for value in found.values]
        return np.array([*code_of, of_missing], np.int32)[found.codes]

    def _with_ranks(self, numbers, codes):
        """The numbers and, in the order of the columns, the ranks of ordered categories."""
        if len(self.number_columns) == len(self.numeric):
            return numbers
        of_column = dict(zip(self.numeric, numbers.T, strict=True))
        for c, j in enumerate(self.columns):
            rank = (codes[:, c] - self.starts[c]).astype(numbers.dtype)
            n_ranks = len(self.values[j]) - has_missing(self.values[j])
            of_column[j] = np.where((rank >= 0) & (rank < n_ranks), rank, np.nan)
        columns = [of_column[j] for j in self.number_columns]
        return np.ascontiguousarray(np.stack(columns, axis=1), numbers.dtype)


def has_missing(values):
    """Whether the last category is a missing value."""
    return len(values) > 0 and (values[-1] is None or values[-1] != values[-1])


def check_kind(values, categories, name):
    """Raise if categories that were text are now numbers, or the other way round."""
    kinds = [
        {isinstance(v, str) for v in of_column if v is not None and v == v}
        for of_column in (values, categories.tolist())
    ]
    found, expected = kinds
    if len(found) == len(expected) == 1 and found != expected:
        kind, other = ("text", "numbers") if expected.pop() else ("numbers", "text")
        raise ValueError(
            f"The categories of column {name!r} of X were {kind} in fit, got {other}, for example "
            f"{values[0]!r}."
        )


def seen_categories(X, is_categorical):
    """The SeenCategories of each column of X in a list; None for a column of numbers."""
    names = names_of(X)
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"The names of columns of X must differ, got {repeated[0]!r} twice.")
    return [
        SeenCategories.of(column_of(X, j), names[j]) if is_categorical[j] else None
        for j in range(len(names))
    ]


def categorical_mask(X, categorical_features):
    """Which columns of X are categorical, as an array (n_features,) of bool.

    Parameters
    ----------
    X : frame or ndarray of shape (n, n_features)
    categorical_features : "from_dtype", None, or array-like of bool, int or str
    """
    n_features = len(names_of(X))
    if categorical_features is None:
        return np.zeros(n_features, bool)
    if isinstance(categorical_features, str):
        return categorical_by_dtype(X)
    given = np.asarray(categorical_features)
    mask = np.zeros(n_features, bool)
    if given.size:
        mask[_positions(given, X, n_features)] = True
    return mask


def _positions(given, X, n_features):
    """The index of the columns that a mask, an index or names select."""
    if given.ndim != 1 or given.dtype.kind not in "biuUOT":
        raise ValueError(
            "categorical_features must be 'from_dtype', None or a one-dimensional array-like of "
            f"bool, int or str, got {given!r}."
        )
    if given.dtype.kind == "b":
        if len(given) != n_features:
            raise ValueError(
                "categorical_features set as a boolean mask must have shape (n_features,) = "
                f"({n_features},), got {given.shape}."
            )
        return given
    if given.dtype.kind in "iu":
        outside = given[(given < 0) | (given >= n_features)]
        if len(outside):
            raise ValueError(
                "categorical_features set as integer indices must be in [0, n_features - 1] = "
                f"[0, {n_features - 1}], got {outside[0]}."
            )
        return given
    names = {name: j for j, name in enumerate(names_of(X))} if is_frame(X) else {}
    unknown = [name for name in given.tolist() if name not in names]
    if unknown:
        raise ValueError(
            f"categorical_features has the name {unknown[0]!r}, which is not a column of X. The "
            f"columns are {list(names)}."
        )
    return [names[name] for name in given.tolist()]
