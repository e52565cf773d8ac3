"""What the defaults rest on: sizes that follow the rows, the cosine, clipping, smoothing, decay."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.utils import get_tags

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators import fitting
from skbn._estimators.sizes import scaled_batch_size, scaled_max_iter
from skbn._model.schedules import InverseTime

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
# Settings without pilots.
PLAIN = {"max_iter": "scaled", "numeric_encoding": None, "clip_inputs": False}
CANCER = load_breast_cancer(return_X_y=True)
MODELS = {
    "classifier": (BatchNormMLPClassifier, IRIS),
    "regressor": (BatchNormMLPRegressor, DIABETES),
}


@pytest.fixture(params=MODELS)
def case(request):
    """An estimator class, X and y."""
    make, data = MODELS[request.param]
    return make, *data


def answer(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


# Sizes that follow the rows -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "max_iter"),
    [
        (1, 1, 50),
        (64, 64, 50),
        (65, 64, 50),
        (4000, 100, 50),
        (10_000, 250, 50),
        (40_000, 256, 25),
        (90_000, 256, 17),
        (10**7, 256, 15),
    ],
)
def test_batches_and_epochs_follow_the_rows(n_rows, batch_size, max_iter):
    assert scaled_batch_size(n_rows) == batch_size
    assert scaled_max_iter(n_rows) == max_iter


def test_more_rows_are_more_steps_but_for_whole_epochs():
    rows = np.unique(np.geomspace(1, 1e7, 500).astype(int))
    steps = np.array([scaled_max_iter(n) * n / scaled_batch_size(n) for n in rows])
    assert (steps[1:] > 0.95 * steps[:-1]).all()


def test_defaults_are_those_of_the_rows(case, monkeypatch):
    make, X, y = case
    bounds = []

    class Spy(fitting.Trainer):
        def run(self):
            bounds.extend(self.steps.data.bounds)
            super().run()

    monkeypatch.setattr(fitting, "Trainer", Spy)
    model = make(hidden_layer_sizes=8, random_state=0, **PLAIN).fit(X, y)
    assert model.n_iter_ == scaled_max_iter(len(X))
    assert len(bounds) == len(X) // scaled_batch_size(len(X))


def test_lbfgs_takes_scikit_learns_number_of_iterations(case, monkeypatch):
    make, X, y = case
    given = []
    minimize = fitting.LBFGSTrainer._minimize
    monkeypatch.setattr(
        fitting.LBFGSTrainer,
        "_minimize",
        lambda self: given.append(self.max_iter) or minimize(self),
    )
    make(hidden_layer_sizes=2, solver="lbfgs", random_state=0).fit(X, y)
    assert given == [200]


def test_to_sklearn_has_parameters_that_scikit_learn_takes(case):
    make, X, y = case
    stock = make(hidden_layer_sizes=8, random_state=0, **PLAIN).fit(X, y).to_sklearn()
    stock.set_params(max_iter=2).fit(X, y)
    assert stock.batch_size == "auto"


# The cosine -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tol", [0.0, 10.0])
def test_a_cosine_is_not_ended_by_the_loss(case, tol):
    make, X, y = case
    model = make(hidden_layer_sizes=4, tol=tol, n_iter_no_change=1, random_state=0, **PLAIN)
    model.fit(X, y)
    assert model.n_iter_ == 50
    assert model._optimizer.schedule.rate < 0.01 * model.learning_rate_init


def test_early_stopping_restores_the_best_epoch_of_a_whole_cosine(case):
    make, X, y = case
    settings = {"hidden_layer_sizes": 4, "learning_rate_init": 0.02, "random_state": 0} | PLAIN
    validation_data = {"X_val": X[::3], "y_val": y[::3]}
    model = make(**settings, early_stopping=True, n_iter_no_change=3, tol=0.001)
    model.fit(X, y, **validation_data)
    assert model.n_iter_ == 50
    curves = zip(model.validation_scores_, model.validation_loss_curve_, strict=True)
    best, kept = 0, (-np.inf, np.inf)
    for epoch, (score, loss) in enumerate(curves, 1):
        if score > kept[0] or (score == kept[0] and loss <= kept[1] - model.tol):
            best, kept = epoch, (score, loss)
    assert best < model.n_iter_
    assert model.best_validation_score_ == kept[0] == max(model.validation_scores_)

    weights = []
    spy = make(**settings)
    follow = fitting.Trainer._follow

    def followed(loop):
        follow(loop)
        weights.append([layer.weight.copy() for layer in loop.network.dense])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting.Trainer, "_follow", followed)
        spy.fit(X, y, **validation_data)
    for coef, expected in zip(model.coefs_, weights[best - 1], strict=True):
        np.testing.assert_array_equal(coef, expected)


# Clipping -------------------------------------------------------------------------------------


def forward(model, X):
    """The logits of a fitted model with one hidden layer, by hand, in float64."""
    z = (X - model.input_norm_.mean_) / model.input_norm_.scale_
    z /= np.sqrt(1 + (z / model.smooth_clip) ** 2)
    hidden = np.maximum(model.batch_norms_[0].transform(z @ model.coefs_[0]), 0)
    return hidden @ model.coefs_[1] + model.intercepts_[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bound", [0.7, 3.0])
def test_inputs_are_clipped_in_training_and_in_prediction(bound, dtype):
    X, y = CANCER
    X = X.copy()
    X[::50, 3] = 1e7
    model = BatchNormMLPClassifier(8, smooth_clip=bound, dtype=dtype, random_state=0, **PLAIN)
    model.fit(X, y)
    expected = expit(forward(model, X))
    rtol = {"float32": 2e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1:], expected, rtol=rtol, atol=rtol)
    statistics = model.batch_norms_[0]
    z = (X - model.input_norm_.mean_) / model.input_norm_.scale_
    z = z / np.sqrt(1 + (z / bound) ** 2) @ model.coefs_[0]
    np.testing.assert_allclose(statistics.mean_, z.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(statistics.var_, z.var(axis=0), rtol=1e-4)


def test_clipped_predictions_stay_in_reach_of_values_far_away(case):
    make, X, y = case
    model = make(hidden_layer_sizes=8, smooth_clip=3.0, random_state=0).fit(X, y)
    far, farther = (np.where(np.arange(X.shape[1]) == 2, v, X) for v in (1e9, 1e30))
    np.testing.assert_allclose(answer(model, far), answer(model, farther), rtol=1e-4)


def test_recalibration_and_streams_clip_too():
    X, y = IRIS
    settings = {"hidden_layer_sizes": 8, "smooth_clip": 1.0, "random_state": 0}
    model = BatchNormMLPClassifier(**settings).fit(X, y)
    before = answer(model, X)
    np.testing.assert_allclose(answer(model.recalibrate(X), X), before, rtol=1e-5)
    stream = BatchNormMLPClassifier(**settings).partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_allclose(
        stream.predict_proba(X), softmax(forward(stream, X)), rtol=1e-4, atol=1e-5
    )


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("call", ["fit", "partial_fit", "X_val", "predict", "recalibrate"])
def test_sparse_rows_cannot_be_clipped(case, call):
    make, X, y = case
    model = make(hidden_layer_sizes=8, max_iter=1, smooth_clip=3.0, random_state=0).fit(X, y)
    before, rows = answer(model, X), sparse.csr_array(X)
    calls = {
        "fit": lambda: model.fit(rows, y),
        "partial_fit": lambda: model.partial_fit(rows, y),
        "X_val": lambda: model.fit(X, y, X_val=rows, y_val=y),
        "predict": lambda: model.predict(rows),
        "recalibrate": lambda: model.recalibrate(rows),
    }
    with pytest.raises(ValueError, match=r"smooth_clip=3\.0 needs dense X"):
        calls[call]()
    np.testing.assert_array_equal(answer(model, X), before)
    assert not get_tags(model).input_tags.sparse
    assert get_tags(make()).input_tags.sparse


def test_values_beyond_every_float_are_clipped(case):
    make, X, y = case
    X, far = X.copy(), np.where(np.arange(X.shape[1]) == 2, 1e300, X)
    model = make(hidden_layer_sizes=8, smooth_clip=3.0, random_state=0).fit(X, y)
    assert np.isfinite(answer(model, far)).all()
    X[0, 0] = 1e39
    model.set_params(normalize_inputs=False).fit(X, y)
    assert np.isfinite(answer(model, X)).all()


def test_the_bound_is_that_of_the_fit(case):
    make, X, y = case
    model = make(hidden_layer_sizes=8, max_iter=1, smooth_clip=3.0, random_state=0).fit(X, y)
    before = answer(model, X)
    model.set_params(smooth_clip=None, warm_start=True)
    fresh = pickle.loads(pickle.dumps(model))  # without the folded network that predict keeps
    np.testing.assert_array_equal(answer(fresh, X), before)
    for train in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="smooth_clip of the previous call to fit"):
            train(X, y)
    np.testing.assert_array_equal(answer(model, X), before)


def test_what_scikit_learn_cannot_clip_is_not_exported(case):
    make, X, y = case
    model = make(hidden_layer_sizes=8, max_iter=1, smooth_clip=3.0).fit(X, y)
    model.set_params(smooth_clip=None)
    with pytest.raises(ValueError, match=r"smooth_clip must be None, got 3\.0"):
        model.to_sklearn()


# Smoothing towards the shares of the classes --------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_rare_classes_stay_rare_under_label_smoothing(weighted, rng):
    X, y = rng.normal(size=(2000, 2)), np.arange(2000) % 100 == 0
    weight = np.where(y, 3.0, 1.0) if weighted else None
    model = BatchNormMLPClassifier(8, label_smoothing=0.3, max_iter=30, random_state=0)
    p = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    assert abs(p.mean() - np.average(y, weights=weight)) < 0.01


def test_smoothing_in_a_stream_is_towards_the_shares_of_all_that_was_seen():
    X, y = IRIS
    settings = {"hidden_layer_sizes": 8, "label_smoothing": 0.5, "random_state": 0}
    whole = BatchNormMLPClassifier(**settings, class_weight={0: 1, 1: 3, 2: 1}).fit(X, y)
    stream = BatchNormMLPClassifier(**settings, class_weight={0: 1, 1: 3, 2: 1})
    for label in range(3):
        stream.partial_fit(X[y == label], y[y == label], classes=[0, 1, 2])
    for model in (whole, stream):
        np.testing.assert_allclose(model._label_totals.prior(), [0.2, 0.6, 0.2])


def test_smoothing_of_several_labels_is_towards_the_share_of_each(rng):
    X = rng.normal(size=(400, 3))
    Y = np.column_stack([np.arange(400) % 10 == 0, np.arange(400) % 2 == 0]).astype(int)
    model = BatchNormMLPClassifier(8, label_smoothing=0.9, max_iter=30, random_state=0).fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(X).mean(axis=0), [0.1, 0.5], atol=0.03)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_classes_without_weight_teach_nothing(n_classes):
    X, y = IRIS[0][: 50 * n_classes], IRIS[1][: 50 * n_classes]
    settings = {"hidden_layer_sizes": 8, "random_state": 0, "class_weight": {0: 0, 1: 1, 2: 1}}
    model = BatchNormMLPClassifier(**settings)
    model.partial_fit(X, y, classes=range(n_classes))
    before = [coef.copy() for coef in model.coefs_]
    weight = (y == 0).astype(float)
    model.partial_fit(X, y, sample_weight=weight)
    for coef, expected in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(coef, expected)
    with pytest.raises(ValueError, match="sample_weight times class_weight sums to 0"):
        model.fit(X, y, sample_weight=weight)


# Streams --------------------------------------------------------------------------------------


def test_single_rows_after_a_fit_do_not_undo_it():
    X, y = load_digits(return_X_y=True)
    model = BatchNormMLPClassifier((32, 32), random_state=0).fit(X[:1000], y[:1000])
    before = model.score(X[1200:], y[1200:])
    for i in range(1000, 1040):
        model.partial_fit(X[i : i + 1], y[i : i + 1])
    assert model.score(X[1200:], y[1200:]) > before - 0.04


@pytest.mark.parametrize(
    "before", [{"solver": "lbfgs", "max_iter": 20}, {"solver": "sgd"}], ids=str
)
def test_a_stream_with_another_optimizer_does_not_undo_a_fit(before):
    X, y = load_breast_cancer(return_X_y=True)
    model = BatchNormMLPClassifier((32, 32), random_state=0, **before).fit(X, y)
    score = model.score(X, y)
    model.set_params(solver="adamw").partial_fit(X[:50], y[:50])
    assert model._optimizer.schedule.rate < 0.1 * model.learning_rate_init
    assert model.score(X, y) > score - 0.03


def test_the_rate_of_a_stream_falls_to_a_twentieth():
    schedule, rates = InverseTime(0.6), []
    for t in (0, 100, 300, 1900, 10**6):
        schedule.begin_step(t)
        rates.append(schedule.rate)
    np.testing.assert_allclose(rates, [0.6, 0.3, 0.15, 0.03, 0.03])


def test_what_was_exported_can_be_trained_on():
    X, y = load_digits(return_X_y=True)
    model = BatchNormMLPClassifier((32, 32), random_state=0, **PLAIN)
    stock = model.fit(X[:1000], y[:1000]).to_sklearn()
    before = stock.score(X[1000:], y[1000:])
    theirs = MLPClassifier().get_params()
    for name in ("solver", "learning_rate", "learning_rate_init", "beta_2", "alpha"):
        assert getattr(stock, name) == theirs[name]
    assert stock.max_iter == model.max_iter_ == 50
    assert stock.partial_fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > before - 0.03


def test_a_cosine_leaves_no_patience_used_up():
    X, y = IRIS
    model = BatchNormMLPClassifier(4, tol=10.0, warm_start=True, random_state=0).fit(X, y)
    assert model._no_improvement_count <= model.n_iter_no_change
    model.set_params(learning_rate="constant", max_iter=30, tol=0.0, n_iter_no_change=25)
    assert model.fit(X, y).n_iter_ > 20


# Weight decay ---------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_only_adamw_decays_weights(case, solver):
    make, X, y = case
    settings = {"hidden_layer_sizes": 4, "max_iter": 2, "dropout": 0.0, "random_state": 0}
    with_decay, without = (
        make(solver=solver, weight_decay=decay, **settings).fit(X, y) for decay in (5.0, 0.0)
    )
    np.testing.assert_array_equal(answer(with_decay, X), answer(without, X))


def test_decay_that_would_turn_weights_is_refused(case):
    make, X, y = case
    with pytest.raises(ValueError, match=r"learning_rate_init times weight_decay .* 1\.0 and 2"):
        make(learning_rate_init=1.0, weight_decay=2).fit(X, y)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "lbfgs"])
def test_alpha_penalizes_weights_whatever_the_solver(case, solver):
    make, X, y = case
    settings = {"hidden_layer_sizes": 4, "max_iter": 3, "dropout": 0.0, "random_state": 0}
    sizes = [
        sum(
            np.abs(coef).sum() for coef in make(solver=solver, alpha=a, **settings).fit(X, y).coefs_
        )
        for a in (0.0, 100.0)
    ]
    assert sizes[1] < sizes[0]
