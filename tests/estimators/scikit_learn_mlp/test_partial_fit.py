"""partial_fit trains the same network as scikit-learn's."""

import numpy as np
import pytest
from estimators.scikit_learn_mlp.side_by_side import (
    PROBLEMS,
    SOLVERS,
    STOCHASTIC,
    TWO,
    assert_same,
    estimators,
    labels,
    side_by_side,
)
from helpers import pairwise
from sklearn.neural_network import MLPClassifier


def stream(model, X, y, weight=None):
    """A state after each call."""
    extra = labels(model, y)
    for rows in np.array_split(np.argsort(y if y.ndim == 1 else y[:, 0], kind="stable"), 4):
        kept = None if weight is None else weight[rows]
        yield model.partial_fit(X[rows], y[rows], sample_weight=kept, **extra)
        extra = {}


@pytest.mark.parametrize(
    *pairwise(problem=list(PROBLEMS), solver=STOCHASTIC, weighted=[False, True])
)
def test_partial_fit(problem, solver, weighted):
    kind, (X, y), params = PROBLEMS[problem]
    weight = np.random.default_rng(0).integers(0, 4, size=len(y)) if weighted else None
    pair = estimators(kind, solver=solver, batch_size=13, **params)
    for ours, theirs in zip(*(stream(model, X, y, weight) for model in pair), strict=True):
        assert_same(ours, theirs, X)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
def test_partial_fit_goes_on_where_fit_ended(learning_rate):
    def train(model, X, y):
        model.fit(X, y)
        for _ in range(5):
            model.partial_fit(X, y)

    for problem in TWO:
        for solver in STOCHASTIC:
            side_by_side(problem, train=train, solver=solver, learning_rate=learning_rate)


def test_fit_forgets_what_partial_fit_learned():
    def train(model, X, y):
        model.partial_fit(X, y, **labels(model, y)).fit(X, y)

    for problem in TWO:
        side_by_side(problem, train=train)


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fit_of_the_classifier_is_there_where_scikit_learn_has_it(solver):
    ours, theirs = estimators(MLPClassifier, solver=solver)
    assert hasattr(ours, "partial_fit") == hasattr(theirs, "partial_fit")
