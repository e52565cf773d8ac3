"""The columns of a table: their names, their dtypes, and values that are not numbers."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, time, timedelta

import numpy as np
from scipy import sparse

from ..dask._lazy import is_frame

OBJECT = np.dtype(object)

# The dtypes of columns of text, and of categories, as their names begin.
TEXT = "str", "string", "large_string", "string_view"
CATEGORIES = "category", "categorical", "enum", "dictionary"

# Timestamp and Timedelta of pandas are subclasses of these.
TIMES = (np.datetime64, np.timedelta64, date, time, timedelta)


def names_of(X):
    """The names of the columns of X; those of an array are x0, x1, ..."""
    if is_frame(X):
        return list(getattr(X, "column_names", X.columns))  # Arrow
    return [f"x{j}" for j in range(X.shape[1])]


def has_columns(X):
    """Whether X is a table whose columns can be taken by their names."""
    return is_frame(X) and hasattr(X, "__getitem__")


def column_of(X, j):
    """Column j of X, in the type of its library."""
    if hasattr(X, "iloc"):
        return X.iloc[:, j]
    if hasattr(X, "column_names"):  # Arrow
        return X.column(int(j))
    return X[names_of(X)[j]] if is_frame(X) else X[:, j]


def selected(X, columns):
    """These columns of X, in the type of its library."""
    if hasattr(X, "iloc"):
        return X.iloc[:, columns]
    if hasattr(X, "column_names"):
        return X.select(columns)
    return X[[names_of(X)[j] for j in columns]] if is_frame(X) else X[:, columns]


def dtype_name(column):
    """The name of the dtype of a column in lower case, without its parameters."""
    return _name_of(getattr(column, "dtype", getattr(column, "type", "")))


def dtype_names(X):
    """The names of the dtypes of the columns of a table; empty if they are unknown."""
    of_columns = dtypes_of_columns(X)
    names = {dtype: _name_of(dtype) for dtype in set(of_columns)}
    return [names[dtype] for dtype in of_columns]


def _name_of(dtype):
    name = str(dtype).lower()
    return name.partition("[")[0].partition("(")[0].partition("<")[0]


def is_of_numbers(column):
    """Whether the dtype of a column is one of integers or floats, in any library."""
    dtype = _numpy_dtype(getattr(column, "dtype", getattr(column, "type", None)))
    return dtype is not None and dtype.kind in "iuf"


def as_floats(column):
    """A column of floats of any library, or one of NumPy's numbers, as an array; else None."""
    dtype = getattr(column, "dtype", getattr(column, "type", None))
    if isinstance(dtype, np.dtype):
        return np.asarray(column) if dtype.kind in "biuf" else None
    found = _numpy_dtype(dtype)
    if found is None or found.kind != "f":
        return None
    is_pandas = hasattr(column, "iloc")
    return column.to_numpy(dtype=found, na_value=np.nan) if is_pandas else column.to_numpy()


def is_text(column):
    """Whether a column of objects has text, and nothing else but missing values.

    pandas finds it 10 times as fast.
    """
    if hasattr(column, "iloc"):
        return sys.modules["pandas"].api.types.infer_dtype(column, skipna=True) == "string"
    is_str = [isinstance(value, str) for value in column]
    others = (value for value, is_text in zip(column, is_str, strict=True) if not is_text)
    return any(is_str) and all(map(is_missing, others))


def with_missing_as_nan(X):
    """X with NaN for the missing values among numbers of dtype object, which NumPy rejects."""
    if isinstance(X, np.ndarray) and X.dtype == OBJECT:
        return _missing_as_nan(X)
    if not hasattr(X, "iloc") or X.ndim != 2 or OBJECT not in dtypes(X):
        return X
    X = X.copy(deep=False)
    for j, dtype in enumerate(X.dtypes):
        if dtype == OBJECT and not is_text(X.iloc[:, j]):
            X.isetitem(j, _missing_as_nan(X.iloc[:, j].to_numpy()))
    return X


def _missing_as_nan(array):
    is_value_missing = [is_missing(value) for value in array.ravel()]
    if not any(is_value_missing):
        return array
    array = array.copy()
    array[np.reshape(is_value_missing, array.shape)] = np.nan
    return array


def dtypes(X):
    """The dtype of an array, or those of the columns of a table; empty if they are unknown."""
    if is_frame(X):
        return set(dtypes_of_columns(X))
    return {X.dtype} if hasattr(X, "dtype") else set()


def dtypes_of_columns(X):
    """The dtypes of the columns of a table, in their order; empty if they are unknown."""
    of_columns = getattr(X, "dtypes", None)  # pandas creates it on every access
    if of_columns is not None:
        return list(of_columns)
    schema = getattr(X, "schema", None)
    return list(schema.values() if isinstance(schema, Mapping) else getattr(schema, "types", ()))


def float_dtype(X, accepted):
    """The common float dtype of the columns of X if it is one of the accepted dtypes, or None.

    scikit-learn converts all floats of polars, Arrow and nullable pandas to float64.
    """
    found = {_numpy_dtype(dtype) for dtype in dtypes(X)}
    if not found or None in found:
        return None
    dtype = np.result_type(*found)
    return dtype if dtype.kind == "f" and dtype in accepted else None


def is_exact_in_float32(dtype):
    """Whether float32 has all values of a dtype, such as integers of at most 16 bits."""
    found = _numpy_dtype(dtype)
    return found is not None and found.kind in "biuf" and np.can_cast(found, np.float32)


def _numpy_dtype(dtype):
    """The NumPy dtype for the values of a column, or None if there is none."""
    try:
        if hasattr(dtype, "to_pandas_dtype"):  # Arrow
            dtype = dtype.to_pandas_dtype()
        name = getattr(dtype, "numpy_dtype", dtype)  # nullable pandas
        return np.dtype(name if isinstance(name, (np.dtype, type)) else str(name).lower())
    # An Arrow dictionary has no NumPy dtype, and the name of a decimal is not a valid one.
    except (TypeError, ValueError, NotImplementedError):
        return None


def times_in(X):
    """The types of dates and times in X, with the columns of a table that have them."""
    of_columns = dtypes(X)
    if not of_columns and (hasattr(X, "__array__") or isinstance(X, (list, tuple))):
        with suppress(ValueError):  # scikit-learn raises for rows of unequal length
            X = np.asarray(X)
            of_columns = {X.dtype}
    found = {_described(X, dtype) for dtype in of_columns if _is_time(dtype)}
    if any(map(_is_opaque, of_columns)):
        for name, column in _opaque_columns(X):
            where = "" if name is None else f" in column {name!r}"
            found |= {f"{of_values}{where}" for of_values in _times_of(column)}
    return sorted(found)


def _described(X, dtype):
    """The dtype, and the columns of a table that have it."""
    if not is_frame(X):
        return str(dtype)
    named = zip(names_of(X), dtypes_of_columns(X), strict=True)
    return f"{dtype} in column {', '.join(repr(name) for name, of in named if of == dtype)}"


def _is_time(dtype):
    # The dtype of the values of categories, in pandas and in Arrow.
    dtype = getattr(getattr(dtype, "categories", None), "dtype", dtype)
    dtype = getattr(dtype, "value_type", dtype)
    kinds, names = tuple("mM"), ("date", "time", "duration", "period")
    return getattr(dtype, "kind", None) in kinds or str(dtype).lower().startswith(names)


def _is_opaque(dtype):
    """Whether the dtype does not tell the type of the values, such as that of objects."""
    if _name_of(dtype) in TEXT:
        return False
    kind = getattr(dtype, "kind", None)  # polars and Arrow have none
    of_values = None if kind else _numpy_dtype(dtype)
    tells_nothing = kind == "O" or (not kind and (of_values is None or of_values == OBJECT))
    return tells_nothing and not _is_time(dtype)


def _opaque_columns(X):
    """The columns of X that have an opaque dtype, with their names.

    An array or a series is one column, which has no name.
    """
    if not has_columns(X):
        return [(None, X)]
    are_opaque = list(map(_is_opaque, dtypes_of_columns(X)))
    if hasattr(X, "iloc"):  # names may occur twice
        columns = [(name, X.iloc[:, j]) for j, name in enumerate(X.columns) if are_opaque[j]]
        return [(name, column) for name, column in columns if not is_text(column)]
    named = zip(names_of(X), are_opaque, strict=True)
    return [(name, X[name]) for name, is_opaque in named if is_opaque]


def _times_of(column):
    """The names of the types of dates and times among the values of a column."""
    with suppress(TypeError, ValueError, NotImplementedError):  # scikit-learn raises for these
        values = np.asarray(column)
        if values.dtype == OBJECT:
            return {type(value).__name__ for value in values.ravel() if _is_time_value(value)}
        return {str(values.dtype)} if _is_time(values.dtype) else set()
    return set()


def _is_time_value(value):
    return isinstance(value, TIMES) or type(value).__name__ == "Period"


def first_refused(X, allow_missing):
    """The first value of X that is not a finite number, with its row and column name, or None.

    Columns without a name are called x0, x1, ...
    """
    for name, column in _named_columns(X):
        row = _first_refused_row(column, allow_missing)
        if row is not None:
            return _value_at(column, row), row, name
    return None


def _first_refused_row(column, allow_missing):
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
        refused = ~np.isfinite(column) & ~(allow_missing & np.isnan(column))
        return int(refused.argmax()) if refused.any() else None
    values = column.to_pylist() if hasattr(column, "to_pylist") else column  # Arrow
    allows_na = allow_missing and dtype_name(column) != "object"  # NumPy cannot convert these
    allowed = allow_missing, allows_na
    rows = (row for row, value in enumerate(values) if not _is_number(value, *allowed))
    return next(rows, None)


def _value_at(column, row):
    value = column.iloc[row] if hasattr(column, "iloc") else column[row]
    return value.as_py() if hasattr(value, "as_py") else value  # Arrow


def _is_number(value, allow_missing, allows_na):
    if is_missing(value):
        return allows_na if type(value).__name__ == "NAType" else allow_missing
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def is_missing(value):
    """Whether a value is missing: None, NaN, NaT or pandas.NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def first_infinite(X):
    """The first infinite value of an array or sparse matrix X, its row and its column, or None."""
    if sparse.issparse(X):
        X = X.tocoo()
        infinite = np.flatnonzero(np.isinf(X.data))
        places = [(X.data[k], X.row[k], X.col[k]) for k in infinite[:1]]
    else:
        places = [(X[row, j], row, j) for row, j in np.argwhere(np.isinf(X))[:1]]
    return places[0] if places else None


def as_array(column):
    """A column of a NumPy dtype as an array, which is checked 100 times as fast."""
    return np.asarray(column) if isinstance(getattr(column, "dtype", None), np.dtype) else column


def _named_columns(X):
    """The columns of X with their names."""
    if sparse.issparse(X):
        X = X.tocsc()
        for j in range(X.shape[1]):
            yield f"x{j}", X[:, [j]].toarray().ravel()
        return
    if has_columns(X):
        yield from ((name, as_array(X[name])) for name in names_of(X))
        return
    X = np.asarray(X, dtype=None if hasattr(X, "dtype") else object)
    yield from ((f"x{j}", X[:, j]) for j in range(X.shape[1] if X.ndim == 2 else 0))
