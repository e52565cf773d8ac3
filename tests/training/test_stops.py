"""Training stops: early, by Ctrl-C, or because it diverges."""

import itertools

import numpy as np
import pytest
from training.problems import DIABETES, IRIS, assert_same_bits, classifier, copy, regressor

from skbn._estimators import rows_fitting
from skbn._model import Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def split(monkeypatch):
    """The rows that early stopping trains on and those that it holds out."""
    parts, original = [], rows_fitting.train_test_split

    def spy(*args, **settings):
        parts[:] = original(*args, **settings)
        return parts

    monkeypatch.setattr(rows_fitting, "train_test_split", spy)
    return parts


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_early_stopping_gives_the_epoch_of_the_best_score(problem, weighted, split, rng):
    model, X, y = problem
    weight = rng.integers(1, 4, size=len(X)) if weighted else np.ones(len(X))
    model.set_params(batch_norm=False, dtype="float64", early_stopping=True)
    model.set_params(validation_fraction=0.3, max_iter=30, learning_rate_init=0.05)
    model.fit(X, y, sample_weight=weight)
    validation_data = split[1]
    score = model.score(X[validation_data], y[validation_data], weight[validation_data])
    np.testing.assert_allclose(score, model.best_validation_score_, rtol=1e-10)
    assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize("part", [0, 1], ids=["trained on", "held out"])
def test_early_stopping_refuses_a_part_without_weight(part, split):
    model, weight = classifier(early_stopping=True).fit(*IRIS), np.ones(150)
    weight[split[part]] = 0.0
    with pytest.raises(ValueError, match="weight"):
        model.fit(*IRIS, sample_weight=weight)


def interrupt_at(monkeypatch, step):
    """Ctrl-C in the middle of a step."""
    steps, backward = itertools.count(1), Network.backward

    def interrupted(self, batch):
        if next(steps) == step:
            raise KeyboardInterrupt
        backward(self, batch)

    monkeypatch.setattr(Network, "backward", interrupted)


@pytest.mark.parametrize("solver", ["sgd", "adamw", "lbfgs"])
def test_ctrl_c_gives_the_model_of_the_last_whole_epoch(problem, solver, monkeypatch):
    model, X, y = problem
    model.set_params(solver=solver)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5 if solver == "lbfgs" else 4 * (len(X) // 32))
        with pytest.warns(UserWarning, match="interrupted"):
            model.fit(X, y)
    assert model.n_iter_ in ([1, 2, 3, 4] if solver == "lbfgs" else [3])
    expected = copy(model).set_params(max_iter=model.n_iter_).fit(X, y)
    assert_same_bits(model, expected, X)


@pytest.mark.parametrize(
    ("method", "solver"), [("fit", "adam"), ("fit", "lbfgs"), ("partial_fit", "sgd")]
)
def test_ctrl_c_at_once_leaves_the_model_as_it_was(problem, method, solver, monkeypatch):
    model, X, y = problem
    model.fit(X, y).set_params(solver=solver)
    before = copy(model)
    interrupt_at(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        getattr(model, method)(2 * X + 1, y)
    assert_same_bits(model, before, X)
    np.testing.assert_array_equal(model.input_norm_.mean_, before.input_norm_.mean_)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm_start"])
def test_training_that_diverges_is_refused_and_leaves_the_model_as_it_was(method, batch_norm):
    X, y = DIABETES
    # A stream keeps its optimizer, so that it has to diverge because of its targets.
    model = regressor(solver="sgd", batch_norm=batch_norm, normalize_targets=False)
    model.set_params(learning_rate_init=1e-5).fit(X, y)
    before = copy(model)
    model.set_params(learning_rate_init=1e10, warm_start=method == "warm_start")
    train = model.partial_fit if method == "partial_fit" else model.fit
    with pytest.raises(ValueError, match="non-finite"):
        train(X, y * (1e30 if method == "partial_fit" else 1))
    assert_same_bits(model, before, X)
    assert_same_bits(
        model.set_params(learning_rate_init=1e-5, warm_start=False).fit(X, y), before, X
    )
