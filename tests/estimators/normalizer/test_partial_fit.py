"""BatchNormalizer on streams: exact whatever the chunks, or an average with momentum."""

import numpy as np
import oracle
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from skbn import BatchNormalizer


@pytest.mark.parametrize("chunk", [1, 2, 50, 200, 242])
def test_partial_fit_is_fit_for_any_size_of_chunk(X, chunk):
    streamed = BatchNormalizer()
    for start in range(0, len(X), chunk):
        streamed.partial_fit(X[start : start + chunk])
    whole = BatchNormalizer().fit(X)
    np.testing.assert_allclose(streamed.mean_, whole.mean_, rtol=1e-15)
    np.testing.assert_allclose(streamed.var_, whole.var_, rtol=1e-13)
    assert streamed.n_samples_seen_ == whole.n_samples_seen_ == 200


def test_fit_forgets_what_partial_fit_saw(X):
    refitted = BatchNormalizer().partial_fit(X + 5).fit(X)
    np.testing.assert_array_equal(refitted.mean_, BatchNormalizer().fit(X).mean_)


def test_fit_forgets_the_names_of_the_features():
    normalizer = BatchNormalizer().fit(pd.DataFrame({"a": [1.0, 2.0]}))
    normalizer.fit(np.array([[1.0, 2.0]]))
    assert not hasattr(normalizer, "feature_names_in_")
    assert normalizer.n_features_in_ == 2


def test_momentum_weighs_the_newest_batch_and_has_no_bias_at_the_start(X):
    normalizer = BatchNormalizer(momentum=0.25)
    batches = np.split(X, 5)
    for i, batch in enumerate(batches, 1):
        normalizer.partial_fit(batch)
        mean, variance = oracle.exponential(batches[:i], 0.25)
        np.testing.assert_allclose(normalizer.mean_, mean.astype(float), rtol=1e-14)
        np.testing.assert_allclose(normalizer.var_, variance.astype(float), rtol=1e-13)
    assert normalizer.n_samples_seen_ == 200


def test_momentum_of_one_knows_the_newest_batch_alone(X):
    normalizer = BatchNormalizer(momentum=1.0).partial_fit(X[:50]).partial_fit(X[50:])
    np.testing.assert_allclose(normalizer.mean_, X[50:].mean(axis=0))
    np.testing.assert_allclose(normalizer.var_, X[50:].var(axis=0))
    assert normalizer.n_samples_seen_ == 200


def test_momentum_counts_a_batch_once_however_many_rows_it_has(X):
    short = BatchNormalizer(momentum=0.5).partial_fit(X[:10]).partial_fit(X[10:12])
    long = BatchNormalizer(momentum=0.5).partial_fit(X[:10])
    long.partial_fit(np.repeat(X[10:12], 50, axis=0))
    np.testing.assert_allclose(short.mean_, long.mean_)
    np.testing.assert_allclose(short.var_, long.var_)


def test_momentum_skips_a_column_that_a_batch_has_no_value_of(X):
    batch = X[:50].copy()
    batch[:, 1] = np.nan
    normalizer = BatchNormalizer(momentum=0.5).partial_fit(X[50:])
    before = normalizer.mean_.copy()
    normalizer.partial_fit(batch)
    assert normalizer.mean_[1] == before[1]
    assert normalizer.mean_[0] != before[0]
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [200, 150, 200])


def test_momentum_takes_sparse_batches_and_weights(X, rng):
    weight = rng.random(200)
    dense = BatchNormalizer(momentum=0.3, with_mean=False)
    stored = clone(dense)
    for part in (slice(0, 80), slice(80, 200)):
        dense.partial_fit(X[part], sample_weight=weight[part])
        stored.partial_fit(sparse.csr_array(X[part]), sample_weight=weight[part])
    np.testing.assert_allclose(stored.mean_, dense.mean_, rtol=1e-12)
    np.testing.assert_allclose(stored.var_, dense.var_, rtol=1e-12)
    np.testing.assert_allclose(dense.n_samples_seen_, weight.sum())


def test_an_average_far_from_zero_does_not_turn_constant(rng):
    normalizer = BatchNormalizer(momentum=0.5)
    for _ in range(3):
        normalizer.partial_fit(rng.normal(size=(1_000_000, 1)) + 1e9)
    np.testing.assert_allclose(normalizer.scale_, 1.0, rtol=0.01)
    assert normalizer.scale_ != 1.0


def test_weights_below_ddof_are_refused_by_their_sum_so_far(X):
    normalizer = BatchNormalizer(ddof=1).fit(X, sample_weight=np.ones(200))
    normalizer.partial_fit(X[:2], sample_weight=[0.25, 0.25])
    assert normalizer.n_samples_seen_ == 200.5


def test_momentum_may_be_set_and_taken_away_in_mid_stream(X):
    stream = np.split(X, 4)
    normalizer = BatchNormalizer().partial_fit(stream[0]).partial_fit(stream[1])
    normalizer.set_params(momentum=0.5).partial_fit(stream[2])
    halves = np.concatenate([stream[2], stream[2], stream[0], stream[1]])
    np.testing.assert_allclose(normalizer.mean_, halves.mean(axis=0))
    np.testing.assert_allclose(normalizer.var_, halves.var(axis=0))
    average = normalizer.mean_.copy()
    normalizer.set_params(momentum=None).partial_fit(stream[3])
    expected = (average * 150 + stream[3].sum(axis=0)) / 200
    np.testing.assert_allclose(normalizer.mean_, expected)


def test_a_column_may_begin_late(X):
    late = X.copy()
    late[:100, 2] = np.nan
    normalizer = BatchNormalizer().partial_fit(late[:100])
    assert np.isnan([normalizer.mean_[2], normalizer.var_[2], normalizer.scale_[2]]).all()
    normalizer.partial_fit(late[100:])
    np.testing.assert_allclose(normalizer.mean_[2], X[100:, 2].mean())
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [200, 200, 100])


def test_ddof_gives_the_unbiased_variance_of_the_paper(X):
    normalizer = BatchNormalizer(ddof=1).partial_fit(X[:1])
    np.testing.assert_array_equal(normalizer.var_, 0)
    np.testing.assert_allclose(normalizer.partial_fit(X[1:]).var_, X.var(axis=0, ddof=1))
