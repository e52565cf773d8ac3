"""Problems, solvers and settings train the same network as scikit-learn's."""

import numpy as np
import pytest
from estimators.scikit_learn_mlp.side_by_side import (
    ALL,
    PROBLEMS,
    SOLVERS,
    STOCHASTIC,
    TWO,
    assert_same,
    assert_same_history,
    estimators,
    fit,
    has_ties,
    quietly,
    recorded,
    side_by_side,
    side_by_side_until_a_tie,
)
from helpers import pairwise
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier


@pytest.mark.parametrize(("problem", "solver"), ALL)
def test_problems_and_solvers(problem, solver):
    side_by_side(problem, solver=solver)


@pytest.mark.parametrize(
    *pairwise(problem=TWO, solver=SOLVERS, activation=["identity", "logistic", "tanh", "relu"])
)
def test_activations(problem, solver, activation):
    side_by_side(problem, solver=solver, activation=activation, hidden_layer_sizes=(8, 5))


@pytest.mark.parametrize(
    *pairwise(problem=TWO, solver=SOLVERS, sizes=[(), 7, (9,), [6, 5, 4], np.array([4, 3])])
)
def test_hidden_layers(problem, solver, sizes):
    side_by_side(problem, solver=solver, hidden_layer_sizes=sizes)


SETTINGS = [
    {"alpha": 0},
    {"alpha": 10.0},
    {"alpha": 10.0, "solver": "sgd"},
    {"alpha": 10.0, "solver": "lbfgs"},
    {"batch_size": 50},
    {"batch_size": 7, "solver": "sgd"},
    {"batch_size": 1, "max_iter": 2},
    {"batch_size": 120},
    {"batch_size": 500},
    {"shuffle": False, "batch_size": 32},
    {"shuffle": False, "batch_size": 32, "solver": "sgd"},
    {"learning_rate_init": 0.05},
    {"learning_rate": "invscaling", "learning_rate_init": 0.5, "solver": "sgd"},
    {"learning_rate": "invscaling", "learning_rate_init": 0.5, "power_t": 0.2, "solver": "sgd"},
    {"learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1, "solver": "sgd"},
    {"learning_rate": "invscaling"},
    {"learning_rate": "adaptive"},
    {"momentum": 0.0, "solver": "sgd"},
    {"momentum": 0.5, "solver": "sgd"},
    {"momentum": 1, "solver": "sgd"},
    {"nesterovs_momentum": False, "solver": "sgd"},
    {"nesterovs_momentum": False, "momentum": 0.5, "batch_size": 32, "solver": "sgd"},
    {"beta_1": 0.5},
    {"beta_1": 0.0, "beta_2": 0.9},
    {"beta_2": 0.0},
    {"epsilon": 0.1},
    {"tol": 0.05, "n_iter_no_change": 2},
    {"tol": 10.0, "n_iter_no_change": 1, "solver": "sgd"},
    {"tol": 10.0, "n_iter_no_change": np.inf},
    {"tol": 1.0, "solver": "lbfgs"},
    {"max_iter": 1},
    {"max_fun": 5, "solver": "lbfgs"},
    {"random_state": 2**32 - 1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("problem", TWO)
def test_settings(problem, settings):
    side_by_side(problem, **settings)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_tol_ends_training_at_the_same_epoch(problem, solver):
    stop = {"tol": 0.02, "n_iter_no_change": 2, "max_iter": 100, "learning_rate_init": 0.02}
    theirs = side_by_side(problem, solver=solver, **stop)
    assert 3 < theirs.n_iter_ < 100


@pytest.mark.parametrize("problem", TWO)
def test_the_adaptive_learning_rate_falls_until_it_is_too_small(problem):
    stop = {"tol": 0.1, "n_iter_no_change": 1, "max_iter": 100, "learning_rate_init": 0.02}
    theirs = side_by_side(problem, solver="sgd", learning_rate="adaptive", **stop)
    assert 12 < theirs.n_iter_ < 100


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_early_stopping(problem, solver):
    stop = {"n_iter_no_change": 3, "learning_rate_init": 0.02, "max_iter": 40}
    side_by_side_until_a_tie(problem, solver=solver, validation_fraction=0.3, **stop)


def test_early_stopping_of_a_classifier_whose_scores_differ():
    X, y = make_classification(3000, 6, n_informative=4, n_classes=4, random_state=0)
    stop = {"learning_rate_init": 0.001, "max_iter": 8, "validation_fraction": 0.5}
    ours, theirs = estimators(MLPClassifier, early_stopping=True, **stop)
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert not has_ties(theirs.validation_scores_)
    assert_same(ours, theirs, X)


def test_of_epochs_with_equal_scores_scikit_learn_keeps_the_first_and_we_the_lowest_loss():
    (X, y), stop = PROBLEMS["binary"][1], {"max_iter": 100, "learning_rate_init": 0.01}
    ours, theirs = estimators(MLPClassifier, early_stopping=True, validation_fraction=0.2, **stop)
    quietly(ours.fit, X, y)
    quietly(theirs.fit, X, y)
    assert has_ties(theirs.validation_scores_)
    assert ours.best_validation_score_ > theirs.best_validation_score_
    assert ours.n_iter_ > theirs.n_iter_
    assert log_loss(y, ours.predict_proba(X)) < 0.9 * log_loss(y, theirs.predict_proba(X))


@pytest.mark.parametrize("problem", TWO)
def test_early_stopping_is_of_no_effect_with_lbfgs(problem):
    side_by_side(problem, solver="lbfgs", early_stopping=True)


def fit_twice(model, X, y):
    model.fit(X, y).fit(X, y)


@pytest.mark.parametrize("warm_start", [True, False])
@pytest.mark.parametrize(("problem", "solver"), ALL)
def test_two_fits(problem, solver, warm_start):
    side_by_side(problem, train=fit_twice, solver=solver, warm_start=warm_start, max_iter=6)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", ["squared_error", "poisson"])
def test_a_warm_start_goes_on_from_the_best_epoch(problem, solver):
    kind, (X, y), params = PROBLEMS[problem]
    pair = estimators(kind, solver=solver, warm_start=True, early_stopping=True, **params)
    for _ in range(2):
        ours, theirs = pair
        assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
        # In its second fit scikit-learn overwrites the best weights in place.
        assert_same_history(ours, theirs)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_a_generator_is_used_up_alike(problem, solver):
    def train(model, X, y):
        generator = np.random.RandomState(3)
        model.set_params(random_state=generator).fit(X, y).fit(X, y)
        ends.append(generator.randint(2**31))

    ends = []
    has_no_ties = problem == "squared_error"
    side_by_side(problem, train=train, solver=solver, batch_size=50, early_stopping=has_no_ties)
    assert ends[0] == ends[1]


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("stop", [{}, {"tol": 1e3, "n_iter_no_change": 2}], ids=["last", "early"])
def test_the_generator_is_left_as_scikit_learn_leaves_it(stop, solver):
    X, y = make_classification(60, random_state=0)
    draws = []
    for which in (0, 1):
        random_state = np.random.RandomState(1)
        params = {"random_state": random_state, "max_iter": 6, "solver": solver, **stop}
        quietly(fit, estimators(MLPClassifier, **params)[which], X, y)
        draws.append(random_state.randint(1 << 30))
    assert draws[0] == draws[1]
