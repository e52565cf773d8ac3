"""Weights have no unit: scaled by any number they give the same scale and the same variance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer, BatchNormMLPRegressor

RNG = np.random.default_rng(0)
TIMES = 1.7e9 + 3600 * RNG.normal(size=(1000, 1))
WEIGHT = RNG.random(1000) + 0.1


@given(st.floats(-250, 250))
def test_timestamps_are_scaled_whatever_the_sum_of_their_weights(exponent):
    expected = np.sqrt(
        np.average((TIMES - np.average(TIMES, weights=WEIGHT, axis=0)) ** 2, weights=WEIGHT, axis=0)
    )
    normalizer = BatchNormalizer().fit(TIMES, sample_weight=WEIGHT * 10.0**exponent)
    np.testing.assert_allclose(normalizer.scale_, expected, rtol=1e-9)


@pytest.mark.parametrize("weight", [1e-12, 1.0, 1e12])
def test_equal_weights_give_the_scale_of_none(weight):
    X = np.column_stack([RNG.normal(size=1000), RNG.normal(2000, 5, size=1000)])
    normalizer = BatchNormalizer().fit(X, sample_weight=np.full(1000, weight))
    np.testing.assert_allclose(normalizer.scale_, StandardScaler().fit(X).scale_, rtol=1e-12)


@pytest.mark.parametrize("splits", [[], [1], [10, 500]])
def test_the_effective_number_of_rows_is_that_of_all_however_they_are_split(splits):
    X = np.where(RNG.random((1000, 3)) < [0.0, 0.3, 0.9], np.nan, RNG.normal(size=(1000, 3)))
    normalizer = BatchNormalizer()
    for rows in np.split(np.arange(1000), splits):
        normalizer.partial_fit(X[rows], sample_weight=WEIGHT[rows])
    weights = np.where(np.isnan(X), 0.0, WEIGHT[:, None])
    expected = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    np.testing.assert_allclose(normalizer._moments.effective_count, expected, rtol=1e-9)


def nearly_constant(n=100_000):
    X = np.zeros((n, 2))
    X[:, 0] = 1e9 + 1e-2 * (np.arange(n) % 2)
    X[:, 1] = np.arange(n) % 7
    return X


def test_a_feature_that_varies_and_is_taken_for_constant_is_named():
    X = nearly_constant()
    for call in (BatchNormalizer().fit, BatchNormalizer().partial_fit):
        with pytest.warns(UserWarning, match=r"treated as constant .*: x0\.$") as record:
            normalizer = call(X)
        assert record[0].filename == __file__
        assert normalizer.scale_[0] == 1.0
        assert normalizer.var_[0] > 0
    with pytest.warns(UserWarning, match=r"treated as constant .*: x0\.$"):
        BatchNormalizer().normalize_batch(X)


def test_the_mlps_name_it_too():
    X = nearly_constant()
    model = BatchNormMLPRegressor(
        hidden_layer_sizes=2, max_iter=1, batch_size=10_000, random_state=0
    )
    with pytest.warns(UserWarning, match=r"treated as constant .*: x0\."):
        model.fit(X, X[:, 1])


def averages(momentum, n_batches, ddof, weighted):
    """Variances of many streams of standard normal values."""
    rng = np.random.default_rng(1)
    normalizer = BatchNormalizer(momentum=momentum, ddof=ddof)
    for n in rng.integers(2, 6, size=n_batches):
        batch = rng.normal(size=(n, 5_000))
        weight = 1e6 * (rng.random(n) + 0.05) if weighted else None
        normalizer.partial_fit(batch, sample_weight=weight)
    return normalizer.var_


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("momentum", [0.05, 0.3, 0.7, 1.0])
def test_an_average_with_ddof_1_is_unbiased(momentum, weighted):
    n_batches = 6
    variance = averages(momentum, n_batches, 1, weighted)
    error = variance.std() / np.sqrt(len(variance))
    assert abs(variance.mean() - 1.0) < 5 * error
    biased = averages(momentum, n_batches, 0, weighted)
    assert biased.mean() < 1.0 - 5 * error


def test_an_average_at_momentum_1_is_of_the_newest_batch():
    X = RNG.normal(size=(8, 3))
    normalizer = BatchNormalizer(momentum=1.0, ddof=1)
    for batch in np.split(X, 4):
        normalizer.partial_fit(batch)
    np.testing.assert_allclose(normalizer.var_, X[6:].var(axis=0, ddof=1), rtol=1e-12)


def test_one_row_at_momentum_1_has_the_variance_of_ddof_0():
    normalizer = BatchNormalizer(momentum=1.0, ddof=1)
    for row in RNG.normal(size=(3, 1, 2)):
        normalizer.partial_fit(row)
    np.testing.assert_array_equal(normalizer.var_, [0.0, 0.0])
