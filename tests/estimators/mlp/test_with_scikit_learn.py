"""The MLPs in the company of scikit-learn: pipelines, searches, calibration, copies."""

import pickle

import numpy as np
import pytest
import sklearn
from estimators.mlp.cases import IRIS, assert_same_bits, classifier, regressor
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import (
    load_breast_cancer,
)
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_pipeline_with_a_scaler_learns(case):
    network = case.make(max_iter=60, learning_rate_init=0.01)
    pipeline = make_pipeline(StandardScaler(), network).fit(case.X, case.y)
    assert pipeline.score(case.X, case.y) > {classifier: 0.9, regressor: 0.4}[case.make]


def test_columns_of_any_unit_need_no_scaler():
    X, y = load_breast_cancer(return_X_y=True)
    assert classifier(max_iter=20, learning_rate_init=0.01).fit(X, y).score(X, y) > 0.95


def test_a_grid_search_over_batch_norm(case):
    grid = {"batch_norm": [True, False]}
    search = GridSearchCV(case.make(), grid, cv=2, error_score="raise").fit(case.X, case.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.batch_norm is search.best_params_["batch_norm"]
    assert search.predict(case.X).shape == case.y.shape


def test_probabilities_can_be_calibrated():
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])
    network = classifier(max_iter=20, learning_rate_init=0.01)
    model = CalibratedClassifierCV(network, cv=2).fit(X, names[y])
    assert model.score(X, names[y]) > 0.8


def test_cross_val_predict(case):
    assert cross_val_predict(case.make(), case.X, case.y, cv=3).shape == case.y.shape


def test_cross_val_predict_of_probabilities():
    proba = cross_val_predict(classifier(), *IRIS, cv=3, method="predict_proba")
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_permutation_importance_finds_the_column_that_matters(case, rng):
    X = rng.normal(size=(200, 4))
    y = (X[:, 2] > 0).astype(int) if case.make is classifier else X[:, 2]
    model = case.make(max_iter=40, learning_rate_init=0.01).fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() == 2


def test_a_clone_has_the_parameters_and_nothing_learned(case):
    model = case.make(alpha=0.1, batch_norm_momentum=0.3).fit(case.X, case.y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(case.X)
    assert_same_bits(copy.fit(case.X, case.y), model, case.X)


def test_a_pickle_predicts_and_goes_on_learning_as_the_model_does(case):
    model = case.make().fit(case.X, case.y)
    copy = pickle.loads(pickle.dumps(model))
    assert_same_bits(copy, model, case.X)
    copy.partial_fit(case.X, case.y)
    assert_same_bits(copy, model.partial_fit(case.X, case.y), case.X)


def test_two_processes_score_as_one(case):
    one, two = (
        cross_val_score(case.make(), case.X, case.y, cv=2, n_jobs=n_jobs, error_score="raise")
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_the_html_representation_names_the_estimator(case):
    for model in (case.make(), case.make().fit(case.X, case.y)):
        assert type(model).__name__ in model._repr_html_()


def test_weights_are_routed_through_a_grid_search(case, rng):
    weight = rng.integers(1, 5, size=len(case.y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = case.make().set_fit_request(sample_weight=True)
        search = GridSearchCV(model.set_score_request(sample_weight=False), {"alpha": [0.1]}, cv=2)
        search.fit(case.X, case.y, sample_weight=weight)
    expected = case.make(alpha=0.1).fit(case.X, case.y, sample_weight=weight)
    assert_same_bits(search.best_estimator_, expected, case.X)
