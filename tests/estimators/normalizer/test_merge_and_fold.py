"""Fitted normalizers merged, folded into a scale and a shift, handed over to StandardScaler."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skbn import BatchNormalizer


@pytest.mark.parametrize("weighted", [False, True])
def test_merge_is_a_fit_on_all_rows(X, weighted, rng):
    weight = rng.random(len(X)) if weighted else np.ones(len(X))
    X[7, 1] = np.nan
    parts = [slice(0, 1), slice(1, 90), slice(90, 200)]
    first, *others = (
        BatchNormalizer(gamma=2.0).fit(X[p], sample_weight=weight[p] if weighted else None)
        for p in parts
    )
    merged = first.merge(*others)
    whole = BatchNormalizer().fit(X, sample_weight=weight)
    np.testing.assert_allclose(merged.mean_, whole.mean_, rtol=1e-14)
    np.testing.assert_allclose(merged.var_, whole.var_, rtol=1e-13)
    np.testing.assert_allclose(merged.n_samples_seen_, whole.n_samples_seen_)
    assert merged.gamma == 2.0
    assert first.n_samples_seen_.max() < 200


def test_a_merged_normalizer_goes_on_learning(X):
    merged = BatchNormalizer().fit(X[:50]).merge(BatchNormalizer().fit(X[50:100]))
    np.testing.assert_allclose(merged.partial_fit(X[100:]).mean_, X.mean(axis=0))


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
@pytest.mark.parametrize("gamma", [None, [2.0, -1.0, 0.5]])
@pytest.mark.parametrize("beta", [None, [0.0, 3.0, -1.0]])
def test_fold_and_to_sklearn_are_the_same_function(X, with_mean, with_std, gamma, beta):
    normalizer = BatchNormalizer(
        with_mean=with_mean, with_std=with_std, gamma=gamma, beta=beta, epsilon=1e-9
    ).fit(X)
    expected = normalizer.transform(X)
    size = np.abs(expected).max(axis=0) + np.abs(X.mean(axis=0) * normalizer.fold()[0])
    scale, shift = normalizer.fold()
    assert (np.abs(X * scale + shift - expected) <= 1e-14 * size).all()
    scaler = normalizer.to_sklearn()
    assert (np.abs(scaler.transform(X) - expected) <= 1e-14 * size).all()
    inverse = normalizer.inverse_transform(expected)
    np.testing.assert_allclose(inverse, X, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(expected), X, rtol=1e-12, atol=1e-12)


def test_fold_handles_a_gamma_of_zero(X):
    normalizer = BatchNormalizer(gamma=0.0, beta=3.0).fit(X)
    assert (X * normalizer.fold()[0] + normalizer.fold()[1] == 3.0).all()


def test_the_standard_scaler_handed_over_goes_on_learning(X):
    scaler = BatchNormalizer().fit(X[:100]).to_sklearn().partial_fit(X[100:])
    np.testing.assert_allclose(scaler.mean_, X.mean(axis=0))
    np.testing.assert_allclose(scaler.var_, X.var(axis=0))


def test_the_standard_scaler_handed_over_shares_nothing():
    X = np.array([[0.0, 1.0], [np.nan, 2.0]])
    for parameters in ({}, {"with_mean": False, "with_std": False}):
        normalizer = BatchNormalizer(**parameters).fit(X)
        before = pickle.dumps(normalizer)
        normalizer.to_sklearn().partial_fit([[1.0, 1.0]])
        assert pickle.dumps(normalizer) == before


@pytest.mark.parametrize("with_std", [True, False])
def test_the_standard_scaler_handed_over_has_the_variance_of_its_scale(X, with_std):
    normalizer = BatchNormalizer(gamma=2.0, epsilon=1e-9, with_std=with_std).fit(X)
    scaler = normalizer.set_params(epsilon=5.0).to_sklearn()
    np.testing.assert_allclose(scaler.var_, scaler.scale_**2)


def test_the_standard_scaler_handed_over_knows_the_names():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    scaler = BatchNormalizer().fit(frame).to_sklearn()
    assert list(scaler.get_feature_names_out()) == ["a", "b"]
    assert scaler.n_samples_seen_ == 2
    normalizer = BatchNormalizer().set_output(transform="pandas").fit(frame)
    assert list(normalizer.to_sklearn().transform(frame).columns) == ["a", "b"]
