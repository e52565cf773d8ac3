"""Validation of an X whose columns may be categories."""

import sys
import warnings

import numpy as np
from scipy import sparse

from .._backends.cuda import on_host
from .._backends.stacklevel import levels_below_caller
from ..dask._lazy import is_lazy
from . import validation
from .categories import ATTRIBUTES, Categories, categorical_mask, seen_categories
from .coding import categorical_by_dtype, coded
from .columns import (
    column_of,
    has_columns,
    is_frame,
    names_of,
    selected,
    with_missing_as_nan,
)
from .seen_categories import SeenCategories
from .state import shallow_copy

# A column of categories is likely to name the rows if more of its values than this are different,
# in a table of as many rows.
MAX_DIFFERENT = 0.9
MIN_ROWS_TO_JUDGE = 100

NUMBERS_AS_TEXT = "They are numbers as text: convert them, for example with pandas.to_numeric."
NO_INFORMATION = (
    "Such categories carry little information about other rows. Leave the column out, or encode it "
    "first, for example with skrub's TableVectorizer."
)


def learn_categories(estimator, X, incremental):
    """Set the attributes ``categories_`` and ``is_ordered_``; they are None without categories."""
    X = as_table(X, estimator.categorical_features)
    is_categorical = mask_of(estimator, X)
    found = seen_categories(X, is_categorical) if is_categorical.any() else None
    if found is not None and not incremental:
        warn_of_identifiers(names_of(X), found, len(X))
    take_categories(estimator, found, incremental)


def warn_of_identifiers(names, found, n_rows):
    """Warn of columns of categories in which nearly every row has a different value."""
    for name, seen in zip(names, found, strict=True):
        n_seen = 0 if seen is None else len(seen.seen)
        if n_rows >= MIN_ROWS_TO_JUDGE and n_seen > MAX_DIFFERENT * n_rows:
            advice = NUMBERS_AS_TEXT if _are_numbers(seen.seen) else NO_INFORMATION
            warnings.warn(
                f"Column {name!r} of X has {n_seen} different categories in {n_rows} rows. "
                f"{advice}",
                UserWarning,
                stacklevel=levels_below_caller(),
            )


def _are_numbers(categories):
    """Whether all categories are text that can be read as numbers."""
    try:
        return all(isinstance(value, str) and np.isfinite(float(value)) for value in categories)
    except ValueError:
        return False


def mask_of(estimator, X):
    """Which columns of X are categorical; of an X that is no table, none is."""
    if not is_frame(X) and getattr(X, "ndim", None) != 2:
        return np.zeros(0, bool)
    return categorical_mask(X, estimator.categorical_features)


def take_categories(estimator, found, incremental):
    """Set the attributes from the SeenCategories of the columns; None without categories."""
    categories = None if found is None else Categories.learn(found, incremental)
    for attribute, name in ATTRIBUTES.items():
        setattr(estimator, attribute, getattr(categories, name, None))
    estimator._categories = categories


def take_columns(estimator, is_categorical):
    """Set the attributes to categories that rows are not known of yet, by a mask of the columns."""
    nothing = SeenCategories(set(), [], [], False)
    found = [nothing if is_one else None for is_one in is_categorical]
    take_categories(estimator, found if is_categorical.any() else None, incremental=False)


def without_categories(estimator):
    """A copy of the estimator whose columns of categories have none."""
    other = shallow_copy(estimator)
    if vars(estimator).get("categories_") is not None:
        take_columns(other, np.array([values is not None for values in estimator.categories_]))
    return other


def check_same_categories(estimator, X):
    """Raise if training would continue with other columns of categories."""
    if isinstance(estimator.categorical_features, str):
        return
    previous = [] if estimator.categories_ is None else sorted(Categories.of(estimator).columns)
    mask = mask_of(estimator, as_table(X, estimator.categorical_features))
    columns = np.flatnonzero(mask).tolist()
    if columns != previous:
        raise ValueError(
            "Training can only continue with the categorical_features of the previous call to fit: "
            f"columns {previous}, got {columns}."
        )


def validate_table(estimator, X, *y, reset, **checks):
    """X, or X and y, validated; X is an array, a CSR matrix or, with categories, a Table.

    With ``reset`` the number of features and their names become attributes of the estimator.
    """
    X = as_table(X, estimator.categorical_features)
    if _accepts_nan(estimator, reset):
        X, checks = with_missing_as_nan(X), checks | {"ensure_all_finite": "allow-nan"}
    categories = Categories.of(estimator)
    is_by_dtype = isinstance(estimator.categorical_features, str)
    if not reset and is_by_dtype and has_columns(X):
        _check_numeric(estimator, X, categories)
    if categories is None:
        return validation.validate_data(estimator, X, *y, reset=reset, **checks)
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    _check_rows(X)
    validation.check_features(estimator, X, reset)
    numbers, y = _validated_numbers(estimator, categories.numeric, X, y, checks)
    table = categories.table(X, numbers)
    return (table, y) if y is not None else table


def warn_of_unknown_categories(estimator, X, table):
    """Warn that values of X, which became the Table, are not categories of the estimator."""
    categories = Categories.of(estimator)
    if categories is None or (table.codes >= 0).all():
        return
    X = as_table(X, estimator.categorical_features)
    for j, codes in zip(categories.columns, table.codes.T, strict=True):
        if (codes >= 0).all():
            continue
        name = names_of(X)[j]
        found = coded(column_of(X, j), name)
        rows = np.flatnonzero((codes < 0) & (found.codes >= 0))  # a missing value has no code
        if len(rows):
            value = found.values[found.codes[rows[0]]]
            warnings.warn(
                f"{len(rows)} of {len(codes)} values of column {name!r} of X are not categories "
                f"of the model, for example {value!r}, and contribute nothing. A "
                "categorical dtype in the first call to partial_fit, such as "
                "pandas.CategoricalDtype, declares all categories.",
                UserWarning,
                stacklevel=levels_below_caller(),
            )


def as_table(X, categorical_features):
    """X in host memory: a frame of its own library, an array or another array-like."""
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X must have its rows in memory, got a LazyFrame: pass X.collect().")
    X = validation.checked_values(on_host(X))
    if is_frame(X) and is_lazy(X):
        X = X.compute()
    if hasattr(X, "to_native"):  # narwhals
        return X.to_native()
    if hasattr(X, "column_names") and not hasattr(X, "to_batches"):  # a batch of Arrow
        return sys.modules["pyarrow"].Table.from_batches([X])
    if categorical_features is None or isinstance(categorical_features, str) or is_frame(X):
        return X
    _check_dense(X)
    array = np.asarray(X)
    return np.asarray(X, dtype=object) if array.dtype.kind in "SUT" else array


def _check_dense(X):
    if sparse.issparse(X):
        raise ValueError(
            "categorical_features needs dense X, got a sparse matrix. Pass "
            "categorical_features=None or X.toarray()."
        )


def _check_rows(X):
    """Raise unless X is a dense table; the errors of scikit-learn name its shape."""
    _check_dense(X)
    if len(X.shape) != 2:
        validation.check_array(X, dtype=None, ensure_all_finite=False)


def allows_nan(estimator):
    """Whether fit accepts missing values."""
    return estimator.normalize_inputs or estimator.categorical_features is not None


def _accepts_nan(estimator, reset):
    """Whether X may have missing values, in fit or in what follows it."""
    if reset or "input_means_" not in vars(estimator):
        return allows_nan(estimator)
    return estimator.input_means_ is not None


def _validated_numbers(estimator, numeric, X, y, checks):
    """The columns of numbers of X as an array (n, number of columns), and y or None."""
    unnamed = shallow_copy(estimator)
    for name in validation.IDENTITY:
        vars(unnamed).pop(name, None)
    is_all_numbers = isinstance(X, np.ndarray) and X.dtype.kind in "biuf"
    columns = np.zeros((X.shape[0], 1), np.float32)
    if numeric:  # errors name a column of an array by its number
        columns = X if is_all_numbers else selected(X, numeric)
    valid = validation.validate_data(unnamed, columns, *y, reset=True, **checks)
    numbers, y = valid if y else (valid, None)
    if not numeric:
        return numbers[:, :0], y
    return (np.ascontiguousarray(numbers[:, numeric]) if is_all_numbers else numbers), y


def _check_numeric(estimator, X, categories):
    """Raise if a column that had numbers in fit has text or the dtype of categories."""
    expected = () if categories is None else categories.columns
    unexpected = [j for j in np.flatnonzero(categorical_by_dtype(X)) if j not in expected]
    if unexpected:
        validation.check_features(estimator, X, reset=False)  # columns may have moved
        raise ValueError(
            f"Column {names_of(X)[unexpected[0]]!r} of X had numbers or no values in fit, and has "
            "text or categories now. Convert it to numbers, or fit again. In partial_fit, a dtype "
            "of categories in the first call declares them."
        )
