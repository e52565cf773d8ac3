"""Small integers are held on the workers as float32, which has all of them."""

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from on_dask.models import PAIRS, SMALL, N
from on_dask.parts import SIZES, collection, in_parts
from scipy import sparse

from skbn.dask import BatchNormMLPClassifier, _mlp

SMALL_DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "float16"]
Y = np.random.default_rng(1).integers(0, 3, N)


def values(dtype):
    """Values of the dtype; the largest and the least are among them."""
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return rng.random((N, 4)) < 0.4
    if dtype == "float16":
        return rng.normal(size=(N, 4)).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, (N, 4), dtype=dtype, endpoint=True)


@pytest.fixture
def held(monkeypatch):
    """The rows on the workers."""
    found, prepared = [], _mlp.Prepared

    class Remembered(prepared):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            found.extend(rows.X for rows in dask.compute(*self.rows))

    monkeypatch.setattr(_mlp, "Prepared", Remembered)
    return found


def fit(name, X, kind="array", **params):
    data = (collection(a, SIZES["unequal"], kind) for a in (X, Y))
    return PAIRS[name][0](**SMALL | params).fit(*data)


def assert_same_bits(ours, expected):
    names = "mean_", "var_", "scale_"
    for a, b in zip(
        [ours.input_norm_, *ours.batch_norms_],
        [expected.input_norm_, *expected.batch_norms_],
        strict=True,
    ):
        assert all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)
    assert all(np.array_equal(a, b) for a, b in zip(ours.coefs_, expected.coefs_, strict=True))
    np.testing.assert_array_equal(ours.input_range_, expected.input_range_)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kind", ["array", "frame"])
@pytest.mark.parametrize("dtype", SMALL_DTYPES)
def test_small_numbers_are_held_as_float32_and_give_the_same_bits(held, name, kind, dtype):
    X = values(dtype)
    ours = fit(name, X, kind, numeric_encoding="piecewise")
    assert {rows.dtype for rows in held} == {np.dtype(np.float32)}
    held.clear()
    expected = fit(name, X.astype(np.float64), kind, numeric_encoding="piecewise")
    assert {rows.dtype for rows in held} == {np.dtype(np.float64)}
    assert_same_bits(ours, expected)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64"])
def test_larger_integers_stay_float64(held, dtype):
    fit("classifier", values(dtype))
    assert {rows.dtype for rows in held} == {np.dtype(np.float64)}


@pytest.mark.parametrize("dtype", ["int16", "bool"])
def test_a_network_in_float64_has_its_rows_in_float64(held, dtype):
    fit("classifier", values(dtype), dtype="float64")
    assert {rows.dtype for rows in held} == {np.dtype(np.float64)}


def test_sparse_rows_and_validation_rows_are_held_as_float32(held):
    X = in_parts(values("int8"), SIZES["equal"]).map_blocks(sparse.csr_array)
    y = in_parts(Y, SIZES["equal"])
    model = BatchNormMLPClassifier(**SMALL, normalize_inputs=False, clip_inputs=False)
    model.fit(X, y, X_val=X, y_val=y)
    assert len(held) == 8
    assert {rows.dtype for rows in held} == {np.dtype(np.float32)}


def mixed(**columns):
    table = pd.DataFrame({"a": values("int8")[:, 0], "b": values("uint16")[:, 0]})
    return dd.from_pandas(table.assign(text=np.array(["x", "y"])[Y % 2], **columns), npartitions=4)


def test_columns_of_float16_stand_beside_text(held):
    model = BatchNormMLPClassifier(**SMALL)
    collection = mixed(c=values("float16")[:, 0])
    model.fit(collection, dd.from_pandas(pd.Series(Y), npartitions=4))
    assert {rows.dtype for rows in held} == {np.dtype(np.float32)}
    assert len(model.to_local().predict(collection).compute()) == N


@pytest.mark.parametrize(
    ("columns", "expected"),
    [({}, "float32"), ({"c": values("int32")[:, 0]}, "float64")],
    ids=["small", "one is large"],
)
def test_all_columns_of_numbers_of_a_table_must_be_small(held, columns, expected):
    model = BatchNormMLPClassifier(**SMALL)
    model.fit(mixed(**columns), dd.from_pandas(pd.Series(Y), npartitions=4))
    assert {rows.dtype for rows in held} == {np.dtype(expected)}


def test_rows_with_missing_numbers_are_float64_because_their_mean_has_more_digits(held):
    table = mixed()
    table["a"] = table["a"].astype("Int8").mask(table["a"] > 100)
    model = BatchNormMLPClassifier(**SMALL)
    model.fit(table, dd.from_pandas(pd.Series(Y), npartitions=4))
    assert {rows.dtype for rows in held} == {np.dtype(np.float64)}
    assert all(np.isfinite(rows.numbers).all() for rows in held)
