"""Streams and warm starts go on from what was learned."""

import numpy as np
import pytest
from training.problems import DIABETES, TWO, assert_close, assert_same_bits, copy, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("way", [{}, {"hidden_layer_sizes": ()}, {"solver": "sgd"}], ids=str)
@pytest.mark.parametrize("data", [DIABETES, TWO], ids=["one output", "two outputs"])
def test_targets_that_move_leave_the_predictions_where_they_are(data, way):
    X, y = data
    still = {"learning_rate_init": 1e-12, "batch_norm": False, "alpha": 0, "dtype": "float64"}
    model = regressor(**still | way).partial_fit(X, y)
    before, mean = model.predict(X), model.target_norm_.mean_
    for factor, shift in ((100, 5000), (1e-3, 0), (1, -1e6)):
        model.partial_fit(X, factor * y + shift)
    assert_close(model.predict(X), before, 1e-6)
    assert (np.abs(model.target_norm_.mean_ - mean) > 1e4).all()


def test_constant_targets_of_a_stream_may_begin_to_vary():
    X, y = DIABETES
    model = regressor(learning_rate_init=1e-12, batch_norm=False, alpha=0, dtype="float64")
    before = model.partial_fit(X, np.full(len(y), 50.0)).predict(X)
    assert_close(model.partial_fit(X, 100 * y).predict(X), before, 1e-6)


@pytest.mark.parametrize(
    "change", [{"hidden_layer_sizes": (5, 8)}, {"hidden_layer_sizes": 8}, {"batch_norm": False}]
)
def test_other_layers_cannot_go_on_from_the_fitted_ones(problem, change):
    model, X, y = problem
    before = copy(model.fit(X, y))
    model.set_params(**change)
    for train in (model.set_params(warm_start=True).fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"\[.*8, 5.*batch_norm=True"):
            train(X, y)
    assert_same_bits(model, before, X)
    assert len(model.set_params(warm_start=False).fit(X, y).coefs_) >= 2


def test_a_warm_start_goes_on(problem):
    model, X, y = problem
    model.set_params(warm_start=True, max_iter=1)
    losses = [model.fit(X, y).loss_ for _ in range(8)]
    assert losses[-1] < losses[0]
    assert model.loss_curve_ == losses
    assert model.t_ == 8 * len(X)
