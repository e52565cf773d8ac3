"""What is no matrix of numbers is refused in words, and leaves no trace."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from reliability.inputs import (
    CSR,
    DAYS,
    FRAME,
    MASK,
    NAMES,
    WORDS,
    N,
    V,
    assert_refused,
    classifier,
    normalizer,
    polars,
    regressor,
)
from scipy import sparse

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

TEXT = (ValueError,), "could not convert string to float: .*no|could not convert string.*yes"
TIMES = (ValueError,), "X has dates or times .*: pass numbers"
NO_NUMBER = (TypeError,), "must be a string or a real number, not '{}'"
NOT_2D = (ValueError,), "Expected 2D array, got {} instead"


def not_a_number(name):
    return NO_NUMBER[0], NO_NUMBER[1].format(name)


def not_2d(what):
    return NOT_2D[0], NOT_2D[1].format(what)


REFUSED = {
    "text": (lambda: np.column_stack([WORDS] * 3), *TEXT),
    "bytes": (lambda: np.column_stack([WORDS] * 3).astype("S"), *TEXT),
    "objects with text": (lambda: np.column_stack([WORDS, V[:, :2]]).astype(object), *TEXT),
    "text in a list": (lambda: [[word, 1.0, 2.0] for word in WORDS], *TEXT),
    **{
        f"pandas, text as {dtype}": (lambda dtype=dtype: FRAME.assign(a=as_pandas(dtype)), *TEXT)
        for dtype in ("str", "object", "string", "category", pd.ArrowDtype(pa.string()))
    },
    "polars, text": (lambda: polars(V).with_columns(a=pl.Series(list(WORDS))), *TEXT),
    "polars, categories": (
        lambda: polars(V).with_columns(a=pl.Series(list(WORDS), dtype=pl.Categorical)),
        *TEXT,
    ),
    "pandas, dates": (lambda: FRAME.assign(a=DAYS), *TIMES),
    "pandas, dates alone": (lambda: pd.concat([DAYS] * 3, axis=1), *TIMES),
    "pandas, dates of a time zone": (
        lambda: pd.concat([DAYS.dt.tz_localize("UTC")] * 3, axis=1),
        *TIMES,
    ),
    "pandas, durations": (lambda: FRAME.assign(a=DAYS - DAYS[0]), *TIMES),
    "pandas, periods": (lambda: FRAME.assign(a=DAYS.dt.to_period("D")), *TIMES),
    "pandas, timestamps of Arrow": (
        lambda: FRAME.assign(a=DAYS.astype(pd.ArrowDtype(pa.timestamp("ns")))),
        *TIMES,
    ),
    "pandas, dates of Arrow": (
        lambda: FRAME.assign(a=DAYS.dt.date.astype(pd.ArrowDtype(pa.date32()))),
        *TIMES,
    ),
    "pandas, dates as objects": (
        lambda: FRAME.assign(a=DAYS.astype(object)),
        *TIMES,
    ),
    "polars, dates": (lambda: polars(V).with_columns(a=pl.Series(DAYS.to_numpy())), *TIMES),
    "polars, durations": (
        lambda: polars(V).with_columns(a=pl.Series((DAYS - DAYS[0]).to_numpy())),
        *TIMES,
    ),
    "Arrow table of dates": (
        lambda: pa.table(dict.fromkeys(NAMES, pa.array(DAYS.to_numpy()))),
        *TIMES,
    ),
    "dates": (lambda: V.astype(int).astype("M8[D]"), *TIMES),
    "big-endian dates": (lambda: V.astype(int).astype(">M8[s]"), *TIMES),
    "durations": (lambda: V.astype(int).astype("m8[s]"), *TIMES),
    "pandas, NA as an object": (
        lambda: FRAME.astype(object).where(~MASK, pd.NA),
        *((ValueError,), r"<NA>.* in row \d+ of column '\w+'"),
    ),
    "pandas, a name twice": (
        lambda: FRAME.set_axis(["a", "a", "b"], axis=1),
        (ValueError,),
        "(?i)expected unique column names|UserWarning",
    ),
    "complex": (lambda: V * 1j, (ValueError,), "Complex data not supported"),
    "complex, sparse": (lambda: CSR * 1j, (ValueError,), "Complex data not supported"),
    "np.matrix": (lambda: as_matrix(), (TypeError,), "np.matrix is not supported"),
    "records": (
        lambda: np.rec.fromarrays(V.T, names="a,b,c"),
        (TypeError, ValueError),
        "Cannot cast|Expected 2D",
    ),
    "ragged": (lambda: [[1.0, 2.0, 3.0], [1.0]], (ValueError,), "inhomogeneous shape"),
    "dicts": (lambda: [{"a": 1.0}] * N, *not_a_number("dict")),
    "a generator": (lambda: (row for row in V), *not_a_number("generator")),
    "a number": (lambda: 3.0, *not_2d("scalar array")),
    "None": (lambda: None, *not_2d("scalar array")),
    "0-D": (lambda: np.array(3.0), *not_2d("scalar array")),
    "1-D": (lambda: V[:, 0], *not_2d("1D array")),
    # SciPy before 1.15 has no one-dimensional CSR arrays.
    "1-D, sparse": (
        lambda: sparse.coo_array(V[:, 0]),
        (ValueError,),
        "Expected 2D input|Cannot convert a 1d sparse array",
    ),
    "Series": (lambda: FRAME["a"], (ValueError,), "Expected a 2-dimensional container"),
    "3-D": (lambda: V[None], (ValueError,), "Found array with dim 3"),
    "no rows": (lambda: V[:0], (ValueError,), "0 sample"),
    "no columns": (lambda: V[:, :0], (ValueError,), "0 feature|X has 0 features"),
    "no rows, frame": (lambda: FRAME[:0], (ValueError,), "0 sample"),
    "no rows, sparse": (lambda: CSR[:0], (ValueError,), "0 sample|Cannot center"),
}


def as_pandas(dtype):
    return pd.Series(WORDS.astype(object)).astype(dtype)


def as_matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(V)


# Tables that the networks take as categories and missing values.
OF_NORMALIZER = [
    *(name for name in REFUSED if name.startswith(("pandas, text as", "polars, "))),
    "pandas, NA as an object",
]
OF_NORMALIZER = [name for name in OF_NORMALIZER if "dates" not in name and "durations" not in name]
CASES = [
    (name, make)
    for name in REFUSED
    for make in (normalizer, classifier, regressor)
    if make is normalizer or name not in OF_NORMALIZER
]


# Names that X alone has are warned of before X is refused.
@pytest.mark.filterwarnings("ignore:X has feature names", "ignore:The feature names")
@pytest.mark.parametrize(("name", "make"), CASES)
def test_what_is_no_matrix_of_numbers_is_refused_by_name(name, make):
    given, errors, message = REFUSED[name]
    assert_refused(make, given(), errors, message)
