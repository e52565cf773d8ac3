"""What a layer does between two products of matrices."""

import network_oracle
import numpy as np
import pytest
from kernels.kernel_problems import (
    DEVICES,
    assert_within,
    normal,
)
from scipy import sparse

from skbn.kernels import cpu


@pytest.mark.parametrize("given", [np.float32, np.float64], ids=["of float32", "of float64"])
def test_gather_rows_normalizes_the_rows_of_the_index(kernels, shape, given, dtype, rng):
    x, index = normal(rng, shape, given), rng.integers(0, shape[0], 2 * shape[0])
    mean_scale, out = rng.normal(size=(2, shape[1])), np.empty((len(index), shape[1]), dtype)
    kernels.gather_rows(x, index, mean_scale, out)
    mean, scale = network_oracle.exact(mean_scale)
    expected = (x[index] - mean) * scale
    assert_within(1, out, expected, np.abs(expected), dtype)


def test_gather_rows_keeps_the_digits_in_which_timestamps_differ(kernels, rng):
    seconds = rng.random((50, 1))
    x, mean_scale = 1.6e9 + seconds, np.array([[1.6e9], [1.0]])
    out = np.empty((50, 1), np.float32)
    kernels.gather_rows(x, np.arange(50), mean_scale, out)
    assert np.abs(out - seconds).max() <= 2.0**-22


def test_encode_bins_is_the_position_within_each_bin(kernels, shape, dtype, rng):
    x, index = normal(rng, shape, dtype), rng.integers(0, shape[0], 2 * shape[0])
    column, lower = rng.integers(0, shape[1], 7), rng.normal(size=7)
    width = rng.uniform(0.1, 2.0, 7)
    edges, out = np.stack([lower / 2, 2 / width]), np.full((len(index), shape[1] + 7), 3.0, dtype)
    kernels.encode_bins(x, index, column, edges, out)
    position = (network_oracle.exact(x)[np.ix_(index, column)] - lower) / width
    assert_within(8, out[:, shape[1] :], np.clip(position, 0, 1), 1 / width + 1, dtype)
    assert (out[:, : shape[1]] == 3.0).all()


def test_encode_bins_of_values_near_the_largest_float(kernels):
    x = np.array([[-1.7e308], [0.0], [1.7e308], [np.nan]])
    column, edges = np.zeros(1, int), np.array([[-0.85e308], [1 / 1.7e308]])
    out = np.empty((4, 2))
    kernels.encode_bins(x, np.arange(4), column, edges, out)
    np.testing.assert_allclose(out[:, 1], [0.0, 0.5, 1.0, 0.0], rtol=1e-15)


def one_hot(codes, n_categories):
    """The one-hot columns (n, n_categories) of codes (n, c), of which no other has any."""
    return (codes[:, :, None] == np.arange(n_categories)).sum(axis=1)


def category_codes(rng, n):
    """Codes of three columns of 2, 1 and 5 categories; some are -1, and others beyond the last."""
    codes = np.stack([rng.integers(0, 2, n), np.full(n, 2), rng.integers(3, 8, n)], axis=1)
    codes[rng.random(codes.shape) < 0.3], codes[0, 0] = -1, 8
    return codes.astype(np.int32)


def test_one_hot_forward_adds_the_product_with_one_hot_columns(kernels, shape, dtype, rng):
    codes, weight = category_codes(rng, shape[0]), normal(rng, (8, shape[1]), dtype)
    out = normal(rng, shape, dtype)
    exact, columns = network_oracle.exact(weight), one_hot(codes, 8)
    expected, size = out + columns @ exact, abs(out) + columns @ abs(exact)
    kernels.one_hot_forward(codes, weight, out)
    assert_within(2, out, expected, size, dtype)


def test_one_hot_backward_adds_the_product_with_the_transpose(kernels, shape, dtype, rng):
    codes, delta = category_codes(rng, shape[0]), normal(rng, shape, dtype)
    grad = normal(rng, (8, shape[1]), dtype)
    exact, columns = network_oracle.exact(delta), one_hot(codes, 8)
    expected, size = grad + columns.T @ exact, abs(grad) + columns.T @ abs(exact)
    kernels.one_hot_backward(codes, delta, grad)
    assert_within(0.5 * (shape[0] + 1), grad, expected, size, dtype)


def embedded_codes(rng, n):
    """Codes of three columns, of which the last two, from code 2 on, have 6 categories."""
    codes = category_codes(rng, n)
    codes[1, 2] = 8
    return codes, [one_hot(codes[:, [j]] - 2, 6) for j in (1, 2)]


def test_embed_forward_selects_the_rows_of_the_last_columns(kernels, shape, dtype, rng):
    codes, columns = embedded_codes(rng, shape[0])
    embedding = normal(rng, (6, shape[1]), dtype)
    out = np.full((shape[0], 2 * shape[1]), 3.0, dtype)
    kernels.embed_forward(codes, 2, embedding, out)
    np.testing.assert_array_equal(out, np.hstack([column @ embedding for column in columns]))


def test_embed_backward_adds_the_rows_that_selected_each_category(kernels, shape, dtype, rng):
    codes, columns = embedded_codes(rng, shape[0])
    delta, grad = normal(rng, (shape[0], 2 * shape[1]), dtype), normal(rng, (6, shape[1]), dtype)
    exact = np.hsplit(network_oracle.exact(delta), 2)
    expected, size = grad.astype(exact[0].dtype), abs(grad)
    for column, of_column in zip(columns, exact, strict=True):
        expected, size = expected + column.T @ of_column, size + column.T @ abs(of_column)
    kernels.embed_backward(codes, 2, delta, grad)
    assert_within(0.5 * (shape[0] + 1), grad, expected, size, dtype)


@pytest.mark.parametrize("other", [(5, 7), (4, 8), (5, 16)], ids=str)
def test_embedded_columns_of_another_shape_are_an_error(kernels, other, dtype):
    codes, embedding, out = np.zeros((5, 3), np.int32), np.zeros((6, 4), dtype), np.zeros(other)
    with pytest.raises(ValueError, match="shape"):
        kernels.embed_forward(codes, 0, embedding, out.astype(dtype))
    with pytest.raises(ValueError, match="shape"):
        kernels.embed_backward(codes, 0, out.astype(dtype), embedding)


# The host multiplies sparse rows as they are.
of_cuda = pytest.mark.parametrize("kernels", DEVICES[1:], indirect=True)


@of_cuda
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64], ids=["int32", "int64"])
def test_gather_sparse_rows_is_gather_rows_of_the_dense(kernels, index_dtype, shape, dtype, rng):
    dense = normal(rng, shape, dtype, 1.0, 1e3) * (rng.random(shape) < 0.4)
    dense[-1], dense[0, 0] = 0.0, np.nan
    X, index = sparse.csr_array(dense), rng.integers(0, shape[0], 2 * shape[0])
    pointers = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    mean_scale = rng.normal([[1e3], [0.0]], size=(2, shape[1]))
    out, expected = np.empty((2, 2 * shape[0], shape[1]), dtype)
    kernels.gather_sparse_rows(X.data, *pointers, index, mean_scale, out)
    cpu.gather_rows(dense, index, mean_scale, expected)
    np.testing.assert_array_equal(out, expected)


@of_cuda
def test_gather_sparse_rows_adds_what_is_stored_twice_in_any_order(kernels, dtype):
    data, indices, indptr = np.array([1, 2, 4, 8], dtype), np.array([11, 0, 11, 3]), [0, 0, 3, 4]
    mean_scale, out = np.stack([np.full(12, 0.5), np.full(12, 2.0)]), np.empty((2, 12), dtype)
    kernels.gather_sparse_rows(data, indices, np.array(indptr), np.array([1, 0]), mean_scale, out)
    expected = np.full((2, 12), -1.0)
    expected[0, [0, 11]] = 3.0, 9.0
    assert (out == expected).all()


@pytest.mark.parametrize("bound", [0.5, 3.0])
def test_smooth_clip_is_its_formula_and_stays_within_its_bound(kernels, bound, shape, dtype, rng):
    x = normal(rng, shape, dtype) * 10
    x[0, 0], x[1, 0] = 1e30, -np.inf
    out = x.copy()
    kernels.smooth_clip(out, dtype(bound), out)
    exact = network_oracle.exact(x)
    with np.errstate(invalid="ignore"):
        expected = exact / np.sqrt(1 + (exact / bound) ** 2)
    expected[1, 0] = -bound
    assert_within(4, out, expected, np.abs(expected), dtype)
    assert np.abs(out).max() <= bound * (1 + np.finfo(dtype).eps)


def test_smooth_clip_leaves_values_near_zero_and_nan(kernels, dtype):
    x = np.array([[1e-5, -1e-5, 0.0, np.nan]], dtype)
    out = np.empty_like(x)
    kernels.smooth_clip(x, dtype(3.0), out)
    np.testing.assert_allclose(out, x, rtol=1e-6)


def test_gather_rows_keeps_nan(kernels, dtype):
    out = np.empty((2, 2), dtype)
    kernels.gather_rows(np.array([[0.0, np.nan]]), np.zeros(2, int), np.ones((2, 2)), out)
    assert (np.isnan(out) == [False, True]).all()


def test_add_bias_is_the_oracles(kernels, shape, dtype, rng):
    out, bias = normal(rng, shape, dtype), normal(rng, shape[1], dtype)
    expected = network_oracle.exact(out) + bias
    kernels.add_bias(bias, out)
    assert_within(0.51, out, expected, np.abs(expected), dtype)


def test_add_bias_keeps_nan(kernels, dtype):
    out = np.array([[0, np.nan]], dtype)
    kernels.add_bias(np.ones(2, dtype), out)
    assert (np.isnan(out) == [False, True]).all()


def test_bias_backward_is_the_sum_of_the_gradients(kernels, shape, dtype, rng):
    delta, grad = normal(rng, shape, dtype), np.full(shape[1], np.nan, dtype)
    before = delta.copy()
    kernels.bias_backward(delta, grad)
    assert (delta == before).all()
    assert_within(2, grad, network_oracle.exact(delta).sum(0), np.abs(delta).sum(0), dtype)


def test_bias_backward_keeps_nan(kernels, dtype):
    grad = np.empty(2, dtype)
    kernels.bias_backward(np.array([[1, np.nan]], dtype), grad)
    assert (np.isnan(grad) == [False, True]).all()
