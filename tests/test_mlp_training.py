"""How the MLPs train: batches, dropout, schedules, stops, streams, and what is refused."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._mlp import fitting
from skbn._network import Network, NormalizedLayer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (8, 5), "max_iter": 6, "batch_size": 32, "random_state": 0}
SMALL |= {"learning_rate": "constant", "dropout": 0.0}
IRIS = load_iris(return_X_y=True)
BINARY = IRIS[0], (IRIS[1] == 1).astype(int)
DIABETES = load_diabetes(return_X_y=True)
LABELS = make_multilabel_classification(100, 6, n_classes=3, random_state=0)
COUNTS = DIABETES[0], (DIABETES[1] // 20).astype(int)
TWO = DIABETES[0], np.column_stack(COUNTS[1:] * 2) * [1, 100] + [0, 7]


def classifier(**params):
    return BatchNormMLPClassifier(**SMALL | params)


def regressor(**params):
    return BatchNormMLPRegressor(**SMALL | params)


PROBLEMS = {
    "multiclass": (classifier, IRIS, {}),
    "binary": (classifier, BINARY, {}),
    "multilabel": (classifier, LABELS, {}),
    "squared_error": (regressor, DIABETES, {}),
    "two outputs": (regressor, TWO, {}),
    "poisson": (regressor, COUNTS, {"loss": "poisson"}),
}


@pytest.fixture(params=PROBLEMS)
def problem(request):
    """A model, X and y."""
    make, data, params = PROBLEMS[request.param]
    return make(**params), *data


def answer(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


def copy(model):
    return pickle.loads(pickle.dumps(model))


def assert_same_bits(model, other, X):
    np.testing.assert_array_equal(answer(model, X), answer(other, X), strict=True)
    assert model.loss_curve_ == other.loss_curve_
    assert (model.n_iter_, model.t_) == (other.n_iter_, other.t_)


def assert_close(value, expected, rtol):
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


# Batches --------------------------------------------------------------------------------------


@pytest.fixture
def batches(monkeypatch):
    """Sizes of the ghost batches, and weights of the rows, of every batch that is normalized."""
    seen = []

    def spy(self, own, batch):
        seen.append((np.diff(batch.bounds), batch.weight.copy()))
        forward(self, own, batch)

    forward = NormalizedLayer.forward
    monkeypatch.setattr(NormalizedLayer, "forward", spy)
    return seen


@pytest.mark.parametrize(
    ("n", "batch_size", "expected"),
    [
        (129, 128, [129]),
        (5, 200, [5]),
        (2, 1, [2]),
        (3, 2, [3]),
        (65, 64, [65]),
        (150, 70, [75, 75]),
    ],
)
@pytest.mark.filterwarnings("ignore:Got `batch_size`")
def test_batches_have_two_rows_and_more(n, batch_size, expected, batches):
    X, y = IRIS[0][::-1][:n], IRIS[1][::-1][:n]
    settings = {"batch_size": batch_size, "hidden_layer_sizes": 8, "max_iter": 2}
    model = classifier(**settings).fit(X, y)
    assert [size.tolist() for size, _ in batches] == [[n] for n in expected] * 2
    model = classifier(**settings, virtual_batch_size=2).fit(X, y)
    assert min(size.min() for size, _ in batches) >= 2
    assert np.isfinite(answer(model, X)).all()


def test_rows_of_a_stream_that_come_one_by_one_have_no_statistics_of_their_own(problem, batches):
    model, X, y = problem
    model.set_params(batch_size=len(X)).fit(X, y)
    del batches[:]
    before = [norm.mean_ for norm in model.batch_norms_]
    for i in range(3):
        model.partial_fit(X[i : i + 1], y[i : i + 1])
    assert len(batches) == 6
    for norm, mean in zip(model.batch_norms_, before, strict=True):
        np.testing.assert_array_equal(norm.mean_, mean)


def test_a_row_that_alone_has_weight_is_not_normalized_by_itself(problem):
    model, X, y = problem
    model.set_params(batch_size=8).fit(X, y)
    before = [norm.mean_ for norm in model.batch_norms_]
    model.partial_fit(X[:8], y[:8], sample_weight=np.eye(8)[3])
    for norm, mean in zip(model.batch_norms_, before, strict=True):
        np.testing.assert_array_equal(norm.mean_, mean)


@pytest.mark.parametrize("size", [1e-50, 1e6])
def test_the_size_of_the_weights_does_not_matter_without_a_penalty(problem, size):
    model, X, y = problem
    model.set_params(alpha=0.0)
    expected = copy(model.fit(X, y, np.ones(len(X))))
    model.fit(X, y, np.full(len(X), size))
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_loss_that_is_not_finite_is_refused_in_words(solver, rng):
    model = BatchNormMLPRegressor(
        loss="poisson", solver=solver, batch_norm=False, normalize_inputs=False
    )
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(1e6 * rng.normal(size=(50, 3)), rng.poisson(size=50))


def test_targets_beyond_float32_are_refused_in_words():
    X, y = np.eye(4), np.array([0.0, 1e40, 2e40, 3e40])
    with pytest.raises(ValueError, match="y contains a value too large for dtype"):
        BatchNormMLPRegressor(normalize_targets=False).fit(X, y)
    assert BatchNormMLPRegressor(max_iter=1, dtype="float64").fit(X, y).predict(X).max() > 1e39


# Dropout, smoothing, schedules ----------------------------------------------------------------


def test_dropout_is_seeded_matters_and_is_off_in_predictions(problem):
    model, X, y = problem
    plain = copy(model.fit(X, y))
    first, again, other = (
        copy(model.set_params(dropout=0.5, random_state=seed).fit(X, y)) for seed in (0, 0, 1)
    )
    assert_same_bits(first, again, X)
    assert_same_bits(first, first, X)
    for different in (plain, other):
        assert not np.allclose(answer(first, X), answer(different, X), rtol=1e-3)


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_dropout_draws_new_units_at_every_call_that_goes_on(method, monkeypatch):
    masks, drop = [], Network._drop

    def spy(self, i, x, out):
        drop(self, i, x, out)
        masks.append((out == 0).tobytes())

    monkeypatch.setattr(Network, "_drop", spy)
    model = regressor(dropout=0.5, hidden_layer_sizes=50, activation="tanh", shuffle=False)
    model.set_params(warm_start=True, max_iter=1)
    for _ in range(3):
        getattr(model, method)(DIABETES[0][:32], DIABETES[1][:32])
    assert len(masks) == 6  # forward and backward
    assert len(set(masks)) == 3


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


# Stops ----------------------------------------------------------------------------------------


@pytest.fixture
def split(monkeypatch):
    """The rows that early stopping trains on and those that it holds out."""
    parts, original = [], fitting.train_test_split

    def spy(*args, **settings):
        parts[:] = original(*args, **settings)
        return parts

    monkeypatch.setattr(fitting, "train_test_split", spy)
    return parts


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_early_stopping_gives_the_epoch_of_the_best_score(problem, weighted, split, rng):
    model, X, y = problem
    weight = rng.integers(1, 4, size=len(X)) if weighted else np.ones(len(X))
    model.set_params(batch_norm=False, dtype="float64", early_stopping=True)
    model.set_params(validation_fraction=0.3, max_iter=30, learning_rate_init=0.05)
    model.fit(X, y, sample_weight=weight)
    held_out = split[1]
    score = model.score(X[held_out], y[held_out], weight[held_out])
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

    def interrupted(self, rows, batch):
        if next(steps) == step:
            raise KeyboardInterrupt
        backward(self, rows, batch)

    monkeypatch.setattr(Network, "backward", interrupted)


@pytest.mark.parametrize("solver", ["sgd", "adamw", "lbfgs"])
def test_ctrl_c_gives_the_model_of_the_last_whole_epoch(problem, solver, monkeypatch):
    model, X, y = problem
    model.set_params(solver=solver)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5 if solver == "lbfgs" else 4 * (len(X) // 32))
        with pytest.warns(UserWarning, match="interrupted"):
            model.fit(X, y)
    assert model.n_iter_ == 3 or solver == "lbfgs"
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


# Streams and warm starts ----------------------------------------------------------------------


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


# What comes out -------------------------------------------------------------------------------


def test_what_to_sklearn_gives_takes_sparse_rows_and_goes_on_learning(problem):
    model, X, y = problem
    model.set_params(learning_rate="cosine", solver="adamw").fit(X, y)
    stock, zeros = model.to_sklearn(), X * (X > 0)
    assert_close(answer(stock, sparse.csr_array(zeros)), answer(model, zeros), 1e-5)
    assert_close(stock.score(X, y), model.score(X, y), 1e-5)
    before = stock.score(X, y)
    assert np.isfinite(stock.partial_fit(X, y).loss_)
    assert stock.score(X, y) > before - 0.2


def test_training_what_to_sklearn_gave_leaves_the_model_alone():
    X, y = IRIS
    model = classifier(random_state=np.random.RandomState(0)).fit(X, y, X_val=X, y_val=y)
    before, scores = copy(model), list(model.validation_scores_)
    model.to_sklearn().partial_fit(X, y)
    assert_same_bits(model, before, X)
    assert model.validation_scores_ == scores


def test_constant_targets_are_learned():
    X, y = DIABETES[0], np.full(442, 7.0)
    for early_stopping in (False, True):
        model = regressor(max_iter=100, learning_rate_init=0.01, early_stopping=early_stopping)
        assert_close(model.fit(X, y).predict(X), y, 0.1)


def test_a_single_class_is_predicted():
    X, y = IRIS[0], np.full(150, "only")
    model = classifier().fit(X, y)
    assert (model.predict(X) == "only").all()
    assert model.score(X, y) == 1.0


def test_logarithms_of_probabilities_stay_finite_where_probabilities_round_to_one():
    X, y = np.repeat([[-1.0], [1.0]], 50, axis=0), np.repeat([0, 1], 50)
    model = classifier(max_iter=300, learning_rate_init=0.1, label_smoothing=0.0).fit(X, y)
    log_p = model.predict_log_proba(4 * X)
    assert np.isfinite(log_p).all()
    assert (log_p < -17).any()
