"""Callbacks of scikit-learn follow training, score it and end it."""

import numpy as np
import pytest
from estimators.mlp.cases import (
    IRIS,
    Callback,
    answer,
    assert_close,
    assert_same_bits,
    classifier,
    regressor,
)
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class StopAfterThree(Callback):
    def epoch_ends(self, context, X, y, fitted_estimator):
        return context.task_id == 2


class KeepModels(Callback):
    def __init__(self):
        super().__init__()
        self.answers, self.scores, self.max_epochs = [], [], []

    def epoch_ends(self, context, X, y, fitted_estimator):
        self.answers.append(answer(fitted_estimator, X))
        self.scores.append(fitted_estimator.score(X, y))
        self.max_epochs.append(context.parent.max_subtasks)


def epochs(monitor):
    return [row for row in monitor.get_logs().data if row["task_name"] != "fit"]


SCORING = {classifier: "accuracy", regressor: "r2"}


def test_fit_is_a_task_and_each_epoch_a_task_within(case):
    callback = Callback()
    case.make(max_iter=3).set_callbacks(callback).fit(case.X, case.y)
    assert callback.calls == ["setup", "begin", *["begin", "end"] * 3, "end", "teardown"]


class KeepOptimizer(Callback):
    def epoch_ends(self, context, X, y, fitted_estimator):
        if context.task_id == 0:
            self.kept = fitted_estimator._optimizer
            self.states = [state.copy() for state in self.kept.states]


def test_later_epochs_do_not_write_to_the_model_that_a_callback_keeps(case):
    callback = KeepOptimizer()
    case.make(max_iter=4).set_callbacks(callback).fit(case.X, case.y)
    for kept, then in zip(callback.kept.states, callback.states, strict=True):
        np.testing.assert_array_equal(kept, then)


def test_a_callback_sees_a_model_that_predicts_after_each_epoch(case):
    callback = KeepModels()
    model = case.make(batch_norm=False, dtype="float64").set_callbacks(callback)
    model.fit(case.X, case.y)
    assert callback.max_epochs == [model.max_iter] * model.n_iter_
    assert_close(callback.answers[-1], answer(model, case.X), 1e-10)
    np.testing.assert_allclose(callback.scores[-1], model.score(case.X, case.y), rtol=1e-10)
    assert (callback.answers[0] != callback.answers[1]).any()


def test_callbacks_change_nothing_of_what_is_learned(case):
    watched = case.make().set_callbacks(KeepModels()).fit(case.X, case.y)
    assert_same_bits(watched, case.make().fit(case.X, case.y), case.X)


def test_a_callback_ends_training(case):
    model = case.make(learning_rate="constant").set_callbacks(StopAfterThree())
    model.fit(case.X, case.y)
    assert model.n_iter_ == len(model.loss_curve_) == 3
    expected = case.make(learning_rate="constant", max_iter=3).fit(case.X, case.y)
    assert_same_bits(model, expected, case.X)


def test_a_monitor_scores_each_epoch(case):
    monitor = ScoringMonitor(scoring=SCORING[case.make])
    model = case.make(batch_norm=False).set_callbacks(monitor).fit(case.X, case.y)
    rows = epochs(monitor)
    assert [row["task_id"] for row in rows] == list(range(model.n_iter_))
    score = model.score(case.X, case.y)
    np.testing.assert_allclose(rows[-1][SCORING[case.make]], score, rtol=1e-6)


def test_a_monitor_scores_with_the_weights_of_the_fit(case):
    weight = np.arange(len(case.y)) % 4
    monitor = ScoringMonitor(scoring=SCORING[case.make])
    model = case.make(batch_norm=False).set_callbacks(monitor)
    model.fit(case.X, case.y, sample_weight=weight)
    score = model.score(case.X, case.y, sample_weight=weight)
    np.testing.assert_allclose(epochs(monitor)[-1][SCORING[case.make]], score, rtol=1e-6)


def test_a_monitor_scores_string_labels():
    X, y = IRIS
    scores = []
    for labels in (y, np.array(["a", "b", "c"])[y]):
        monitor = ScoringMonitor(scoring="accuracy")
        classifier().set_callbacks(monitor).fit(X, labels)
        scores.append([row["accuracy"] for row in epochs(monitor)])
    assert scores[0] == scores[1]


def test_a_monitor_in_a_pipeline(case):
    monitor = ScoringMonitor(scoring=SCORING[case.make])
    network = case.make().set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), network).fit(case.X, case.y)
    assert len(epochs(monitor)) == pipeline[-1].n_iter_
    assert {len(row["task_id_path"]) for row in epochs(monitor)} == {3}


def test_a_monitor_in_a_grid_search(case):
    monitor = ScoringMonitor(scoring=SCORING[case.make])
    network = case.make(max_iter=3).set_callbacks(monitor)
    GridSearchCV(network, {"alpha": [0.1, 1.0]}, cv=2, error_score="raise").fit(case.X, case.y)
    assert len(epochs(monitor)) == (2 * 2 + 1) * 3


def test_a_progress_bar(case, capfd):
    pytest.importorskip("rich")
    model = case.make().set_callbacks(ProgressBar()).fit(case.X, case.y)
    assert type(model).__name__ in capfd.readouterr().out
    assert_same_bits(model, case.make().fit(case.X, case.y), case.X)
