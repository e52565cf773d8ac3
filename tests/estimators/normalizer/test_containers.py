"""The dtypes, layouts and containers that BatchNormalizer takes and gives."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from oracle import normalized
from scipy import sparse
from sklearn.base import clone

from skbn import BatchNormalizer


@pytest.mark.parametrize(
    ("given", "result"),
    [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i1", "f8"), ("u8", "f8"), ("?", "f8")],
)
def test_transform_keeps_float_dtypes_and_makes_float64_of_the_rest(given, result, rng):
    X = (rng.random((300, 4)) * 50 > 20).astype(given)
    normalizer = BatchNormalizer().fit(X)
    Y = normalizer.transform(X)
    assert Y.dtype == result
    assert normalizer.inverse_transform(Y).dtype == result
    assert normalizer.mean_.dtype == np.float64
    np.testing.assert_allclose(normalizer.mean_, X.astype(float).mean(axis=0))
    np.testing.assert_allclose(Y, normalized(X.astype(float)), rtol=4 * np.finfo(result).eps)


def test_float32_keeps_the_digits_that_an_offset_leaves(rng):
    X = (rng.normal(size=(1000, 2)) * 50 + 1.7e9).astype(np.float32)
    np.testing.assert_allclose(
        BatchNormalizer().fit_transform(X), normalized(X.astype(float)), rtol=1e-6, atol=1e-7
    )


def test_transform_gives_the_memory_order_it_gets(dtype, rng):
    X = np.asfortranarray(rng.normal(size=(5000, 3)).astype(dtype))
    assert BatchNormalizer().fit_transform(X).flags.f_contiguous
    assert BatchNormalizer().fit_transform(X.copy("C")).flags.c_contiguous


def test_any_layout_gives_the_same_statistics_and_values(layout, dtype, rng):
    X = rng.normal(size=(5000, 3)).astype(dtype)
    laid_out = layout(X)
    expected = BatchNormalizer().fit(np.array(laid_out, dtype=dtype, order="C"))
    normalizer = BatchNormalizer().fit(laid_out)
    np.testing.assert_allclose(normalizer.mean_, expected.mean_, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(normalizer.var_, expected.var_, rtol=1e-14)
    np.testing.assert_allclose(normalizer.transform(laid_out), expected.transform(laid_out))


def test_a_memory_map_is_read_where_it_is(tmp_path, rng):
    X = rng.normal(size=(500, 3)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    Y = BatchNormalizer().fit(mapped).transform(mapped)
    assert type(Y) is np.ndarray
    np.testing.assert_array_equal(Y, BatchNormalizer().fit_transform(X))


@pytest.mark.parametrize("order", ["C", "F"])
def test_copy_false_writes_into_x(order, dtype, rng):
    X = np.array(rng.normal(size=(5000, 3)), dtype=dtype, order=order)
    normalizer = BatchNormalizer(copy=False).fit(X)
    expected = normalizer.transform(X, copy=True)
    original = X.copy()
    assert normalizer.transform(X) is X
    np.testing.assert_array_equal(X, expected)
    assert normalizer.inverse_transform(X) is X
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(X, original, rtol=8 * eps, atol=8 * eps)


def test_copy_false_leaves_what_cannot_be_written_into(rng):
    X = rng.integers(0, 9, size=(20, 2))
    before = X.copy()
    BatchNormalizer(copy=False).fit_transform(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("to_frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("method", ["transform", "fit_transform", "normalize_batch"])
def test_frames_go_in_and_come_out(to_frame, method):
    frame = to_frame({"length": [1.0, 2.0, 4.0], "count": [10, 20, 60]})
    library = to_frame.__module__.split(".")[0]
    normalizer = BatchNormalizer().set_output(transform=library).fit(frame)
    out = getattr(normalizer, method)(frame)
    assert isinstance(out, to_frame)
    assert list(out.columns) == ["length", "count"]
    values = np.array([[1.0, 10], [2, 20], [4, 60]])
    np.testing.assert_allclose(out.to_numpy(), normalized(values))
    assert list(normalizer.feature_names_in_) == ["length", "count"]


def test_pandas_nullable_columns_are_missing_values():
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2.0, 3.0]})
    normalizer = BatchNormalizer().fit(frame)
    np.testing.assert_array_equal(normalizer.mean_, [2, 2])
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [2, 3])


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_is_dense_without_centering(to_format, dtype, rng):
    dense = (rng.normal(size=(60, 5)) * (rng.random((60, 5)) < 0.3)).astype(dtype)
    X = to_format(dense)
    normalizer = BatchNormalizer(with_mean=False, gamma=2.0)
    expected = clone(normalizer).fit(dense)
    normalizer.partial_fit(X[:20]).partial_fit(X[20:])
    np.testing.assert_allclose(normalizer.mean_, expected.mean_, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(normalizer.var_, expected.var_, rtol=1e-13)
    Y = normalizer.transform(X)
    assert Y.format == "csr"
    assert Y.dtype == dtype
    rtol = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(Y.toarray(), expected.transform(dense), rtol=rtol)
    np.testing.assert_allclose(normalizer.inverse_transform(Y).toarray(), dense, rtol=rtol)
    np.testing.assert_allclose(X.toarray(), dense)
    batch = normalizer.normalize_batch(X[:20])
    np.testing.assert_allclose(batch.toarray(), expected.normalize_batch(dense[:20]), rtol=rtol)


def test_sparse_entries_stored_twice_are_added():
    X = sparse.csr_array((np.array([1.0, 2, 4]), [0, 0, 0], [0, 2, 3, 3]), shape=(3, 1))
    normalizer = BatchNormalizer(with_mean=False).fit(X)
    np.testing.assert_allclose(normalizer.mean_, 7 / 3)
    np.testing.assert_allclose(normalizer.var_, np.var([3, 4, 0]))
    assert X.nnz == 3
