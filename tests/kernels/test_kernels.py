"""Every kernel against NumPy, on arrays small enough for the interpreter.

Run once under NUMBA_DISABLE_JIT=1 these tests reach every line of the kernels.
"""

import os

import numba
import numpy as np
import oracle
import pytest
from kernels.kernel_problems import DEVICES, kernels_of
from scipy import sparse

from skbn.kernels import compile as compilation
from skbn.kernels import cpu, formulas
from skbn.kernels.layout import COUNT, M2, MEAN, WEIGHT


@pytest.fixture(params=DEVICES)
def kernels(request):
    return kernels_of(request.param)


SHAPES = [(1, 1), (1, 5), (7, 3), (64, 3), (131, 8), (300, 130)]


@pytest.fixture(params=SHAPES, ids=str)
def X(request, rng, dtype):
    return (rng.normal(size=request.param) * 3 + 100).astype(dtype)


def with_nan(X, rng):
    X = X.copy()
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, 0] = np.nan
    return X


def assert_moments(table, X, weight=None, rtol=1e-13):
    count, mean, variance = oracle.moments(X, weight)
    assert oracle.relative_error(table[COUNT], count) <= rtol
    assert oracle.relative_error(table[WEIGHT], count) <= rtol
    seen = count > 0
    assert oracle.relative_error(table[MEAN, seen], mean[seen]) <= rtol
    m2 = (variance * count)[seen]
    assert np.abs(table[M2, seen] - m2).max(initial=0) <= rtol * m2.max(initial=1)
    assert (table[1:, ~seen] == 0).all()


def test_column_moments_are_the_oracles(kernels, X):
    table = np.empty((5, X.shape[1]))
    kernels.column_moments(X, table)
    assert_moments(table, X)


def test_column_moments_skip_nan(kernels, X, rng):
    X = with_nan(X, rng)
    table = np.empty((5, X.shape[1]))
    kernels.column_moments(X, table)
    assert_moments(table, X)


def test_weighted_column_moments_are_the_oracles(kernels, X, rng):
    X, weight = with_nan(X, rng), rng.random(len(X))
    table = np.empty((5, X.shape[1]))
    kernels.weighted_column_moments(X, weight, table)
    assert_moments(table, X, weight)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -7.3, 1e-30, 1e10 / 3, 3e38])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_a_constant_column_has_its_value_for_mean_and_no_variance(
    kernels, value, weighted, dtype, rng
):
    X = np.full((1000, 3), value, dtype=dtype)
    table = np.empty((5, 3))
    if weighted:
        kernels.weighted_column_moments(X, rng.random(1000), table)
    else:
        kernels.column_moments(X, table)
    assert (table[MEAN] == X[0]).all()
    assert (table[M2] == 0).all()


# Squares do overflow, and sums before they are taken anew, of which the interpreter warns.
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_values_near_the_largest_float_do_not_overflow(kernels, weighted, rng):
    X = 1.7e308 * (1 - 1e-15 * rng.random((1000, 2)))
    table = np.empty((5, 2))
    if weighted:
        kernels.weighted_column_moments(X, np.ones(1000), table)
    else:
        kernels.column_moments(X, table)
    assert oracle.relative_error(table[MEAN], oracle.moments(X)[1]) <= 1e-15
    assert (table[M2] == np.inf).all()


@pytest.mark.parametrize("n_first", [0, 1, 100, 299, 300])
def test_merged_moments_are_those_of_all_rows(n_first, rng):
    X = rng.normal(size=(300, 4)) + 1e9
    table, other = np.zeros((5, 4)), np.zeros((5, 4))
    if n_first:
        cpu.column_moments(X[:n_first], table)
    if n_first < 300:
        cpu.column_moments(X[n_first:], other)
    cpu.merge_moments(table, other)
    assert_moments(table, X, rtol=1e-12)


@pytest.mark.parametrize("light", [0, 1])
def test_a_far_group_of_little_weight_leaves_the_mean_its_digits(light, rng):
    X, weight = rng.normal(size=(200, 1)), np.ones(200)
    X[:100] += 1e9
    weight[:100] = 1e-12
    parts = [slice(0, 100), slice(100, 200)]
    table, other = np.empty((5, 1)), np.empty((5, 1))
    for part, moments in zip(parts, (table, other) if light == 0 else (other, table), strict=True):
        cpu.weighted_column_moments(X[part], weight[part], moments)
    cpu.merge_moments(table, other)
    assert_moments(table, X, weight, rtol=1e-12)


@pytest.mark.parametrize("missing", ["weight 0", "NaN"])
@pytest.mark.parametrize("n", [10, 1000, 20_000])
def test_rows_that_do_not_count_tell_no_reference(kernels, missing, n, dtype, rng):
    X, weight = (rng.normal(size=(n, 2)) + 3).astype(dtype), rng.random(n)
    first = n // 30 + 2
    weight[:first] = 0.0
    X[:first] = 1e9
    if missing == "NaN":
        X[1:first] = np.nan
        weight[1:] = 1.0
    table = np.empty((5, 2))
    kernels.weighted_column_moments(X, weight, table)
    assert_moments(table, X, weight)


def test_rows_of_fading_weight_keep_their_digits(kernels, rng):
    X = rng.normal(size=(3000, 1)) + np.linspace(1e9, 0, 3000)[:, None]
    X[:1500] = 1e9
    weight = np.exp(np.linspace(-60, 0, 3000))
    table = np.empty((5, 1))
    kernels.weighted_column_moments(X, weight, table)
    assert_moments(table, X, weight)


def test_rounding_error_is_what_the_sum_lacks():
    assert formulas.rounding_error(1e16, 1.0) == 1.0
    assert formulas.rounding_error(1.0, 1e16) == 1.0
    assert formulas.rounding_error(1.0, 2.0) == 0.0


def test_decay_gives_the_batch_its_momentum_and_the_rest_decays(rng):
    batches = rng.normal(size=(5, 20, 3)) + np.arange(5)[:, None, None]
    table = np.zeros((5, 3))
    for batch in batches:
        new = np.empty((5, 3))
        cpu.column_moments(batch, new)
        cpu.decay(table, new, 0.3)
        cpu.merge_moments(table, new)
    mean, variance = oracle.exponential(batches, 0.3)
    assert oracle.relative_error(table[MEAN], mean) <= 1e-13
    assert oracle.relative_error(table[M2] / table[WEIGHT], variance) <= 1e-13


def test_decay_leaves_a_column_alone_in_which_the_batch_has_no_value(rng):
    table, batch = np.empty((5, 2)), np.empty((5, 2))
    cpu.column_moments(rng.normal(size=(9, 2)), table)
    cpu.column_moments(np.column_stack([np.full(3, np.nan), np.ones(3)]), batch)
    before = table.copy()
    cpu.decay(table, batch, 0.5)
    assert (table[:, 0] == before[:, 0]).all()
    assert (table[[WEIGHT, M2], 1] < before[[WEIGHT, M2], 1]).all()


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array])
def test_stored_sums_are_those_of_the_stored_values(to_format, rng):
    dense = rng.normal(size=(40, 6)) * (rng.random((40, 6)) < 0.4)
    dense[3, 2] = np.nan
    X, weight, reference = to_format(dense), rng.random(40), rng.normal(size=6)
    weight[5] = 0.0
    sums = np.empty((5, 6))
    stored_sums = cpu.csr_sums if X.format == "csr" else cpu.csc_sums
    stored_sums(X.data, X.indices, X.indptr, weight, reference, sums)
    stored = np.where(dense == 0, 0, weight[:, None])
    present = np.where(np.isnan(dense), 0, stored)
    deviation = np.nan_to_num(dense - reference)
    expected = [(present * deviation**power).sum(axis=0) for power in range(3)]
    n_stored = (stored > 0).sum(axis=0)
    np.testing.assert_allclose(sums, [n_stored, stored.sum(axis=0), *expected])


def test_normalize_is_the_formula_column_by_column(kernels, X, rng):
    mean, scale, offset = rng.normal(size=(3, X.shape[1]))
    out, infinite = np.empty_like(X), np.full(1, 7)
    kernels.normalize(X, mean, scale, offset, infinite, out)
    assert infinite == 7
    expected = (X.astype(np.longdouble) - mean) * scale + offset
    np.testing.assert_allclose(out, expected.astype(X.dtype), rtol=4 * np.finfo(X.dtype).eps)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 130])
def test_normalize_counts_infinite_values_and_keeps_nan(kernels, value, row, dtype):
    X = np.zeros((131, 3), dtype)
    X[row, 1] = value
    X[5, 2] = np.nan
    out, infinite = np.empty_like(X), np.full(1, 7)
    kernels.normalize(X, np.zeros(3), np.ones(3), np.zeros(3), infinite, out)
    assert infinite == 8
    assert np.isnan(out[5, 2])


def test_scale_stored_scales_each_value_by_its_column(dtype):
    data, columns = np.array([1, 2, np.inf], dtype), np.array([0, 1, 0])
    out = np.empty_like(data)
    assert cpu.scale_stored(data, columns, np.array([3.0, 5.0]), out) == 1
    np.testing.assert_array_equal(out, [3, 10, np.inf])


def double(x):
    return 2 * x


def test_what_was_compiled_is_kept_in_the_cache_folder():
    folder = compilation.cache_folder()
    kept = os.environ["NUMBA_CACHE_DIR"]
    assert folder is None if numba.config.DISABLE_JIT else folder.startswith(kept)


def test_without_a_cache_functions_are_compiled_all_the_same(monkeypatch):
    def njit(cache=False, **flags):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return original(**flags)

    original = numba.njit
    monkeypatch.setattr(numba, "njit", njit)
    assert compilation.jit(double)(21) == 42
    assert compilation.cache_folder() is None


@pytest.mark.parametrize("empty", [(), (0,), (1,), (0, 1)], ids=str)
def test_squared_weights_of_two_groups_are_those_of_all_rows(empty, rng):
    groups = [rng.random((n, 3)) for n in (5, 7)]
    for i in empty:
        groups[i][:, 1] = 0.0
    totals = [weights.sum(axis=0) for weights in groups]
    squared = [
        np.divide((w**2).sum(axis=0), t**2, where=t > 0, out=np.zeros(3))
        for w, t in zip(groups, totals, strict=True)
    ]
    merged = np.empty(3)
    cpu.merge_squared_weights(totals[0], squared[0], totals[1], squared[1], merged)
    rows = np.vstack(groups)
    total = rows.sum(axis=0)
    expected = np.divide((rows**2).sum(axis=0), total**2, where=total > 0, out=np.zeros(3))
    np.testing.assert_allclose(merged, expected, rtol=1e-14)


def test_squared_weights_of_another_width_are_an_error():
    with pytest.raises(ValueError, match="shapes"):
        cpu.merge_squared_weights(np.ones(3), np.ones(1), np.ones(3), np.ones(3), np.empty(3))


@pytest.mark.parametrize("stored_sums", [cpu.csr_sums, cpu.csc_sums])
def test_stored_sums_of_arrays_of_unequal_length_are_an_error(stored_sums):
    X = sparse.csr_array(np.eye(6))  # the same arrays by row and by column
    arrays = X.data, X.indices, X.indptr, np.ones(6), np.zeros(6), np.empty((5, 6))
    told_by_another = range(6) if stored_sums is cpu.csr_sums else (0, 1, 2, 4, 5)
    for i in told_by_another:
        short = np.ascontiguousarray(arrays[i][..., :-1])
        with pytest.raises(ValueError, match="shapes"):
            stored_sums(*arrays[:i], short, *arrays[i + 1 :])
