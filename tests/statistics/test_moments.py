"""The laws of running statistics, on streams that Hypothesis makes up."""

import functools

import numpy as np
import oracle
import pytest
from conftest import LAYOUTS
from helpers import pairwise
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from skbn._backends import threads
from skbn._statistics import host
from skbn._statistics.moments import RunningMoments

settings.register_profile("skbn", deadline=None, max_examples=60)
settings.load_profile("skbn")

VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)
MATRICES = hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=VALUES)
WITH_NAN = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=VALUES | st.just(np.nan),
)


def split(X, cuts):
    return np.split(X, sorted(cut % (len(X) + 1) for cut in cuts))


def assert_same(a, b, scale):
    """Counts are equal, means and variances to 1e-13 of the size of the values."""
    assert (a.count == b.count).all()
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-13, atol=1e-13 * scale)
    np.testing.assert_allclose(a.variance(0), b.variance(0), rtol=1e-12, atol=1e-13 * scale**2)


def size(X):
    return np.nanmax(np.abs(X), initial=1e-3)


@given(WITH_NAN, st.lists(st.integers(0, 40), max_size=6))
def test_any_split_of_the_stream_gives_the_same_statistics(X, cuts):
    parts = [RunningMoments.of(part) for part in split(X, cuts) if len(part)]
    assert_same(functools.reduce(RunningMoments.merge, parts), RunningMoments.of(X), size(X))


@given(MATRICES, st.lists(st.integers(0, 40), min_size=3, max_size=3))
def test_merge_is_associative(X, cuts):
    empty = RunningMoments.empty(X.shape[1])
    a, b, c, d = (RunningMoments.of(p) if len(p) else empty for p in split(X, cuts))
    assert_same(a.merge(b).merge(c.merge(d)), a.merge(b.merge(c)).merge(d), size(X))


@given(MATRICES, st.integers(0, 40))
def test_merge_commutes(X, cut):
    empty = RunningMoments.empty(X.shape[1])
    a, b = (RunningMoments.of(p) if len(p) else empty for p in split(X, [cut]))
    assert_same(a.merge(b), b.merge(a), size(X))


@given(MATRICES, st.randoms())
def test_the_order_of_rows_does_not_matter(X, random):
    order = random.sample(range(len(X)), len(X))
    assert_same(RunningMoments.of(X[order]), RunningMoments.of(X), size(X))


@given(MATRICES, VALUES)
def test_a_shift_of_the_data_shifts_the_mean_alone(X, shift):
    moved, moments = RunningMoments.of(X + shift), RunningMoments.of(X)
    scale = size(X) + abs(shift)
    np.testing.assert_allclose(moved.mean, moments.mean + shift, atol=1e-13 * scale)
    np.testing.assert_allclose(moved.variance(0), moments.variance(0), atol=1e-13 * scale**2)


@given(MATRICES, st.integers(-20, 20))
def test_a_power_of_two_scales_the_statistics_exactly(X, exponent):
    factor = 2.0**exponent
    scaled, moments = RunningMoments.of(X * factor), RunningMoments.of(X)
    # Below the normal floats both are rounded to steps of the least of all.
    step = 2 * np.finfo(float).smallest_subnormal
    atol = step * max(1.0, factor)
    np.testing.assert_allclose(scaled.mean, moments.mean * factor, rtol=0, atol=atol)
    atol = step * max(1.0, factor**2)
    expected = moments.variance(0) * factor**2
    np.testing.assert_allclose(scaled.variance(0), expected, rtol=0, atol=atol)


@given(MATRICES, st.integers(1, 3))
def test_a_weight_is_a_repetition(X, times):
    weight = 1.0 + np.arange(len(X)) % times
    repeated = np.repeat(X, weight.astype(int), axis=0)
    assert_same(RunningMoments.of(X, weight), RunningMoments.of(repeated), size(X))


@given(WITH_NAN, st.floats(0.01, 1.0))
def test_forgetting_one_batch_alone_is_to_remember_it(X, momentum):
    once = RunningMoments.empty(X.shape[1]).forget(RunningMoments.of(X), momentum)
    assert_same(once, RunningMoments.of(X), size(X))


@given(st.lists(MATRICES.map(lambda X: X[:, :1]), min_size=1, max_size=8), st.floats(0.05, 1.0))
def test_forgetting_is_the_exponential_average_of_the_batches(batches, momentum):
    moments = RunningMoments.empty(1)
    for batch in batches:
        moments = moments.forget(RunningMoments.of(batch), momentum)
    mean, variance = oracle.exponential(batches, momentum)
    scale = size(np.concatenate(batches))
    np.testing.assert_allclose(moments.mean, mean.astype(float), atol=1e-13 * scale)
    np.testing.assert_allclose(moments.variance(0), variance.astype(float), atol=1e-13 * scale**2)


FLOATS = [np.float32, np.float64]
WEIGHTED = {"": False, "weighted": True}


@pytest.mark.parametrize(
    *pairwise(
        layout=LAYOUTS,
        shape=[(300, 7), (5000, 3), (20_000, 130)],
        weighted=WEIGHTED,
        missing={"": False, "missing": True},
        dtype=FLOATS,
    )
)
def test_moments_are_the_oracles_in_every_layout(shape, weighted, missing, layout, dtype, rng):
    X = (rng.normal(size=shape) + 1000).astype(dtype)
    if missing:
        X[rng.random(shape) < 0.2] = np.nan
    weight = rng.random(shape[0]) if weighted else None
    moments = RunningMoments.of(layout(X), weight)
    X = layout(X) if layout(X).strides[0] < 0 else X
    count, mean, variance = oracle.moments(X, weight)
    assert oracle.relative_error(moments.count, count) <= 1e-13
    assert oracle.relative_error(moments.mean, mean) <= 1e-15
    assert oracle.relative_error(moments.variance(0), variance) <= 1e-13


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("chunk", [1, 7, 1000, 4000])
def test_variance_keeps_twelve_digits_at_any_offset_and_chunk(offset, chunk, rng):
    X = rng.normal(size=(4000, 2)) + offset
    parts = (RunningMoments.of(X[i : i + chunk]) for i in range(0, len(X), chunk))
    moments = functools.reduce(RunningMoments.merge, parts)
    assert oracle.relative_error(moments.variance(0), oracle.moments(X)[2]) <= 2e-14


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_variance_survives_an_outlier_in_the_first_row(weighted, rng):
    X = rng.normal(size=(1_000_000, 1))
    X[0] = 1e9
    moments = RunningMoments.of(X, np.ones(len(X)) if weighted else None)
    assert oracle.relative_error(moments.variance(0), oracle.moments(X)[2]) <= 1e-14


@pytest.mark.parametrize("momentum", [None, 0.1])
def test_variance_survives_a_stream_that_drifts_far(momentum, rng):
    """The first row tells nothing of where the stream goes."""
    batches = [np.zeros((1, 1)), *(rng.normal(size=(50, 7, 1)) + 1e9)]
    moments = RunningMoments.empty(1)
    for batch in batches:
        new = RunningMoments.of(batch)
        moments = moments.merge(new) if momentum is None else moments.forget(new, momentum)
    expected = (
        oracle.moments(np.concatenate(batches))[1:]
        if momentum is None
        else oracle.exponential(batches, momentum)
    )
    assert oracle.relative_error(moments.mean, expected[0]) <= 1e-15
    assert oracle.relative_error(moments.variance(0), expected[1]) <= 1e-12


def test_variance_of_an_average_forgets_the_place_where_it_began(rng):
    batches = [np.zeros((1, 1)), *(rng.normal(size=(500, 7, 1)) + 1e9)]
    moments = RunningMoments.empty(1)
    for batch in batches:
        moments = moments.forget(RunningMoments.of(batch), 0.3)
    # 0.7^500 of the start is left: 1e-78, times (1e9)² still nothing.
    _, variance = oracle.exponential(batches, 0.3)
    assert oracle.relative_error(moments.variance(0), variance) <= 1e-13


def test_statistics_do_not_depend_on_threads(monkeypatch, rng, dtype):
    X = rng.normal(size=(120_000, 30)).astype(dtype)
    assert len(host.blocks(X)) > 2
    tables = []
    for n_threads in (1, 2, 3):
        monkeypatch.setattr(threads, "n_threads", lambda n=n_threads: n)
        tables += [RunningMoments.of(X).table for _ in range(3)]
    assert all(np.array_equal(tables[0], table) for table in tables)


@pytest.mark.parametrize(
    *pairwise(
        to_format=[sparse.csr_array, sparse.csc_array, sparse.csr_matrix],
        weighted=WEIGHTED,
        density=[0.0, 0.1, 1.0],
        offset=[0.0, 1e6],
        dtype=FLOATS,
    )
)
def test_sparse_moments_are_the_dense_ones(to_format, weighted, density, offset, dtype, rng):
    X = (rng.normal(size=(200, 5)) + offset) * (rng.random((200, 5)) < density)
    X[3, 1] = np.nan
    X = X.astype(dtype)
    weight = rng.random(200) if weighted else None
    moments = RunningMoments.of(to_format(X), weight)
    count, mean, variance = oracle.moments(X, weight)
    assert oracle.relative_error(moments.count, count) <= 1e-13
    assert oracle.relative_error(moments.mean, mean) <= 1e-12
    np.testing.assert_allclose(
        moments.variance(0), variance.astype(float), rtol=1e-12, atol=1e-26 * offset**2
    )


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize("n_stored", [0, 1, 7])
def test_sparse_columns_without_stored_values_are_zeros(to_format, n_stored, rng):
    X, weight = np.zeros((4, 100)), rng.random(4)
    X[rng.integers(4, size=n_stored), rng.choice(100, n_stored, replace=False)] = 3.0
    for w in (None, weight):
        moments, expected = RunningMoments.of(to_format(X), w), oracle.moments(X, w)
        assert oracle.relative_error(moments.count, expected[0]) <= 1e-15
        np.testing.assert_allclose(moments.mean, expected[1].astype(float), rtol=1e-15)
        np.testing.assert_allclose(moments.variance(0), expected[2].astype(float), rtol=1e-14)


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array])
def test_empty_sparse_rows_of_weight_zero_are_none(to_format, rng):
    X, weight = rng.normal(size=(300, 2)) + 1e9, rng.random(300)
    X[:20] = 0.0
    weight[:20] = 0.0
    moments = RunningMoments.of(to_format(X), weight)
    assert oracle.relative_error(moments.variance(0), oracle.moments(X, weight)[2]) <= 1e-12


def test_merge_counts_rows_also_after_an_average(rng):
    X = rng.normal(size=(200, 2))
    average = RunningMoments.empty(2).forget(RunningMoments.of(X[:100]), 0.5)
    assert_same(average.merge(RunningMoments.of(X[100:])), RunningMoments.of(X), 4)
    assert_same(RunningMoments.of(X[100:]).merge(average), RunningMoments.of(X), 4)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_forgetting_after_a_fit_does_not_depend_on_the_unit_of_weights(unit, rng):
    X, batch = rng.normal(size=(10, 1)), rng.normal(size=(10, 1)) + 5
    moments = RunningMoments.of(X, np.full(10, unit)).forget(RunningMoments.of(batch), 0.1)
    np.testing.assert_allclose(moments.mean, 0.9 * X.mean() + 0.1 * batch.mean())


def test_forgetting_keeps_counts_that_are_weights(rng):
    X = rng.normal(size=(10, 1))
    moments = RunningMoments.empty(1).forget(RunningMoments.of(X, np.full(10, 0.25)), 0.5)
    assert moments.count == 2.5


def test_wide_blocks_are_merged_in_groups(monkeypatch, rng):
    X = rng.normal(size=(1000, 50))
    expected = RunningMoments.of(X)
    monkeypatch.setattr(host, "BLOCK_ELEMENTS", 64 * 50)
    monkeypatch.setattr(host, "MAX_TABLE_COLUMNS", 4 * 50)
    assert len(host.block_groups(X)) == 4
    assert_same(RunningMoments.of(X), expected, 4)


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_statistics_go_on_from_a_count_a_mean_and_a_variance(weight, rng):
    X = rng.normal(size=(100, 3))
    weights = np.full(100, weight)
    known = oracle.moments(X[:40], weights[:40])
    moments = RunningMoments.from_statistics(3, *(np.asarray(v, float) for v in known), ddof=0)
    assert_same(
        moments.merge(RunningMoments.of(X[40:], weights[40:])),
        RunningMoments.of(X, weights),
        scale=4,
    )


def test_ddof_divides_by_less(rng):
    X = rng.normal(size=(5, 2))
    X[:4, 1] = np.nan
    variance = RunningMoments.of(X).variance(ddof=1)
    np.testing.assert_allclose(variance, [X[:, 0].var(ddof=1), 0.0])
