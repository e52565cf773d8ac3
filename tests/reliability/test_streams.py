"""Streams longer than memory: counts stay exact, errors bounded, averages stable.

Long streams are simulated by merging: the statistics of 10⁶ rows stand for 10⁶ rows each time they
are merged. What a stream of copies must give is known exactly: the mean and the variance of one.
"""

import functools

import numpy as np
import oracle
import pytest
from reliability.exact import EPS

from skbn import BatchNormalizer
from skbn._statistics.moments import RunningMoments

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore:These features are treated as constant"),
]

BILLION = 10**9


@pytest.fixture(scope="module", params=[0.0, 1e6, 1e9], ids="offset {:g}".format)
def million(request):
    """A normalizer of 10⁶ rows at an offset, and its oracle."""
    X = np.random.default_rng(1).normal(size=(1_000_000, 2)) + request.param
    return BatchNormalizer().fit(X), oracle.moments(X)


def errors(normalizer, expected):
    """Of the mean, relative to |μ| + σ, and of the variance."""
    _, mean, variance = expected
    size = np.abs(mean) + np.sqrt(variance)
    return (
        float(np.max(np.abs(normalizer.mean_ - mean) / size)),
        oracle.relative_error(normalizer.var_, variance),
    )


def test_a_billion_rows_merged_at_once(million):
    normalizer, expected = million
    merged = normalizer.merge(*[normalizer] * 999)
    assert merged.n_samples_seen_ == BILLION
    assert merged.n_samples_seen_.dtype == np.int64
    # 1000 merges, an ε each at most; measured 3e-15.
    of_mean, of_variance = errors(merged, expected)
    assert of_mean <= 1e-15
    assert of_variance <= 1e-13


def test_a_billion_rows_merged_one_after_another(million):
    normalizer, expected = million
    merged = normalizer
    for _ in range(999):
        merged = merged.merge(normalizer)
    assert merged.n_samples_seen_ == BILLION
    of_mean, of_variance = errors(merged, expected)
    assert of_mean <= 1e-15
    assert of_variance <= 1e-13


def test_ten_to_the_eighteenth_rows_by_doubling(million):
    normalizer, expected = million
    for _ in range(40):
        normalizer = normalizer.merge(normalizer)
    assert normalizer.n_samples_seen_ == 10**6 * 2**40
    of_mean, of_variance = errors(normalizer, expected)
    assert of_mean <= 1e-15
    assert of_variance <= 1e-13


def test_more_rows_than_int64_holds_are_a_float(million):
    normalizer, expected = million
    for _ in range(60):
        normalizer = normalizer.merge(normalizer)
    assert normalizer.n_samples_seen_ == 10**6 * 2.0**60
    of_mean, of_variance = errors(normalizer, expected)
    assert of_mean <= 1e-15
    assert of_variance <= 1e-13
    assert normalizer.partial_fit(np.ones((1, 2))).n_samples_seen_ == 10**6 * 2.0**60


def test_counts_of_missing_values_are_exact_too():
    X = np.ones((1000, 3))
    X[::2, 0] = np.nan
    X[:, 1] = np.nan
    normalizer = BatchNormalizer().fit(X)
    for _ in range(30):
        normalizer = normalizer.merge(normalizer)
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [500 * 2**30, 0, 1000 * 2**30])


def test_two_streams_whose_means_are_apart(million):
    """The spread between the parts enters the variance: half of them are 2 higher."""
    normalizer, (_, _, variance) = million
    moments = normalizer._moments
    shifted = moments.table.copy()
    shifted[2] += 2.0
    parts = [moments if i % 2 else RunningMoments(shifted) for i in range(1000)]
    merged = functools.reduce(RunningMoments.merge, parts)
    assert (merged.count == BILLION).all()
    rounded = shifted[2].astype(np.longdouble) - moments.table[2]  # 2, as far as floats tell
    expected = variance + rounded**2 / 4
    assert oracle.relative_error(merged.variance(0), expected) <= 1e-13


def test_one_row_after_a_billion_still_counts(million):
    normalizer, (_, mean, variance) = million
    merged = normalizer.merge(*[normalizer] * 999)
    far = np.asarray(mean + 1e6, float)
    merged.partial_fit(far[None])
    assert merged.n_samples_seen_ == BILLION + 1
    delta = far.astype(np.longdouble) - mean
    n = np.longdouble(BILLION)
    expected = (variance * n + delta**2 * n / (n + 1)) / (n + 1)
    assert oracle.relative_error(merged.var_, expected) <= 1e-13


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_many_batches_of_partial_fit(offset):
    many_batches(5_000, offset)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_very_many_batches_of_partial_fit(offset):
    many_batches(200_000, offset)


def many_batches(n_batches, offset):
    """Another batch each time; an error that grew with the batches would be seen."""
    X = np.random.default_rng(2).normal(size=(n_batches, 5, 2)) + offset
    normalizer = BatchNormalizer()
    for batch in X:
        normalizer.partial_fit(batch)
    assert normalizer.n_samples_seen_ == 5 * n_batches
    of_mean, of_variance = errors(normalizer, oracle.moments(X.reshape(-1, 2)))
    assert of_mean <= 1e-15
    assert of_variance <= 1e-13


@pytest.mark.parametrize("momentum", [0.5, 0.1, 1e-3])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_an_average_is_stable_over_many_batches(momentum, offset):
    stable_average(50_000, momentum, offset)


@pytest.mark.slow
@pytest.mark.parametrize(("momentum", "offset"), [(0.5, 1e9), (0.1, 0.0), (1e-3, 0.0), (1e-6, 1e9)])
def test_an_average_is_stable_over_a_million_batches(momentum, offset):
    stable_average(1_000_000, momentum, offset)


def stable_average(n_batches, momentum, offset):
    """The batches come in a cycle, so that few need be kept: their weights are summed by cycle."""
    cycle = np.random.default_rng(4).normal(size=(100, 3, 2)) + offset
    batches = [RunningMoments.of(batch) for batch in cycle]
    moments = RunningMoments.empty(2)
    for i in range(n_batches):
        moments = moments.forget(batches[i % 100], momentum)
    kept = np.longdouble(1) - np.longdouble(momentum)
    ages = (n_batches - 1 - np.arange(100)) % 100
    # Σ over the cycles of a geometric series whose ratio is kept^100, the same of every batch.
    weight = np.repeat(kept**ages, 3)
    _, mean, variance = oracle.moments(cycle.reshape(-1, 2), weight)
    assert (moments.count == 3 * n_batches).all()
    # The weight forgets its own rounding too: it stays where 1 is, to an ε a step over 1/momentum.
    assert np.abs(moments.table[1] - 1).max() <= 2 * EPS / momentum + kept**n_batches
    size = np.abs(mean) + np.sqrt(variance)
    assert float(np.max(np.abs(moments.mean - mean) / size)) <= 1e-14
    # Errors are forgotten with the batches: an ε a step over 1/momentum of them.
    assert oracle.relative_error(moments.variance(0), variance) <= 1e-14 + 4 * EPS / momentum


def test_an_average_follows_a_jump_and_forgets_what_was_before():
    moments = RunningMoments.empty(1)
    rng = np.random.default_rng(5)
    before, after = rng.normal(size=(500, 4, 1)) + 1e12, rng.normal(size=(2000, 4, 1))
    for batch in (*before, *after):
        moments = moments.forget(RunningMoments.of(batch), 0.1)
    mean, variance = oracle.exponential(list(after[-500:]), 0.1)
    assert float(np.abs(moments.mean - mean)[0]) <= 1e-14
    assert oracle.relative_error(moments.variance(0), variance) <= 1e-13


def test_a_stream_of_one_value_never_gains_a_variance():
    normalizer = BatchNormalizer()
    for n in (1, 3, 1000) * 300:
        normalizer.partial_fit(np.full((n, 2), 1 / 3))
    np.testing.assert_array_equal(normalizer.var_, 0.0)
    np.testing.assert_array_equal(normalizer.mean_, 1 / 3)
    for _ in range(40):
        normalizer = normalizer.merge(normalizer)
    np.testing.assert_array_equal(normalizer.var_, 0.0)
    np.testing.assert_array_equal(normalizer.transform([[1 / 3, 1.0]]), [[0.0, 1.0 - 1 / 3]])
