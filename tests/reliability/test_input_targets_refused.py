"""What is no target is refused in words, and leaves no trace."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from reliability.inputs import (
    ARROW_INT,
    ARROW_STR,
    DAYS,
    FIRST,
    LABELS,
    VALUES,
    WORDS,
    V,
    classifier,
    fitted_state,
    regressor,
    series,
    targets_of,
)
from scipy import sparse
from sklearn.neural_network import MLPClassifier

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

NULLS = [None, *map(int, LABELS[1:])]
NO_WORDS = [None, *map(str, WORDS[1:])]
MISSING_Y = ValueError, "Input y contains NaN"
BAD_LABELS = {
    "Int64 with NA": (lambda: series(NULLS, "Int64"), *MISSING_Y),
    "Arrow with null": (lambda: series(NULLS, ARROW_INT), *MISSING_Y),
    "polars with null": (lambda: pl.Series(NULLS), *MISSING_Y),
    "strings with NA": (lambda: series(NO_WORDS, "string"), *MISSING_Y),
    "strings of Arrow with null": (lambda: series(NO_WORDS, ARROW_STR), *MISSING_Y),
    "polars text with null": (lambda: pl.Series(NO_WORDS), *MISSING_Y),
    "objects with None": (lambda: np.array(NO_WORDS, object), *MISSING_Y),
    "list with None": (lambda: NO_WORDS, *MISSING_Y),
    "str with NaN": (lambda: series(NO_WORDS, "str"), ValueError, "Input (y )?contains NaN"),
    "masked": (lambda: np.ma.masked_array(LABELS, FIRST), *MISSING_Y),
    "masked text": (lambda: np.ma.masked_array(WORDS, FIRST), ValueError, "contains NaN"),
    "NaN": (lambda: np.where(FIRST, np.nan, LABELS), *MISSING_Y),
    "fractions": (lambda: VALUES + 0.5, ValueError, "Unknown label type"),
    "complex": (lambda: LABELS * 1j, ValueError, "Complex data not supported"),
    "bytes": (lambda: WORDS.astype("S"), TypeError, "labels represented as bytes"),
    "sparse": (lambda: sparse.csr_array(LABELS[:, None]), TypeError, "Sparse data was passed"),
    "a row short": (lambda: LABELS[1:], ValueError, "inconsistent numbers of samples"),
    "3-D": (lambda: LABELS[:, None, None], ValueError, "Found array with dim 3"),
    "None": (lambda: None, ValueError, "requires y to be passed"),
}
NULL_VALUES = [None, *VALUES[1:]]
NO_NUMBERS = ValueError, "y must be numbers, got an array of dtype"
BAD_VALUES = {
    "Float64 with NA": (lambda: series(NULL_VALUES, "Float64"), *MISSING_Y),
    "Arrow with null": (lambda: series(NULL_VALUES, pd.ArrowDtype(pa.float64())), *MISSING_Y),
    "polars with null": (lambda: pl.Series(NULL_VALUES), *MISSING_Y),
    "objects with None": (lambda: np.array(NULL_VALUES, object), *MISSING_Y),
    "masked": (lambda: np.ma.masked_array(VALUES, FIRST), *MISSING_Y),
    "masked integers": (lambda: np.ma.masked_array(VALUES.astype(int), FIRST), *MISSING_Y),
    "infinity": (lambda: np.where(FIRST, np.inf, VALUES), ValueError, "y contains infinity"),
    "text": (lambda: WORDS, *NO_NUMBERS),
    "numbers as text": (lambda: VALUES.astype(str), *NO_NUMBERS),
    "list of str": (lambda: WORDS.tolist(), *NO_NUMBERS),
    "text as objects": (lambda: WORDS.astype(object), ValueError, "could not convert string"),
    "categories": (lambda: series(WORDS, "category"), ValueError, "could not convert string"),
    "dates": (lambda: DAYS, ValueError, "y has dates or times"),
    "durations": (lambda: DAYS - DAYS[0], ValueError, "y has dates or times"),
    "complex": (lambda: VALUES * 1j, ValueError, "Complex data not supported"),
    "sparse": (lambda: sparse.csr_array(VALUES[:, None]), TypeError, "Sparse data was passed"),
    "a row short": (lambda: VALUES[1:], ValueError, "inconsistent numbers of samples"),
    "3-D": (lambda: VALUES[:, None, None], ValueError, "Found array with dim 3"),
    "None": (lambda: None, ValueError, "requires y to be passed"),
}
BAD_TARGETS = {
    f"{make.__name__}, {name}": (make, *bad)
    for make, table in ((classifier, BAD_LABELS), (regressor, BAD_VALUES))
    for name, bad in table.items()
}


@pytest.mark.parametrize(
    ("make", "given", "error", "message"), BAD_TARGETS.values(), ids=BAD_TARGETS
)
def test_targets_are_refused_by_name(make, given, error, message):
    new = {"classes": [0, 1]} if make is classifier else {}
    fitted, y = make().fit(V, *targets_of(make)), given()
    before = fitted_state(fitted)
    with pytest.raises(error, match=message):
        make().fit(V, y)
    with pytest.raises(error, match=message):
        make().partial_fit(V, y, **new)
    with pytest.raises(error, match=message):
        fitted.fit(V, y)
    if y is not None:
        with pytest.raises((error, ValueError), match=message):
            make().fit(V, *targets_of(make), X_val=V, y_val=y)
    assert all(fitted_state(fitted)[name] is value for name, value in before.items())


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_numbers_as_text_are_no_targets_of_any_loss(loss):
    with pytest.raises(ValueError, match="y must be numbers, got an array of dtype <U"):
        regressor().set_params(loss=loss).fit(V, LABELS.astype(str))


def test_numbers_in_an_array_of_objects_are_no_labels_as_in_scikit_learn():
    for model in (classifier(), MLPClassifier()):
        with pytest.raises(ValueError, match="Unknown label type"):
            model.fit(V, LABELS.astype(object))
