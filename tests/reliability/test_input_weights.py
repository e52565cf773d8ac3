"""Whatever holds weights, the result is that of the plain array, or a refusal in words."""

import numpy as np
import polars as pl
import pytest
from conftest import read_only
from reliability.inputs import (
    ARROW_INT,
    DAYS,
    ESTIMATORS,
    FIRST,
    WORDS,
    N,
    V,
    assert_outputs,
    by_fit,
    by_stream,
    fitted_state,
    series,
    targets_of,
)

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

WEIGHTS = np.arange(1.0, N + 1)
GIVEN_WEIGHTS = {
    "Series": lambda: series(WEIGHTS),
    "Int64": lambda: series(WEIGHTS, "Int64"),
    "Arrow": lambda: series(WEIGHTS.astype(int), ARROW_INT),
    "polars": lambda: pl.Series(WEIGHTS),
    "list": lambda: list(range(1, N + 1)),
    "objects": lambda: WEIGHTS.astype(object),
    **{
        np.dtype(dtype).str: lambda dtype=dtype: WEIGHTS.astype(dtype)
        for dtype in (np.float16, np.float32, np.longdouble, np.int64, np.uint8, ">f8", ">i2")
    },
    "read-only": lambda: read_only(WEIGHTS),
    "strided": lambda: np.repeat(WEIGHTS, 2)[::2],
    "nothing masked": lambda: np.ma.masked_array(WEIGHTS),
}
MISSING_WEIGHT = "Input sample_weight contains NaN"
BAD_WEIGHTS = {
    "Int64 with NA": (lambda: series([None, *range(1, N)], "Int64"), MISSING_WEIGHT),
    "polars with null": (lambda: pl.Series([None, *range(1, N)]), MISSING_WEIGHT),
    "masked": (lambda: np.ma.masked_array(WEIGHTS, FIRST), MISSING_WEIGHT),
    "NaN": (lambda: np.where(FIRST, np.nan, WEIGHTS), MISSING_WEIGHT),
    "text": (lambda: WORDS, "could not convert string to float"),
    "dates": (lambda: DAYS, "sample_weight has dates or times"),
    "complex": (lambda: WEIGHTS * 1j, "Complex data not supported"),
    "a column": (lambda: WEIGHTS[:, None], "Sample weights must be 1D array"),
    "a row short": (lambda: WEIGHTS[1:], "sample_weight.shape == "),
}


@ESTIMATORS
@pytest.mark.parametrize("name", GIVEN_WEIGHTS)
def test_weights_give_what_a_plain_array_gives(name, make):
    y, given = targets_of(make), GIVEN_WEIGHTS[name]()
    for way in (by_fit, by_stream):
        ours, others = (way(make(), V, *y, sample_weight=w) for w in (given, WEIGHTS))
        assert_outputs(ours, others)


@ESTIMATORS
@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weights_are_refused_by_name(name, make):
    given, message = BAD_WEIGHTS[name]
    y = targets_of(make)
    fitted = make().fit(V, *y)
    before = fitted_state(fitted)
    for model in (make(), fitted):
        with pytest.raises(ValueError, match=message):
            model.fit(V, *y, sample_weight=given())
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(V, *y, sample_weight=given())
    assert all(fitted_state(fitted)[name] is value for name, value in before.items())
