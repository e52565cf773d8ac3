"""Validation of an X whose columns may be categories."""

import numpy as np
from scipy import sparse

from .._backends.cuda import on_host
from . import validation
from .categories import ATTRIBUTES, Categories, categorical_mask, seen_categories
from .coding import CATEGORIES
from .columns import (
    column_of,
    dtype_name,
    dtypes,
    is_frame,
    names_of,
    selected,
    with_missing_as_nan,
)
from .state import shallow_copy


def learn_categories(estimator, X, incremental):
    """Set the attributes ``categories_`` and ``is_ordered_``; they are None without categories."""
    X = as_table(X, estimator.categorical_features)
    is_categorical = mask_of(estimator, X)
    found = seen_categories(X, is_categorical) if is_categorical.any() else None
    take_categories(estimator, found, incremental)


def mask_of(estimator, X):
    """Which columns of X are categorical; of an X that is no table, none is."""
    if not is_frame(X) and getattr(X, "ndim", None) != 2:
        return np.zeros(0, bool)
    return categorical_mask(X, estimator.categorical_features)


def take_categories(estimator, found, incremental):
    """Set the attributes from the SeenCategories of the columns; None without categories."""
    categories = None if found is None else Categories.learn(found, incremental)
    learned = [None] * len(ATTRIBUTES) if categories is None else categories.attributes()
    vars(estimator).update(zip(ATTRIBUTES, learned, strict=True))


def without_values(estimator):
    """A copy of the estimator whose columns of categories have none."""
    other = shallow_copy(estimator)
    if vars(estimator).get("categories_") is not None:
        other.categories_ = [None if v is None else v[:0] for v in estimator.categories_]
    return other


def validate_table(estimator, X, *y, reset, **checks):
    """X, or X and y, validated; X is an array, a CSR matrix or, with categories, a Table.

    With ``reset`` the number of features and their names become attributes of the estimator.
    """
    X = as_table(X, estimator.categorical_features)
    if _accepts_nan(estimator, reset):
        X, checks = with_missing_as_nan(X), checks | {"ensure_all_finite": "allow-nan"}
    categories = Categories.of(estimator)
    if not reset and is_frame(X):
        _check_numeric(X, categories)
    if categories is None:
        return validation.validate_data(estimator, X, *y, reset=reset, **checks)
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    validation.check_features(estimator, X, reset)
    numbers, y = _validated_numbers(estimator, categories.numeric, X, y, checks)
    table = categories.table(X, numbers)
    return (table, y) if y is not None else table


def as_table(X, categorical_features):
    """X in host memory: a frame of its own library, an array or another array-like."""
    X = on_host(X)
    validation.check_values(X)
    if hasattr(X, "to_native"):  # narwhals
        return X.to_native()
    if categorical_features is None or isinstance(categorical_features, str) or is_frame(X):
        return X
    if sparse.issparse(X):
        raise ValueError(
            "categorical_features needs dense X, got a sparse matrix. Pass "
            "categorical_features=None or X.toarray()."
        )
    array = np.asarray(X)
    return np.asarray(X, dtype=object) if array.dtype.kind in "SUT" else array


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
    columns = selected(X, numeric) if numeric else np.zeros((X.shape[0], 1), np.float32)
    valid = validation.validate_data(unnamed, columns, *y, reset=True, **checks)
    numbers, y = valid if y else (valid, None)
    return (numbers if numeric else numbers[:, :0]), y


def _check_numeric(X, categories):
    """Raise if a column that had numbers in fit has the dtype of categories."""
    if not any(str(dtype).lower().startswith(CATEGORIES) for dtype in dtypes(X)):
        return
    names = names_of(X)
    numeric = range(len(names)) if categories is None else categories.numeric
    for j in (j for j in numeric if j < len(names)):
        if dtype_name(column_of(X, j)).startswith(CATEGORIES):
            raise ValueError(
                f"Column {names[j]!r} of X had numbers in fit, and has a dtype of categories now. "
                "Convert it to numbers, or fit again."
            )
