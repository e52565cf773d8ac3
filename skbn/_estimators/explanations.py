"""Errors of scikit-learn about a value of X, with its column and a remedy."""

from contextlib import contextmanager

import numpy as np

from .columns import first_refused, is_missing


@contextmanager
def explained(X, checks):
    """Extend scikit-learn's errors about a value of X by its column and a remedy."""
    try:
        yield
    except (TypeError, ValueError) as error:
        allow_missing = checks.get("ensure_all_finite", True) is not True
        explanation = _explanation(str(error), X, allow_missing)
        if explanation is None:
            raise
        raise ValueError(explanation) from None  # begins with the same message


def _explanation(message, X, allow_missing):
    """The message that replaces one of scikit-learn and begins with it, or None."""
    message = message.partition("\n")[0]
    if "Complex data not supported" in message:
        return f"{message}: X and y must be real numbers."
    if "fill value must be 0" in message:
        return (
            "X has sparse columns of pandas whose fill value is not 0: pass X.sparse.to_dense(), "
            "or create the columns with fill_value=0."
        )
    is_of_a_value = any(part in message for part in OF_A_VALUE)
    found = first_refused(X, allow_missing) if is_of_a_value else None
    return None if found is None else _of_value(message, *found, allow_missing)


# Parts of the messages of scikit-learn and NumPy about a value that is not a finite number.
OF_A_VALUE = ("Input X contains", "could not convert", "must be a string or a real number")


def _of_value(message, value, row, name, allow_missing):
    """The message about a value that is not a finite number, or None."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (str, bytes)):
        return (
            f"could not convert string to float: {value!r} in column {name!r} of X. Encode text as "
            "numbers first, for example with sklearn.preprocessing.OneHotEncoder or "
            "skrub.TableVectorizer. An MLP takes the column if categorical_features names it "
            "or, with 'from_dtype', if it is a column of text alone in a DataFrame."
        )
    if is_missing(value) and allow_missing:
        return (
            f"{message}: {value!r} in row {row} of column {name!r}. Convert the column to numbers "
            "first, for example with X.convert_dtypes()."
        )
    if is_missing(value):
        return (
            f"Input X contains NaN. The first missing value, {value!r}, is in row {row} of column "
            f"{name!r}. Fill missing values first, for example with sklearn.impute.SimpleImputer."
        )
    return of_infinity(message, value, row, name) if isinstance(value, float) else None


def of_infinity(message, value, row, name):
    return (
        f"{message} The first one, {value}, is in row {row} of column {name!r}. Replace it by a "
        "finite number or remove its row."
    )
