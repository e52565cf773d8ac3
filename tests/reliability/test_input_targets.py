"""Whatever holds labels or target values, the result is that of the plain array."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import read_only
from reliability.inputs import (
    ARROW_INT,
    ARROW_STR,
    FRAME,
    LABELS,
    VALUES,
    WORDS,
    V,
    classifier,
    columns,
    polars,
    regressor,
    series,
    targets_of,
)
from sklearn.exceptions import DataConversionWarning

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

# What holds the labels, and which.
GIVEN_LABELS = {
    "Series": (lambda: series(LABELS), LABELS),
    "Int64": (lambda: series(LABELS, "Int64"), LABELS),
    "boolean": (lambda: series(LABELS > 0, "boolean"), LABELS),
    "Arrow": (lambda: series(LABELS, ARROW_INT), LABELS),
    "categories of numbers": (lambda: series(LABELS, "category"), LABELS),
    "polars": (lambda: pl.Series(LABELS), LABELS),
    "Arrow array": (lambda: pa.array(LABELS), LABELS),
    "list": (lambda: LABELS.tolist(), LABELS),
    "list of bool": (lambda: (LABELS > 0).tolist(), LABELS),
    "big-endian": (lambda: LABELS.astype(">i4"), LABELS),
    "read-only": (lambda: read_only(LABELS), LABELS),
    "uint8": (lambda: LABELS.astype(np.uint8), LABELS),
    "floats": (lambda: LABELS.astype(float), LABELS),
    "float16": (lambda: LABELS.astype(np.float16), LABELS),
    "nothing masked": (lambda: np.ma.masked_array(LABELS), LABELS),
    "categories": (lambda: series(WORDS, "category"), WORDS),
    "Categorical": (lambda: pd.Categorical(WORDS), WORDS),
    "strings": (lambda: series(WORDS, "string"), WORDS),
    "strings of Arrow": (lambda: series(WORDS, ARROW_STR), WORDS),
    "str": (lambda: series(WORDS, "str"), WORDS),
    "objects": (lambda: WORDS.astype(object), WORDS),
    "polars, text": (lambda: pl.Series(WORDS.tolist()), WORDS),
    "polars, categories": (lambda: pl.Series(WORDS.tolist(), dtype=pl.Categorical), WORDS),
    "polars, enum": (lambda: pl.Series(WORDS.tolist(), dtype=pl.Enum(["no", "yes"])), WORDS),
    "list of str": (lambda: WORDS.tolist(), WORDS),
}
GIVEN_VALUES = {
    "Series": (lambda: series(VALUES), VALUES),
    "Int64": (lambda: series(VALUES.astype(int), "Int64"), VALUES),
    "Float64": (lambda: series(VALUES, "Float64"), VALUES),
    "Arrow": (lambda: series(VALUES, pd.ArrowDtype(pa.float64())), VALUES),
    "boolean": (lambda: series(LABELS > 0, "boolean"), LABELS * 1.0),
    "categories of numbers": (lambda: series(VALUES, "category"), VALUES),
    "sparse Series": (lambda: pd.Series(pd.arrays.SparseArray(VALUES)), VALUES),
    "polars": (lambda: pl.Series(VALUES), VALUES),
    "Arrow array": (lambda: pa.array(VALUES), VALUES),
    "list": (lambda: VALUES.tolist(), VALUES),
    "list of int": (lambda: VALUES.astype(int).tolist(), VALUES),
    "objects": (lambda: VALUES.astype(object), VALUES),
    "bool": (lambda: LABELS > 0, LABELS * 1.0),
    "int8": (lambda: VALUES.astype(np.int8), VALUES),
    "uint8": (lambda: np.abs(VALUES).astype(np.uint8), np.abs(VALUES)),
    "float16": (lambda: VALUES.astype(np.float16), VALUES),
    "float32": (lambda: VALUES.astype(np.float32), VALUES),
    "longdouble": (lambda: VALUES.astype(np.longdouble), VALUES),
    "big-endian": (lambda: VALUES.astype(">f8"), VALUES),
    "big-endian float32": (lambda: VALUES.astype(">f4"), VALUES),
    "read-only": (lambda: read_only(VALUES), VALUES),
    "strided": (lambda: np.repeat(VALUES, 2)[::2], VALUES),
    "nothing masked": (lambda: np.ma.masked_array(VALUES), VALUES),
    "several": (lambda: FRAME, V),
    "several, mixed": (lambda: FRAME.astype({"b": int, "c": bool}), V),
    "several, nullable": (lambda: columns(V, "Float64", "Int64", "boolean"), V),
    "several, polars": (lambda: polars(V), V),
    "several, Fortran": (lambda: np.asfortranarray(V), V),
}


def assert_same_training(make, y, plain):
    ours, others = make(), make()
    for model, target in ((ours, y), (others, plain)):
        model.fit(V, target, X_val=V, y_val=target)
    for learn in (lambda model, _: model, lambda model, y: model.partial_fit(V, y)):
        said = [learn(model, target) for model, target in ((ours, y), (others, plain))]
        np.testing.assert_array_equal(*(model.predict(V) for model in said))
        for coef, other in zip(*(model.coefs_ for model in said), strict=True):
            np.testing.assert_array_equal(coef, other, strict=True)
    assert ours.validation_loss_curve_ == others.validation_loss_curve_
    np.testing.assert_allclose(ours.score(V, y), others.score(V, plain), rtol=1e-14)


@pytest.mark.parametrize("name", GIVEN_LABELS)
def test_labels_give_what_a_plain_array_gives(name):
    given, plain = GIVEN_LABELS[name]
    assert_same_training(classifier, given(), plain)
    model = classifier().fit(V, given())
    np.testing.assert_array_equal(model.classes_, np.unique(plain))


@pytest.mark.parametrize("name", GIVEN_VALUES)
def test_target_values_give_what_a_plain_array_gives(name):
    given, plain = GIVEN_VALUES[name]
    assert_same_training(regressor, given(), plain)


@pytest.mark.parametrize(
    "column",
    [
        lambda y: y[:, None],
        lambda y: pd.DataFrame({"y": y}),
        lambda y: pl.DataFrame({"y": y}),
    ],
    ids=["array", "pandas", "polars"],
)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_column_of_targets_is_taken_with_scikit_learns_warning(make, column):
    (y,) = targets_of(make)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model = make().fit(V, column(y))
    np.testing.assert_array_equal(model.predict(V), make().fit(V, y).predict(V))
