"""BatchNormalizer in scikit-learn: statistics set by hand, copies, pipelines, routing."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer


def test_statistics_changed_by_hand_after_a_fit_are_built_upon(X):
    edits = {
        "n_samples_seen_": lambda n: setattr(n, "n_samples_seen_", np.int64(20)),
        "mean_": lambda n: setattr(n, "mean_", n.mean_ + 1),
        "mean_ in place": lambda n: n.mean_.__setitem__(0, 100.0),
        "var_ in place": lambda n: n.var_.__setitem__(0, 9.0),
    }
    for edit in edits.values():
        ours, theirs = BatchNormalizer().fit(X[:100]), StandardScaler().fit(X[:100])
        for scaler in (ours, theirs):
            edit(scaler)
            scaler.partial_fit(X[100:])
        np.testing.assert_allclose(ours.mean_, theirs.mean_)
        np.testing.assert_allclose(ours.var_, theirs.var_)


def test_statistics_set_by_hand_serve_every_method(X):
    donor = BatchNormalizer().fit(X)
    normalizer = BatchNormalizer(gamma=2.0)
    normalizer.mean_, normalizer.var_, normalizer.scale_ = donor.mean_, donor.var_, donor.scale_
    normalizer.n_samples_seen_ = 200
    Y = normalizer.transform(X)
    np.testing.assert_allclose(Y, 2 * donor.transform(X))
    np.testing.assert_allclose(normalizer.inverse_transform(Y), X, atol=1e-9)
    np.testing.assert_allclose(normalizer.to_sklearn().transform(X), Y, atol=1e-9)
    np.testing.assert_allclose(normalizer.fold()[0], 2 / donor.scale_)
    for method in (normalizer.transform, normalizer.inverse_transform, normalizer.partial_fit):
        with pytest.raises(ValueError, match=r"6 features|broadcast"):
            method(np.ones((4, 6)))
    assert normalizer.partial_fit(X).n_samples_seen_ == 400


@pytest.mark.parametrize("ddof", [0, 1])
def test_statistics_set_by_hand_are_used_and_built_upon(X, ddof):
    donor = BatchNormalizer(ddof=ddof).fit(X[:150])
    normalizer = BatchNormalizer(ddof=ddof)
    normalizer.mean_, normalizer.var_, normalizer.scale_ = donor.mean_, donor.var_, donor.scale_
    np.testing.assert_array_equal(normalizer.transform(X), donor.transform(X))
    normalizer.n_samples_seen_, normalizer.n_features_in_ = 150, 3
    np.testing.assert_allclose(normalizer.partial_fit(X[150:]).var_, X.var(axis=0, ddof=ddof))


def test_a_mean_set_by_hand_is_enough_without_a_variance(X):
    normalizer = BatchNormalizer(with_std=False)
    normalizer.mean_, normalizer.var_, normalizer.scale_ = X[:150].mean(axis=0), None, None
    normalizer.n_samples_seen_, normalizer.n_features_in_ = 150, 3
    np.testing.assert_allclose(normalizer.partial_fit(X[150:]).mean_, X.mean(axis=0))


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_transforms_and_goes_on_alike(X, copier):
    normalizer = BatchNormalizer(momentum=0.1, gamma=[1.0, 2.0, 3.0]).fit(X)
    twin = copier(normalizer)
    np.testing.assert_array_equal(twin.transform(X), normalizer.transform(X))
    np.testing.assert_array_equal(twin.partial_fit(X + 1).var_, normalizer.partial_fit(X + 1).var_)


def test_joblib_keeps_the_normalizer(X, tmp_path):
    normalizer = BatchNormalizer().fit(X)
    joblib.dump(normalizer, tmp_path / "normalizer.joblib")
    loaded = joblib.load(tmp_path / "normalizer.joblib", mmap_mode="r")
    np.testing.assert_array_equal(loaded.transform(X), normalizer.transform(X))
    np.testing.assert_array_equal(loaded.partial_fit(X).mean_, normalizer.mean_)


def test_it_searches_in_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(BatchNormalizer(), LogisticRegression(max_iter=500))
    grid = {"batchnormalizer__gamma": [0.1, 1.0], "batchnormalizer__momentum": [None, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.96


def test_sample_weight_is_routed_through_a_pipeline(X, rng):
    weight = rng.random(len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(BatchNormalizer().set_fit_request(sample_weight=True))
        pipeline.fit(X, sample_weight=weight)
    expected = BatchNormalizer().fit(X, sample_weight=weight)
    np.testing.assert_array_equal(pipeline[0].mean_, expected.mean_)


def test_the_html_shows_the_parameters():
    assert "momentum" in BatchNormalizer(momentum=0.1)._repr_html_()
