"""A column of categories as codes: of any dtype of NumPy, pandas, polars or Arrow."""

from typing import NamedTuple

import numpy as np

from .columns import (
    as_array,
    column_of,
    dtype_name,
    dtypes,
    is_frame,
    is_missing,
    is_text,
    names_of,
)

# The dtypes of columns of text and of categories, as their names begin.
TEXT = "str", "string", "large_string", "string_view"
CATEGORIES = "category", "categorical", "enum", "dictionary"


class Coded(NamedTuple):
    """A column as codes of its distinct values.

    Attributes
    ----------
    codes : ndarray of shape (n,), integer
        Positions in ``values``; -1 for a missing value.
    values : list
    missing : object
        The first missing value, or None.
    dtype : object or None
        The dtype of categories, whose order ``values`` has; None for other columns.
    """

    codes: np.ndarray
    values: list
    missing: object = None
    dtype: object = None

    @property
    def is_ordered(self):
        return bool(getattr(self.dtype, "ordered", False))

    def counts(self):
        """The number of rows of each value."""
        return np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]


def is_categorical(column):
    """Whether a column of a frame is one of text or categories by its dtype."""
    name = dtype_name(column)
    return name.startswith(CATEGORIES) or name in TEXT or (name == "object" and is_text(column))


def categorical_by_dtype(X):
    """Whether each column of X is one of text or categories; without dtypes no column is."""
    if not is_frame(X) or not dtypes(X):
        return np.zeros(len(names_of(X)), bool)
    return np.array([is_categorical(column_of(X, j)) for j in range(len(names_of(X)))], bool)


def coded(column, name):
    """The Coded values of a column; ``name`` is for messages."""
    if hasattr(getattr(column, "cat", None), "codes"):  # pandas
        codes = np.asarray(column.cat.codes, np.intp)
        missing = getattr(column.cat.categories.dtype, "na_value", np.nan)
        return Coded(codes, column.cat.categories.tolist(), missing, column.dtype)
    if hasattr(column, "unify_dictionaries") and dtype_name(column) == "dictionary":
        return _of_dictionary(column)
    array = as_array(column)
    if isinstance(array, np.ndarray) and array.dtype.kind in "biuf":
        return _of_numbers(array)
    return _of_objects(column, name)


def _of_dictionary(column):
    """The codes of a dictionary column of Arrow, in one or more chunks."""
    column = column.unify_dictionaries()
    chunks = [np.asarray(chunk.indices.fill_null(-1), np.intp) for chunk in column.chunks]
    values = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    return Coded(np.concatenate([np.empty(0, np.intp), *chunks]), values, dtype=column.type)


def _of_numbers(array):
    values, codes = np.unique(array, return_inverse=True)
    if len(values) and np.isnan(values[-1]):
        values, codes = values[:-1], np.where(codes == len(values) - 1, -1, codes)
    return Coded(codes, values.tolist(), np.nan)


def _of_objects(column, name):
    """The codes of Python objects. Equal values of different types have one code."""
    to_list = next(m for m in ("to_pylist", "to_list", "tolist") if hasattr(column, m))
    values = getattr(column, to_list)()
    codes_of = {}
    try:
        codes = np.array([codes_of.setdefault(value, len(codes_of)) for value in values], np.intp)
    except TypeError as error:
        raise ValueError(
            f"Column {name!r} of X has values that are no categories: {error}"
        ) from None
    found = list(codes_of)
    missing = [value for value in found if is_missing(value)]
    present = [value for value in found if not is_missing(value)]
    new_codes = {value: k for k, value in enumerate(present)}
    new_code = np.array([new_codes.get(value, -1) for value in found], np.intp)
    return Coded(
        new_code[codes] if len(found) else codes, present, *missing[:1], dtype=_enum(column)
    )


def _enum(column):
    """The Enum of polars, which has all its categories, or None."""
    return column.dtype if dtype_name(column) == "enum" else None


def learn_categories(column, name, incremental):
    """The categories of a column, those that the rows have or, in a stream, those of its dtype.

    Returns
    -------
    values : ndarray
        In the order of the dtype, or sorted. A missing value, if rows have one, is the last.
    is_ordered : bool
    has_na : bool
        Whether the missing value is pandas.NA, for which ``values`` has None.
    """
    found = coded(column, name)
    counts = found.counts()
    seen = {value for value, count in zip(found.values, counts, strict=True) if count}
    values = [value for value in _of_dtype(found) if incremental or value in seen]
    is_missing = len(column) > counts.sum()
    has_na = is_missing and type(found.missing).__name__ == "NAType"
    missing = [None if has_na else found.missing] if is_missing else []
    return _array_of(values, missing), found.is_ordered, has_na


def _of_dtype(found):
    """The values of a column in the order of its dtype, or sorted."""
    if found.dtype is not None:
        return list(getattr(found.dtype, "categories", found.values))
    try:
        return sorted(found.values)
    except TypeError:  # text and numbers
        return found.values


def _array_of(values, missing):
    """An array of numbers, in which NaN is missing, or of objects."""
    if values and all(isinstance(value, (bool, int, float)) for value in values):
        return np.array([*values, *(np.nan for _ in missing)])
    array = np.empty(len(values) + len(missing), object)
    array[:] = [*values, *missing]
    return array
