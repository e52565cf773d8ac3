"""Early stopping gives a trained network, whatever the validation rows say."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification, make_friedman1
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._training.history import History

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_friedman1(600, random_state=0)
POSITIVE = (np.median(Y) < Y).astype(int)
TRAIN, VAL = slice(100, None), slice(0, 100)


def regressor(**params):
    return BatchNormMLPRegressor(
        hidden_layer_sizes=(64, 64), random_state=0, early_stopping=True, **params
    )


def classifier(**params):
    return BatchNormMLPClassifier((64, 64), random_state=0, early_stopping=True, **params)


def with_cell(value):
    rows = X[VAL].copy()
    rows[0, 0] = value
    return rows


def one_weight():
    return np.where(np.arange(100) == 3, 0.3, 0.0)


SILENT = {
    "one row": {"X_val": X[:1], "y_val": Y[:1]},
    "one row of weight": {"X_val": X[VAL], "y_val": Y[VAL], "sample_weight_val": one_weight()},
    "constant targets": {"X_val": X[VAL], "y_val": np.full(100, 14.4)},
    "two equal targets": {"X_val": X[:2], "y_val": np.full(2, Y[0])},
} | {
    f"a cell of {value:g}": {"X_val": with_cell(value), "y_val": Y[VAL]}
    for value in (1e7, 1e20, 1e39, 1e300)
}


# Without the limits of clip_inputs, far rows overflow in the network.
of_far_rows = pytest.mark.parametrize("clip_inputs", [True, False])


@of_far_rows
@pytest.mark.parametrize("learning_rate", ["cosine", "constant"])
@pytest.mark.parametrize("name", SILENT)
def test_a_regressor_is_trained(name, learning_rate, clip_inputs):
    model = regressor(learning_rate=learning_rate, clip_inputs=clip_inputs)
    model.fit(X[TRAIN], Y[TRAIN], **SILENT[name])
    assert model.score(X[TRAIN], Y[TRAIN]) > 0.5


@of_far_rows
@pytest.mark.parametrize("value", [1e6, 1e39, 1e300])
def test_a_classifier_is_trained(value, clip_inputs):
    validation = {"X_val": with_cell(value), "y_val": POSITIVE[VAL]}
    model = classifier(clip_inputs=clip_inputs).fit(X[TRAIN], POSITIVE[TRAIN], **validation)
    assert model.score(X[TRAIN], POSITIVE[TRAIN]) > 0.9
    assert np.isfinite(model.validation_scores_ + model.validation_loss_curve_).all()


@of_far_rows
@pytest.mark.parametrize("value", [1e6, 1e20, 1e39])
def test_a_regressor_of_counts_is_trained(value, clip_inputs):
    validation = {"X_val": with_cell(value), "y_val": Y[VAL]}
    model = regressor(loss="poisson", clip_inputs=clip_inputs).fit(X[TRAIN], Y[TRAIN], **validation)
    assert model.score(X[TRAIN], Y[TRAIN]) > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_rare_counts_whose_held_out_rows_may_all_be_zero(seed):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 4))
    counts = rng.poisson(np.exp(-5 + rows[:, 0]))
    model = regressor(loss="poisson").set_params(random_state=seed).fit(rows, counts)
    assert mean_poisson_deviance(counts, model.predict(rows)) < 0.2


TIED = {
    "rare positives": lambda: make_classification(
        2000, 20, weights=[0.98], flip_y=0, class_sep=0.5, random_state=1
    ),
    "digits": lambda: load_digits(return_X_y=True),
}


@pytest.mark.parametrize("name", TIED)
def test_of_epochs_whose_scores_tie_the_one_of_the_lowest_loss_is_kept(name):
    train, val, y_train, y_val = train_test_split(*TIED[name](), random_state=0)
    val, y_val = val[:100], y_val[:100]
    # Without batch_norm the network that is kept is that of its epoch, to rounding.
    plain = {"batch_norm": False, "label_smoothing": 0.0, "dtype": "float64"}
    model = classifier(max_iter=20, tol=0.0, **plain)
    model.fit(train, y_train, X_val=val, y_val=y_val)
    curves = zip(model.validation_scores_, model.validation_loss_curve_, strict=True)
    tied = [loss for score, loss in curves if score == model.best_validation_score_]
    assert min(tied) < tied[0]
    kept = log_loss(y_val, model.predict_proba(val), labels=model.classes_)
    np.testing.assert_allclose(kept, min(tied), rtol=1e-10)


@pytest.mark.parametrize("offset", [0.0, 1 / 3, 1e6])
def test_validation_scores_of_constant_targets_are_those_of_score(offset):
    y_val = np.full(100, 14.4 + offset)
    model = BatchNormMLPRegressor(hidden_layer_sizes=8, random_state=0, max_iter=4)
    model.fit(X[TRAIN], Y[TRAIN] + offset, X_val=X[VAL], y_val=y_val)
    assert model.validation_scores_ == [0.0] * 4


def test_validation_scores_are_undefined_for_one_row_as_in_scikit_learn():
    model = BatchNormMLPRegressor(hidden_layer_sizes=8, random_state=0, max_iter=4)
    model.fit(X[TRAIN], Y[TRAIN], X_val=X[:1], y_val=Y[:1])
    assert np.isnan(model.validation_scores_).all()
    assert np.isfinite(model.validation_loss_curve_).all()


@of_far_rows
def test_overflowing_validation_rows_are_scored_as_predict_predicts_them(clip_inputs):
    far = with_cell(1e39)
    parameters = {"max_iter": 4, "batch_norm": False, "clip_inputs": clip_inputs}
    model = BatchNormMLPClassifier((8,), random_state=0, **parameters)
    model.fit(X[TRAIN], POSITIVE[TRAIN], X_val=far, y_val=POSITIVE[VAL])
    assert model.validation_scores_[-1] == model.score(far, POSITIVE[VAL])


NAN, INF = np.nan, np.inf
EPOCHS = {
    "the highest score": ([0.1, 0.5, 0.3], [1.0, 1.0, 0.1], 1, [0, 0, 1]),
    "of equal scores the lowest loss": ([0.5, 0.5, 0.5], [1.0, 0.5, 0.7], 1, [0, 0, 1]),
    "a loss that falls by less than tol": ([0.5, 0.5], [1.0, 0.95], 0, [0, 1]),
    "a score that rises by less than tol": ([0.5, 0.55], [1.0, 1.0], 1, [0, 1]),
    "the loss where scores are not defined": ([NAN, NAN, NAN], [1.0, 0.5, 0.8], 1, [0, 0, 1]),
    "a score rather than none": ([NAN, -5.0, NAN], [1.0, 3.0, 0.1], 1, [0, 0, 1]),
    "the last where nothing is finite": ([NAN, -INF, NAN], [INF, NAN, INF], 2, [1, 2, 3]),
    "the last where losses are of far rows": ([-1e9, -2e9], [1e9, 2e9], 1, [1, 2]),
}


def test_the_best_epoch_of_a_model_of_format_1_is_known_again():
    model = regressor(max_iter=10).fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
    best = model.best_validation_score_
    del model._best_validation, model._largest_loss
    model.set_params(warm_start=True, max_iter=1, learning_rate_init=0.5)
    model.fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
    assert model.validation_scores_[-1] < best == model.best_validation_score_


@pytest.mark.parametrize("best", [-np.inf, np.nan])
def test_a_model_of_format_1_without_a_best_epoch_goes_on_learning(best):
    model = regressor(max_iter=2).fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
    del model._best_validation, model._largest_loss
    model.set_params(warm_start=True).best_validation_score_ = best
    model.fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
    assert model.best_validation_score_ == max(model.validation_scores_[2:])


@pytest.mark.parametrize("name", EPOCHS)
def test_the_epoch_that_is_kept_is(name):
    scores, losses, expected, waited = EPOCHS[name]
    history, kept = History(), None
    history.begin(has_validation=True, early_stopping=True)
    for epoch, of_epoch in enumerate(zip(scores, losses, strict=True)):
        history.end_epoch(1.0, 10)
        history.end_validation(*of_epoch)
        kept = epoch if history.follow_score(tol=0.1) else kept
        assert history.no_improvement_count == waited[epoch]
    assert kept == expected
    np.testing.assert_equal(history.best_validation_score, scores[expected])
