"""Ctrl-C, from a callback, ends training with the last whole epoch."""

import pickle
import sys

import pytest
from estimators.mlp.cases import Callback, assert_same_bits
from sklearn.exceptions import NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Interrupt(Callback):
    def __init__(self, *, begin=None, end=None):
        super().__init__()
        self.begin, self.end = begin, end

    def epoch_begins(self, context):
        if context.task_id == self.begin:
            raise KeyboardInterrupt

    def epoch_ends(self, context, X, y, fitted_estimator):
        if context.task_id == self.end:
            raise KeyboardInterrupt


class InterruptLater(Callback):
    """Ctrl-C some Python calls after the second epoch, wherever training is by then."""

    def __init__(self, calls):
        super().__init__()
        self.left = calls

    def epoch_ends(self, context, X, y, fitted_estimator):
        if context.task_id == 1:
            sys.setprofile(self.count)

    def count(self, frame, event, argument):
        self.left -= event == "call"
        if self.left == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt


@pytest.mark.parametrize("interrupt", [{"end": 1}, {"begin": 2}], ids=str)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_gives_the_model_of_the_last_whole_epoch(case, interrupt, early_stopping):
    settings = {
        "early_stopping": early_stopping,
        "validation_fraction": 0.3,
        "learning_rate": "constant",
    }
    callback = Interrupt(**interrupt)
    model = case.make(**settings).set_callbacks(callback)
    with pytest.warns(UserWarning, match="Training interrupted by user."):
        model.fit(case.X, case.y)
    assert model.n_iter_ == len(model.loss_curve_) == 2
    assert_same_bits(model, case.make(max_iter=2, **settings).fit(case.X, case.y), case.X)
    assert callback.calls[-1] == "teardown"


@pytest.mark.parametrize("calls", [1, 3, 10, 30, 100, 300, 1000, 3000])
def test_ctrl_c_in_the_middle_of_an_epoch_undoes_that_epoch(case, calls):
    settings = {"learning_rate": "constant", "batch_size": 16, "tol": 0, "n_iter_no_change": 200}
    model = case.make(max_iter=200, **settings).set_callbacks(InterruptLater(calls))
    with pytest.warns(UserWarning, match="Training interrupted by user."):
        model.fit(case.X, case.y)
    expected = case.make(max_iter=model.n_iter_, **settings).fit(case.X, case.y)
    assert_same_bits(model, expected, case.X)
    assert model.loss_curve_ == expected.loss_curve_


@pytest.mark.parametrize("warm_start", [False, True])
def test_ctrl_c_before_the_first_epoch_is_over_leaves_the_model_as_it_was(case, warm_start):
    model = case.make(warm_start=warm_start).fit(case.X, case.y)
    before = pickle.loads(pickle.dumps(model))
    model.set_callbacks(Interrupt(begin=0))
    with pytest.raises(KeyboardInterrupt):
        model.fit(case.X * 2 + 1, case.y)
    assert_same_bits(model, before, case.X)
    assert model.loss_curve_ == before.loss_curve_


def test_ctrl_c_before_the_first_epoch_is_over_leaves_no_model(case):
    model = case.make().set_callbacks(Interrupt(begin=0))
    with pytest.raises(KeyboardInterrupt):
        model.fit(case.X, case.y)
    assert not [name for name in vars(model) if name.endswith("_")]
    with pytest.raises(NotFittedError):
        model.predict(case.X)
