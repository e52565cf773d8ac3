"""Errors and warnings say X_val, the partition and the column, and say it once."""

import warnings

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from on_dask.models import PAIRS, SMALL
from sklearn.exceptions import DataConversionWarning

from skbn.dask import BatchNormalizer, BatchNormMLPClassifier

N = 240
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(RNG.normal(size=(N, 3)), columns=list("abc"))
TABLE = TABLE.assign(y=(TABLE.a > 0).astype(int), text=RNG.choice(["red", "blue"], N))
ROWS = dd.from_pandas(TABLE, npartitions=6)
X, Y = ROWS[["a", "b", "c"]], ROWS["y"]


def with_text(part, partition_info=None):
    """The partition, of which number 2 has a word in column b that its dtype does not tell."""
    if partition_info is None or partition_info["number"] != 2:
        return part
    part = part.astype({"b": object})
    part.iloc[3, 1] = "red"
    return part


TEXT = X.map_partitions(with_text, meta=X._meta, enforce_metadata=False)


@pytest.mark.parametrize("categorical_features", [None, "from_dtype"])
def test_text_in_a_partition_is_told_with_the_partition_and_the_column(categorical_features):
    model = BatchNormMLPClassifier(**SMALL, categorical_features=categorical_features)
    message = "could not convert string to float: 'red' in column 'b' of X"
    with pytest.raises(ValueError, match=f"In partition 2: {message}"):
        model.fit(TEXT, Y)
    with pytest.raises(ValueError, match=f"In partition 2 of X_val: {message}"):
        model.fit(X, Y, X_val=TEXT, y_val=Y)
    with pytest.raises(ValueError, match=f"In partition 2: {message}"):
        model.fit(X, Y).score(TEXT, Y)


OTHER_COLUMNS = {
    "missing": (ROWS[["a", "b"]], "seen at fit time, yet now missing:\n- c"),
    "more": (ROWS[["a", "b", "c", "y"]], "unseen at fit time:\n- y"),
    "order": (ROWS[["b", "a", "c"]], "must be in the same order"),
    "text": (
        ROWS[["a", "b", "text"]].rename(columns={"text": "c"}),
        "Column 'c' of X had numbers or no values in fit, and has text",
    ),
}


@pytest.mark.parametrize(("X_val", "message"), OTHER_COLUMNS.values(), ids=OTHER_COLUMNS)
def test_other_columns_to_validate_on_are_told_of_x_val_before_it_is_read(X_val, message):
    read = []
    X_val = X_val.map_partitions(lambda part: read.append(1) or part, meta=X_val._meta)
    read.clear()
    with pytest.raises(ValueError, match=message) as raised:
        BatchNormMLPClassifier(**SMALL).fit(X, Y, X_val=X_val, y_val=Y)
    assert str(raised.value).startswith("X_val, y_val, sample_weight_val: ")
    assert not read


COLUMN = ROWS[["y"]]
COLUMNS = {
    "frame": (X, COLUMN),
    "text": (ROWS[["a", "text"]], COLUMN),
    "array": (X.to_dask_array(lengths=True), COLUMN.to_dask_array(lengths=True)),
    "in memory": (X.to_dask_array(lengths=True), TABLE[["y"]].to_numpy()),
}


def warnings_of(fit, *arguments, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(*arguments, **options)
    return [warning for warning in caught if warning.category is DataConversionWarning]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("data", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("params", [{}, {"exchange_rows": True}, {"numeric_encoding": "auto"}])
def test_a_column_vector_is_told_once(name, data, params):
    model = PAIRS[name][0](**SMALL | params)
    assert len(warnings_of(model.fit, *data)) == 1
    validation_data = {"X_val": data[0], "y_val": data[1]}
    if isinstance(data[1], da.Array | dd.DataFrame):
        assert len(warnings_of(model.fit, *data, **validation_data)) == 1
    first_call = {"classes": [0, 1]} if name == "classifier" else {}
    model = PAIRS[name][0](**SMALL)
    assert len(warnings_of(model.partial_fit, *data, **first_call)) == 1


def test_a_difference_between_partitions_is_told_once_for_the_line_that_calls():
    ordered = dd.from_pandas(TABLE.sort_values("y", ignore_index=True), npartitions=6)
    model = BatchNormMLPClassifier(**SMALL)
    with pytest.warns(UserWarning, match="partition 0 has 1 of 2 classes") as caught:
        model.fit(ordered[["a", "b", "c"]], ordered["y"])
    (warning,) = [w for w in caught if "partitions of X differ" in str(w.message)]
    assert warning.filename == __file__


ARRAY = X.to_dask_array(lengths=True)
NAMES = {
    "array": (X, ARRAY, "X does not have valid feature names"),
    "frame": (ARRAY, X, "X has feature names"),
}
CALLS = {
    "fit": lambda model, rows, other: model.fit(rows, Y, X_val=other, y_val=Y),
    "partial_fit": lambda model, rows, other: model.fit(rows, Y).partial_fit(other, Y),
    "score": lambda model, rows, other: model.fit(rows, Y).score(other, Y),
    "predict": lambda model, rows, other: model.fit(rows, Y).predict(other).compute(),
    "local": lambda model, rows, other: model.fit(rows, Y).to_local().predict(other).compute(),
}


@pytest.mark.parametrize(("rows", "other", "message"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_names_that_only_one_of_two_collections_has_are_told_once(call, rows, other, message):
    with pytest.warns(UserWarning, match=message) as caught:
        call(BatchNormMLPClassifier(**SMALL), rows, other)
    assert len([w for w in caught if "feature names" in str(w.message)]) == 1


@pytest.mark.parametrize(("rows", "other", "message"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("method", ["transform", "normalize_batch", "partial_fit"])
def test_a_normalizer_tells_names_once(method, rows, other, message):
    normalizer = BatchNormalizer().fit(rows)
    with pytest.warns(UserWarning, match=message) as caught:
        dask.compute(getattr(normalizer, method)(other))
    assert len([w for w in caught if "feature names" in str(w.message)]) == 1
