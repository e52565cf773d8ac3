"""What comes out of training: scikit-learn's network, constants, a single class, logarithms."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from training.problems import (
    DIABETES,
    IRIS,
    answer,
    assert_close,
    assert_same_bits,
    classifier,
    copy,
    regressor,
)

from skbn._estimators.state import FITTED

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_what_to_sklearn_gives_takes_sparse_rows_and_goes_on_learning(problem):
    model, X, y = problem
    model.set_params(learning_rate="cosine", solver="adamw").fit(X, y)
    stock, zeros = model.to_sklearn(), X * (X > 0)
    assert_close(answer(stock, sparse.csr_array(zeros)), answer(model, zeros), 1e-5)
    assert_close(stock.score(X, y), model.score(X, y), 1e-5)
    before = stock.score(X, y)
    assert np.isfinite(stock.partial_fit(X, y).loss_)
    assert stock.score(X, y) > before - 0.2


def test_training_what_to_sklearn_gave_leaves_the_model_alone():
    X, y = IRIS
    model = classifier(random_state=np.random.RandomState(0)).fit(X, y, X_val=X, y_val=y)
    before, scores = copy(model), list(model.validation_scores_)
    model.to_sklearn().partial_fit(X, y)
    assert_same_bits(model, before, X)
    assert model.validation_scores_ == scores


def test_constant_targets_are_learned():
    X, y = DIABETES[0], np.full(442, 7.0)
    for early_stopping in (False, True):
        model = regressor(max_iter=100, learning_rate_init=0.01, early_stopping=early_stopping)
        assert_close(model.fit(X, y).predict(X), y, 0.1)


def test_a_single_class_is_predicted():
    X, y = IRIS[0], np.full(150, "only")
    model = classifier().fit(X, y)
    assert (model.predict(X) == "only").all()
    assert model.score(X, y) == 1.0


def test_logarithms_of_probabilities_stay_finite_where_probabilities_round_to_one():
    X, y = np.repeat([[-1.0], [1.0]], 50, axis=0), np.repeat([0, 1], 50)
    model = classifier(max_iter=300, learning_rate_init=0.1, label_smoothing=0.0).fit(X, y)
    log_p = model.predict_log_proba(4 * X)
    assert np.isfinite(log_p).all()
    assert (log_p < -17).any()


SETTINGS = [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"smooth_clip": 3.0}]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_list_of_fitted_attributes_has_all_that_fit_sets(problem, settings):
    model, X, y = problem
    model.set_params(**settings).fit(X, y)
    assert not vars(model).keys() - {*model.get_params(), *FITTED, "_folded"}


def test_every_name_in_the_list_of_fitted_attributes_is_set_by_a_fit():
    X = pd.DataFrame(DIABETES[0]).add_prefix("x")
    models = classifier().fit(*IRIS), regressor(smooth_clip=3.0).fit(X, DIABETES[1])
    assert not {*FITTED} - set.union(*({*vars(model)} for model in models))
