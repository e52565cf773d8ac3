"""The MLPs learn from a stream by partial_fit."""

import copy
import pickle

import numpy as np
import pytest
from estimators.mlp.cases import (
    DIABETES,
    answer,
    assert_close,
    assert_statistics,
    classifier,
    regressor,
)

from skbn import BatchNormalizer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def pickled(model):
    return pickle.loads(pickle.dumps(model))


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


def test_the_loss_curve_is_extended_and_not_copied(case):
    model = case.make().partial_fit(case.X, case.y, **case.labels)
    curve = model.loss_curve_
    model.partial_fit(case.X, case.y)
    assert model.loss_curve_ is curve
    assert len(curve) == 2


class Watched(list):
    """A list that fails where it is read as a whole."""

    def __iter__(self):
        raise AssertionError("copied")


def test_the_loss_curve_is_never_read_as_a_whole(case):
    model = case.make().partial_fit(case.X, case.y, **case.labels)
    model.loss_curve_ = Watched(model.loss_curve_)
    model.partial_fit(case.X, case.y)
    assert len(model.loss_curve_) == 2


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_has_a_loss_curve_of_its_own(case, copied):
    model = case.make().partial_fit(case.X, case.y, **case.labels)
    other = copied(model)
    model.partial_fit(case.X, case.y)
    assert (len(model.loss_curve_), len(other.loss_curve_)) == (2, 1)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_call_that_raises_leaves_the_loss_curve_as_it_was(case, method):
    model = case.make(warm_start=True).partial_fit(case.X, case.y, **case.labels)
    before = list(model.loss_curve_)
    model.set_params(learning_rate_init=1e30, batch_norm_epsilon=1e-5, weight_decay=0)
    with pytest.raises(ValueError, match="non-finite"):
        getattr(model, method)(case.X, case.y)
    assert model.loss_curve_ == before


def drifting(rng, n=64):
    X = rng.normal(size=(n, 5))
    return X, 2 * X[:, 0] + np.sin(2 * X[:, 1])


def test_target_momentum_follows_targets_whose_level_and_scale_change():
    rng = np.random.default_rng(0)
    model = regressor(hidden_layer_sizes=(32, 32), target_momentum=0.1)
    for _ in range(400):
        model.partial_fit(*drifting(rng))
    for _ in range(180):
        X, y = drifting(rng)
        model.partial_fit(X, 1000 * y + 1e5)
    X, y = drifting(rng, 1000)
    assert model.score(X, 1000 * y + 1e5) > 0.5
    np.testing.assert_allclose(model.target_norm_.mean_, 1e5, rtol=0.01)


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_target_norm_is_the_average_of_that_momentum(momentum):
    X, y = DIABETES
    model = regressor(target_momentum=momentum)
    expected = BatchNormalizer(momentum=momentum)
    for rows in np.array_split(np.arange(len(y)), 4):
        model.partial_fit(X[rows], y[rows])
        expected.partial_fit(y[rows, None])
    np.testing.assert_array_equal(model.target_norm_.mean_, expected.mean_)
    np.testing.assert_array_equal(model.target_norm_.var_, expected.var_)


def test_targets_that_vary_and_are_taken_for_constant_are_named():
    X, y = DIABETES
    with pytest.warns(UserWarning, match=r"treated as constant .*: y\."):
        regressor().fit(X, 1e9 + 1e-9 * y + (y > 100) * 2e-7)


def test_target_momentum_is_of_no_effect_in_fit():
    X, y = DIABETES
    models = [regressor(target_momentum=momentum).fit(X, y) for momentum in (None, 0.1)]
    assert_close(models[0].predict(X), models[1].predict(X), 1e-6)


def test_a_single_row_needs_statistics_to_be_normalized_by(case):
    row = case.X[:1], case.y[:1]
    with pytest.raises(ValueError, match=r"row|sample"):
        case.make().partial_fit(*row, **case.labels)
    model = case.make().partial_fit(case.X, case.y, **case.labels)
    before = answer(model, case.X)
    after = answer(model.partial_fit(*row), case.X)
    assert np.isfinite(after).all()
    assert (after != before).any()
