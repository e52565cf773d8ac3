"""The MLPs learn from a stream by partial_fit."""

import numpy as np
import pytest
from mlp_users.cases import DIABETES, answer, assert_close, assert_statistics, classifier, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def stream(case, model, n_batches=5):
    extra = case.labels
    order = np.random.default_rng(1).permutation(len(case.y))
    for rows in np.array_split(order, n_batches):
        yield model.partial_fit(case.X[rows], case.y[rows], **extra)
        extra = {}


def test_the_first_partial_fit_gives_a_model_that_predicts(case):
    model = next(stream(case, case.make()))
    assert np.isfinite(answer(model, case.X)).all()
    assert model.n_iter_ == len(model.loss_curve_) == 1


def test_input_and_target_statistics_are_of_every_row_seen(case):
    *_, model = stream(case, case.make())
    assert_statistics(model.input_norm_, case.X)
    if case.make is regressor:
        assert_statistics(model.target_norm_, case.y[:, None])


def test_a_stream_is_learned(case):
    model = case.make(learning_rate_init=0.01)
    for _ in range(20):
        *_, model = stream(case, model)
    assert model.score(case.X, case.y) > {classifier: 0.85, regressor: 0.3}[case.make]


def test_targets_in_another_unit_do_not_move_the_predictions():
    X, y = DIABETES
    model = regressor(learning_rate_init=1e-12, alpha=0, dtype="float64", batch_size=len(y))
    before = model.partial_fit(X, y).predict(X)
    after = model.partial_fit(X, 100 * y + 1000).predict(X)
    assert_close(after, before, 1e-6)
    assert model.target_norm_.mean_ > 5 * y.mean()


def test_a_single_row_needs_statistics_to_be_normalized_by(case):
    row = case.X[:1], case.y[:1]
    with pytest.raises(ValueError, match=r"row|sample"):
        case.make().partial_fit(*row, **case.labels)
    model = case.make().partial_fit(case.X, case.y, **case.labels)
    before = answer(model, case.X)
    after = answer(model.partial_fit(*row), case.X)
    assert np.isfinite(after).all()
    assert (after != before).any()
