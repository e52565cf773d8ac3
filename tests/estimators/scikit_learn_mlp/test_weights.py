"""Sample weights train the same network as scikit-learn's."""

import numpy as np
import pytest
from estimators.scikit_learn_mlp.side_by_side import (
    ALL,
    STOCHASTIC,
    TWO,
    side_by_side,
    side_by_side_until_a_tie,
)


def fit_weighted(model, X, y):
    weight = np.random.default_rng(0).integers(0, 4, size=len(y))
    model.fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(("problem", "solver"), ALL)
def test_sample_weight(problem, solver):
    side_by_side(problem, train=fit_weighted, solver=solver, batch_size=50)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_sample_weight_with_early_stopping(problem, solver):
    side_by_side_until_a_tie(problem, train=fit_weighted, solver=solver, validation_fraction=0.3)
