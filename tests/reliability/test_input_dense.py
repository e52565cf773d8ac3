"""Whatever holds dense values, the result is that of the plain array."""

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import misaligned, read_only, strided
from reliability.inputs import (
    ARROW,
    ESTIMATORS,
    FRAME,
    HOLED,
    MASK,
    NAMES,
    RNG,
    N,
    V,
    assert_outputs,
    classifier,
    columns,
    normalizer,
    outputs,
    polars,
    regressor,
    targets_of,
)

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def memory_map(tmp_path):
    np.save(tmp_path / "x.npy", V)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


# What holds the values, and which: the result is that of the plain array.
DENSE = {
    "pandas": (lambda: FRAME, V),
    "pandas, int and bool": (lambda: FRAME.astype({"b": int, "c": bool}), V),
    "pandas, float32 and uint8": (lambda: FRAME.astype({"a": np.float32, "c": np.uint8}), V),
    "pandas, index shuffled": (lambda: FRAME.set_axis(RNG.permutation(N)), V),
    "pandas, names are numbers": (lambda: pd.DataFrame(V), V),
    "pandas, names in levels": (
        lambda: FRAME.set_axis(pd.MultiIndex.from_product([["u"], NAMES]), axis=1),
        V,
    ),
    "pandas, names of attributes": (
        lambda: FRAME.set_axis(["dtype", "columns", "schema"], axis=1),
        V,
    ),
    "pandas, nullable": (lambda: columns(V, "Float64", "Int64", "boolean"), V),
    "pandas, NA": (lambda: columns(HOLED, "Float64", "Int64", "boolean"), HOLED),
    "pandas, Arrow": (lambda: columns(V, *ARROW), V),
    "pandas, Arrow and null": (lambda: columns(HOLED, *ARROW), HOLED),
    "pandas, objects": (lambda: FRAME.astype(object), V),
    "pandas, objects and None": (lambda: FRAME.astype(object).where(~MASK, None), HOLED),
    "polars": (lambda: polars(V), V),
    "polars, null": (lambda: polars(HOLED), HOLED),
    "polars, decimals": (lambda: pl.DataFrame(V, schema=NAMES).cast(pl.Decimal(10, 2)), V),
    "Arrow table": (lambda: pa.table(dict(zip(NAMES, V.T, strict=True))), V),
    "objects": (lambda: V.astype(object), V),
    "objects and None": (lambda: np.where(MASK, None, V.astype(object)), HOLED),
    "lists": (lambda: V.tolist(), V),
    "tuples": (lambda: tuple(map(tuple, V)), V),
    "lists of arrays": (lambda: list(V), V),
    "numbers as text": (lambda: V.astype(str), V),
    "read-only": (lambda: read_only(V), V),
    "strided": (lambda: strided(V), V),
    "reversed": (lambda: V[::-1, ::-1].copy()[::-1, ::-1], V),
    "broadcast": (lambda: np.broadcast_to(V[:1], V.shape), np.repeat(V[:1], N, axis=0)),
    "misaligned": (lambda: misaligned(V), V),
    "Fortran": (lambda: np.asfortranarray(V), V),
    "big-endian": (lambda: V.astype(">f8"), V),
    "big-endian integers": (lambda: V.astype(">i4"), V),
    "longdouble": (lambda: V.astype(np.longdouble), V),
    "bool": (lambda: V > 0, (V > 0).astype(float)),
    "int8": (lambda: V.astype(np.int8), V),
    "uint8": (lambda: np.abs(V).astype(np.uint8), np.abs(V)),
    "int64": (lambda: V.astype(np.int64), V),
    "beyond int64": (
        lambda: np.abs(V).astype(np.uint64) * 2**12 + 2**63,
        np.abs(V) * 2.0**12 + 2.0**63,
    ),
    "subclass": (lambda: V.view(type("Sub", (np.ndarray,), {})), V),
    "masked": (lambda: np.ma.masked_array(V, MASK), HOLED),
    "masked integers": (lambda: np.ma.masked_array(V.astype(int), MASK), HOLED),
    "masked objects": (lambda: np.ma.masked_array(V.astype(object), MASK), HOLED),
    "nothing masked": (lambda: np.ma.masked_array(V), V),
    "float32": (lambda: V.astype(np.float32).copy("F"), V.astype(np.float32)),
    "masked float32": (
        lambda: np.ma.masked_array(V.astype(np.float32), MASK),
        HOLED.astype(np.float32),
    ),
}


@cache
def expected_of(name, make):
    values = DENSE[name][1]
    return outputs(make, np.array(values), *targets_of(make))


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.filterwarnings("ignore:These features are treated as constant")  # 2**63 and a little
@ESTIMATORS
@pytest.mark.parametrize("name", DENSE)
def test_values_give_what_the_plain_array_gives(name, make):
    given, _ = DENSE[name]
    assert_outputs(outputs(make, given(), *targets_of(make)), expected_of(name, make))


def test_categories_of_numbers_are_numbers_to_the_normalizer():
    assert_outputs(outputs(normalizer, FRAME.astype("category")), expected_of("pandas", normalizer))


@ESTIMATORS
def test_a_memory_map_that_is_read_only_gives_what_the_plain_array_gives(make, tmp_path):
    X = memory_map(tmp_path)
    assert_outputs(outputs(make, X, *targets_of(make)), expected_of("pandas", make))
    if make is normalizer:
        np.testing.assert_array_equal(
            make().set_params(copy=False).fit_transform(X), make().fit_transform(V)
        )
        np.testing.assert_array_equal(X, V)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_networks_take_float16_and_big_endian_float32_for_wider_floats(make):
    for X, wide in ((V.astype(np.float16), V), (V.astype(">f4"), V)):
        y = targets_of(make)
        assert_outputs(outputs(make, X, *y), outputs(make, wide, *y))


def test_a_normalizer_gives_float16_back_and_computes_in_float32():
    half, single = V.astype(np.float16), V.astype(np.float32)
    ours, others = normalizer().fit_transform(half), normalizer().fit_transform(single)
    np.testing.assert_array_equal(ours, others.astype(np.float16), strict=True)


def test_a_normalizer_gives_big_endian_float32_back_in_the_order_of_the_machine():
    for X in (V.astype(">f4"), np.asfortranarray(V.astype(">f4"))):
        assert_outputs(outputs(normalizer, X), outputs(normalizer, V.astype(np.float32)))


def test_columns_that_are_all_missing_stay_so_from_any_container():
    hollow = V.copy()
    hollow[:, 1] = np.nan
    expected = normalizer().fit_transform(hollow)
    for X in (columns(hollow, "Float64", "Int64", "boolean"), columns(hollow, *ARROW)):
        np.testing.assert_array_equal(normalizer().fit_transform(X), expected)
    nulls = polars(hollow)
    np.testing.assert_array_equal(normalizer().fit_transform(nulls), expected)
    nulls = nulls.with_columns(pl.lit(None).alias("b"))
    np.testing.assert_array_equal(normalizer().fit_transform(nulls), expected)


@ESTIMATORS
def test_a_frame_with_some_sparse_columns_is_taken_for_dense(make):
    X = FRAME.assign(a=pd.arrays.SparseArray(V[:, 0], fill_value=0.0))
    with pytest.warns(UserWarning, match="DataFrame with sparse columns found"):
        ours = outputs(make, X, *targets_of(make))
    assert_outputs(ours, expected_of("pandas", make))
