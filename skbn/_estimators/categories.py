"""Columns of categories: which columns they are, what their categories are, and their codes."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from .._model.tables import Table
from .coding import categorical_by_dtype, coded
from .columns import column_of, is_frame, names_of
from .seen_categories import SeenCategories

# The attributes of a fitted estimator from which Categories are made, and their names there.
ATTRIBUTES = {
    "categories_": "values",
    "is_ordered_": "is_ordered",
    "_is_exportable": "is_exportable",
    "_is_embedded": "is_embedded",
}

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
    is_exportable : ndarray of shape (n_features,), bool
        Whether OneHotEncoder can hold the categories of a column.
    is_embedded : ndarray of shape (n_features,), bool
        Whether the categories of a column are embedded.

    Attributes
    ----------
    columns, numeric, number_columns : list of int
        The columns of categories, those of numbers, and those that give a number: of numbers and of
        ordered categories. Those of categories that are embedded come last in ``columns``.
    starts : dict
        The input of the first category of each column, counted from that of the first column.
    embedded : tuple of int
        Number of categories of each column that is embedded.
    n_categories : int
        Number of categories of all columns.
    """

    def __init__(self, values, is_ordered, is_exportable, is_embedded):
        self.values, self.is_ordered = values, is_ordered
        self.is_exportable, self.is_embedded = is_exportable, is_embedded
        is_categorical = np.array([of_column is not None for of_column in values], bool)
        columns, self.numeric, self.number_columns = (
            np.flatnonzero(mask).tolist()
            for mask in (is_categorical, ~is_categorical, ~is_categorical | is_ordered)
        )
        self.columns = sorted(columns, key=lambda j: is_embedded[j])
        sizes = [len(values[j]) for j in self.columns]
        self.embedded = tuple(len(values[j]) for j in self.columns if is_embedded[j])
        self.starts = dict(zip(self.columns, np.cumsum([0, *sizes]).tolist(), strict=False))
        self.n_categories = sum(sizes)
        self.lookups = {}

    @classmethod
    def learn(cls, found, incremental):
        """The Categories from the SeenCategories of each column, or None for one of numbers."""
        values = [None if seen is None else seen.values(incremental) for seen in found]
        return cls(
            values,
            np.array([seen is not None and seen.is_ordered for seen in found], bool),
            np.array([seen is None or seen.is_exportable() for seen in found], bool),
            np.array([v is not None and len(v) > MAX_ONE_HOT for v in values], bool),
        )

    @classmethod
    def of(cls, estimator):
        """The Categories of a fitted estimator, or None if no column is one of categories.

        They are kept with the estimator: 100,000 categories take 20 ms.
        """
        fitted = vars(estimator)
        if fitted.get("categories_") is None:
            return None
        kept = fitted.get("_categories")
        if kept is None or kept.values is not estimator.categories_:
            kept = cls(**{name: fitted[attribute] for attribute, name in ATTRIBUTES.items()})
            estimator._categories = kept
        return kept

    def n_ranks(self, j):
        """The number of categories of column j without a missing value."""
        return len(self.values[j]) - ends_with_missing(self.values[j])

    def table(self, X, numbers):
        """The Table of X, of which ``numbers`` (n, number of columns) are those of numbers."""
        names = names_of(X)
        codes = [self._codes(column_of(X, j), j, names[j]) for j in self.columns]
        codes = np.stack(codes, axis=1) if codes else np.empty((len(numbers), 0), np.int32)
        return Table(self._with_ranks(numbers, codes), codes)

    def _codes(self, column, j, name):
        """The inputs (n,) that are 1 for the categories of a column."""
        found = coded(column, name)
        if j not in self.lookups:
            self.lookups[j] = Lookup.of(self.values[j], self.starts[j])
        return self.lookups[j].codes(found, name)

    def _with_ranks(self, numbers, codes):
        """The numbers and, in the order of the columns, the ranks of ordered categories."""
        if len(self.number_columns) == len(self.numeric):
            return numbers
        of_column = dict(zip(self.numeric, numbers.T, strict=True))
        for c, j in enumerate(self.columns):
            rank = (codes[:, c] - self.starts[j]).astype(numbers.dtype)
            of_column[j] = np.where((rank >= 0) & (rank < self.n_ranks(j)), rank, np.nan)
        columns = [of_column[j] for j in self.number_columns]
        return np.ascontiguousarray(np.stack(columns, axis=1), numbers.dtype)


class Lookup(NamedTuple):
    """The inputs of the categories of a column.

    Attributes
    ----------
    positions : dict
        The input that is 1 for each category, without a missing value.
    of_missing : int
        The input that is 1 for a missing value; -1 if there is none.
    kind : {"text", "numbers"} or None
        What all categories are, if they are of one kind.
    """

    positions: dict
    of_missing: int
    kind: str | None

    @classmethod
    def of(cls, values, start):
        positions = {value: start + k for k, value in enumerate(values.tolist())}
        of_missing = start + len(values) - 1 if ends_with_missing(values) else -1
        if of_missing >= 0:
            positions.popitem()
        return cls(positions, of_missing, _kind_of(positions))

    def codes(self, found, name):
        """The codes (n,) of the Coded values of a column; ``name`` is for messages.

        Raises ValueError if categories that were text are now numbers, or the other way round.
        """
        kind = _kind_of(found.values)
        if None not in (kind, self.kind) and kind != self.kind:
            raise ValueError(
                f"The categories of column {name!r} of X were {self.kind} in fit, got {kind}, for "
                f"example {found.values[0]!r}."
            )
        code_of = [self.positions.get(value, -1) for value in found.values]
        return np.array([*code_of, self.of_missing], np.int32)[found.codes]


def _kind_of(values):
    are_text = {isinstance(value, str) for value in values}
    return None if len(are_text) != 1 else "text" if are_text.pop() else "numbers"


def ends_with_missing(values):
    """Whether the last category is a missing value."""
    return len(values) > 0 and (values[-1] is None or values[-1] != values[-1])


def number_columns(estimator):
    """The columns of X that give a number: those of numbers, and those of ordered categories."""
    categories = Categories.of(estimator)
    return range(estimator.n_features_in_) if categories is None else categories.number_columns


def seen_categories(X, is_categorical):
    """The SeenCategories of each column of X in a list; None for a column of numbers."""
    names = names_of(X)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"The names of columns of X must differ, got {name!r} twice.")
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
    """The index or mask of the columns that a mask, an index or names select."""
    of_kind = {"b": _by_mask, "i": _by_index, "u": _by_index, "U": _by_name, "O": _by_name}
    of_kind["T"] = _by_name
    if given.ndim != 1 or given.dtype.kind not in of_kind:
        raise ValueError(
            "categorical_features must be 'from_dtype', None or a one-dimensional array-like of "
            f"bool, int or str, got {given!r}."
        )
    return of_kind[given.dtype.kind](given, X, n_features)


def _by_mask(given, _X, n_features):
    if len(given) != n_features:
        raise ValueError(
            "categorical_features set as a boolean mask must have shape (n_features,) = "
            f"({n_features},), got {given.shape}."
        )
    return given


def _by_index(given, _X, n_features):
    outside = given[(given < 0) | (given >= n_features)]
    if len(outside):
        raise ValueError(
            "categorical_features set as integer indices must be in [0, n_features - 1] = "
            f"[0, {n_features - 1}], got {outside[0]}."
        )
    return given


def _by_name(given, X, _n_features):
    names = {name: j for j, name in enumerate(names_of(X))} if is_frame(X) else {}
    unknown = [name for name in given.tolist() if name not in names]
    if not names:
        raise ValueError(
            "categorical_features has names, but the columns of X have none: pass a DataFrame, or "
            "indices of columns."
        )
    if unknown:
        raise ValueError(
            f"categorical_features has the name {unknown[0]!r}, which is not a column of X. The "
            f"columns are {list(names)}."
        )
    return [names[name] for name in given.tolist()]
