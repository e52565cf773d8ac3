"""Dropout, smoothed labels, the cosine and AdamW in training."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from training.problems import DIABETES, answer, assert_close, assert_same_bits, copy, regressor

from skbn._model.layers import Dropout

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_dropout_is_seeded_matters_and_is_off_in_predictions(problem):
    model, X, y = problem
    plain = copy(model.fit(X, y))
    first, again, other = (
        copy(model.set_params(dropout=0.5, random_state=seed).fit(X, y)) for seed in (0, 0, 1)
    )
    assert_same_bits(first, again, X)
    for different in (plain, other):
        assert not np.allclose(answer(first, X), answer(different, X), rtol=1e-3)


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.parametrize(("activation", "n_keys"), [("tanh", 6), ("relu", 3)])
def test_dropout_draws_new_units_at_every_call_that_goes_on(
    method, activation, n_keys, monkeypatch
):
    keys, key = [], Dropout.key

    def spy(self, batch):
        keys.append(int(key(self, batch)))
        return keys[-1]

    monkeypatch.setattr(Dropout, "key", lambda *arguments: np.uint32(spy(*arguments)))
    model = regressor(dropout=0.5, hidden_layer_sizes=50, activation=activation, shuffle=False)
    model.set_params(warm_start=True, max_iter=1)
    for _ in range(3):
        getattr(model, method)(DIABETES[0][:32], DIABETES[1][:32])
    assert len(keys) == n_keys  # relu draws none backward
    assert len(set(keys)) == 3


@pytest.mark.parametrize("problem", ["multiclass", "binary", "multilabel"], indirect=True)
def test_label_smoothing_lowers_the_largest_probability(problem):
    model, X, y = problem
    model.set_params(max_iter=60, learning_rate_init=0.01)
    sharp, smooth = (
        answer(model.set_params(label_smoothing=s).fit(X, y), X).max() for s in (0.0, 0.3)
    )
    assert smooth < sharp - 0.02


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_a_cosine_ends_at_max_iter_without_a_warning(problem, solver):
    model, X, y = problem
    model.set_params(solver=solver, learning_rate="cosine", n_iter_no_change=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, y)
    assert model.n_iter_ == model.max_iter
    assert 0 < model._optimizer.schedule.rate < 0.01 * model.learning_rate_init


def test_adamw_shrinks_weights_and_nothing_else_where_nothing_is_to_be_learned():
    settings = {"weight_decay": 1.0, "learning_rate_init": 0.01, "max_iter": 1}
    X, y = np.ones((64, 3)), np.ones(64)  # targets of 0: no gradient
    model, start = (
        regressor(**settings | more).fit(X, y) for more in ({}, {"learning_rate_init": 1e-30})
    )
    for coef, initial in zip(model.coefs_[:2], start.coefs_, strict=False):
        assert_close(coef, initial * 0.99**2, 1e-5)
    assert all((norm.gamma_ == 1).all() for norm in model.batch_norms_)


@pytest.mark.parametrize("params", [{"virtual_batch_size": 16}], ids=str)
def test_lbfgs_refuses_what_changes_its_loss(problem, params):
    model, X, y = problem
    with pytest.raises(ValueError, match="lbfgs"):
        model.set_params(solver="lbfgs", **params).fit(X, y)
    assert not hasattr(model, "coefs_")
