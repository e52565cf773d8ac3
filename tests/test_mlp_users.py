"""BatchNormMLPClassifier and BatchNormMLPRegressor the way people use them."""

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 6, "batch_size": 32, "random_state": 0}
IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
RTOL = {"float32": 1e-5, "float64": 1e-10}


def classifier(**params):
    return BatchNormMLPClassifier(**SMALL | params)


def regressor(**params):
    return BatchNormMLPRegressor(**SMALL | params)


CASES = {"classifier": (classifier, *IRIS), "regressor": (regressor, *DIABETES)}


@pytest.fixture(params=CASES)
def case(request):
    make, X, y = CASES[request.param]
    labels = {"classes": np.unique(y)} if make is classifier else {}
    return SimpleNamespace(make=make, X=X, y=y, labels=labels)


@pytest.fixture(params=RTOL)
def precision(request):
    return request.param


def answer(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def assert_close(value, expected, rtol):
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def assert_same_bits(ours, others, X):
    np.testing.assert_array_equal(answer(ours, X), answer(others, X), strict=True)


# In the company of scikit-learn ---------------------------------------------------------------


def test_a_pipeline_with_a_scaler_learns(case):
    network = case.make(max_iter=60, learning_rate_init=0.01)
    pipeline = make_pipeline(StandardScaler(), network).fit(case.X, case.y)
    assert pipeline.score(case.X, case.y) > {classifier: 0.9, regressor: 0.4}[case.make]


def test_columns_of_any_unit_need_no_scaler():
    X, y = load_breast_cancer(return_X_y=True)
    assert classifier(max_iter=20, learning_rate_init=0.01).fit(X, y).score(X, y) > 0.95


def test_a_grid_search_over_batch_norm(case):
    grid = {"batch_norm": [True, False]}
    search = GridSearchCV(case.make(), grid, cv=2, error_score="raise").fit(case.X, case.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.batch_norm is search.best_params_["batch_norm"]
    assert search.predict(case.X).shape == case.y.shape


def test_probabilities_can_be_calibrated():
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])
    model = CalibratedClassifierCV(classifier(), cv=2).fit(X, names[y])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert set(model.predict(X)) <= set(names)


def test_cross_val_predict(case):
    assert cross_val_predict(case.make(), case.X, case.y, cv=3).shape == case.y.shape


def test_cross_val_predict_of_probabilities():
    proba = cross_val_predict(classifier(), *IRIS, cv=3, method="predict_proba")
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_permutation_importance_finds_the_column_that_matters(case, rng):
    X = rng.normal(size=(200, 4))
    y = (X[:, 2] > 0).astype(int) if case.make is classifier else X[:, 2]
    model = case.make(max_iter=40, learning_rate_init=0.01).fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() == 2


def test_a_clone_has_the_parameters_and_nothing_learned(case):
    model = case.make(alpha=0.1, batch_norm_momentum=0.3).fit(case.X, case.y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(case.X)
    assert_same_bits(copy.fit(case.X, case.y), model, case.X)


def test_a_pickle_predicts_and_goes_on_learning_as_the_model_does(case):
    model = case.make().fit(case.X, case.y)
    copy = pickle.loads(pickle.dumps(model))
    assert_same_bits(copy, model, case.X)
    copy.partial_fit(case.X, case.y)
    assert_same_bits(copy, model.partial_fit(case.X, case.y), case.X)


def test_two_processes_score_as_one(case):
    one, two = (
        cross_val_score(case.make(), case.X, case.y, cv=2, n_jobs=n_jobs, error_score="raise")
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_the_html_representation_names_the_estimator(case):
    for model in (case.make(), case.make().fit(case.X, case.y)):
        assert type(model).__name__ in model._repr_html_()


def test_weights_are_routed_through_a_grid_search(case, rng):
    weight = rng.integers(1, 5, size=len(case.y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = case.make().set_fit_request(sample_weight=True)
        search = GridSearchCV(model.set_score_request(sample_weight=False), {"alpha": [0.1]}, cv=2)
        search.fit(case.X, case.y, sample_weight=weight)
    expected = case.make(alpha=0.1).fit(case.X, case.y, sample_weight=weight)
    assert_same_bits(search.best_estimator_, expected, case.X)


# What comes in --------------------------------------------------------------------------------


def to_pandas(X, y, names):
    return pd.DataFrame(X, columns=names), pd.Series(y)


def to_polars(X, y, names):
    return pl.DataFrame(X, schema=names), pl.Series(y)


@pytest.mark.parametrize("to_frame", [to_pandas, to_polars])
def test_frames_give_the_model_that_arrays_give(case, to_frame):
    names = [f"column {i}" for i in range(case.X.shape[1])]
    frame, y = to_frame(case.X, case.y, names)
    model = case.make().fit(frame, y)
    assert list(model.feature_names_in_) == names
    expected = case.make().fit(case.X, case.y)
    np.testing.assert_array_equal(answer(model, frame), answer(expected, case.X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[names[::-1]])


@pytest.mark.parametrize("dtype", [np.str_, object], ids=["str", "object"])
def test_labels_may_be_strings(dtype):
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"], dtype=dtype)
    model, numbered = classifier().fit(X, names[y]), classifier().fit(X, y)
    np.testing.assert_array_equal(model.classes_, names)
    np.testing.assert_array_equal(model.predict(X), names[numbered.predict(X)])
    assert_same_bits(model, numbered, X)


def test_several_labels_a_row():
    X, y = make_multilabel_classification(100, 6, n_classes=3, random_state=0)
    model = classifier(max_iter=60, learning_rate_init=0.03).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    assert model.score(X, y) > 0.5


def test_several_targets_a_row(rng):
    X = rng.normal(size=(200, 4))
    Y = X @ rng.normal(size=(4, 3)) * [1, 10, 1000] + [0, 5, -300]
    model = regressor(max_iter=60, learning_rate_init=0.01).fit(X, Y)
    assert model.predict(X).shape == (200, 3)
    assert model.score(X, Y) > 0.8


def test_counts_are_predicted_in_counts(rng):
    X = rng.normal(size=(200, 4))
    y = rng.poisson(np.exp(X[:, 0] + 2))
    model = regressor(loss="poisson", max_iter=100, learning_rate_init=0.01).fit(X, y)
    assert (model.predict(X) > 0).all()
    np.testing.assert_allclose(model.predict(X).mean(), y.mean(), rtol=0.2)


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array])
def test_sparse_and_dense_give_the_same_model(case, to_format, precision):
    X = case.X * (np.random.default_rng(0).random(case.X.shape) < 0.5)
    model = case.make(dtype=precision).fit(to_format(X), case.y)
    dense = case.make(dtype=precision).fit(X, case.y)
    rtol = {"float32": 1e-4, "float64": 1e-8}[precision]
    for given in (X, to_format(X)):
        assert_close(answer(model, given), answer(dense, X), rtol)
        assert_close(answer(dense, given), answer(dense, X), rtol)


@pytest.mark.parametrize(
    ("asked", "given", "expected"),
    [
        ("float32", np.float64, np.float32),
        ("float64", np.float32, np.float64),
        ("input", np.float32, np.float32),
        ("input", np.float64, np.float64),
        ("input", np.int64, np.float64),
    ],
)
def test_predictions_have_the_dtype_of_the_computation(case, asked, given, expected):
    X = (case.X * 100).astype(given)
    model = case.make(dtype=asked, max_iter=2).fit(X, case.y)
    assert model.coefs_[0].dtype == expected
    # In the units of the user, which float32 may have no digits for.
    assert answer(model, X).dtype == (expected if hasattr(model, "classes_") else np.float64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_is_predicted_alike_alone_and_in_a_batch(case, dtype):
    model = case.make(dtype=dtype).fit(case.X, case.y)
    alone = [answer(model, row[None]) for row in case.X[:40]]
    assert_close(np.concatenate(alone), answer(model, case.X)[:40], RTOL[dtype])
    labels = [model.predict([list(row)])[0] for row in case.X[:40]]
    assert_close(labels, model.predict(case.X)[:40], RTOL[dtype])


# Validation data ------------------------------------------------------------------------------


def halves(case):
    validation = {"X_val": case.X[1::2], "y_val": case.y[1::2]}
    return case.X[::2], case.y[::2], validation


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_validation_data_are_scored_every_epoch(case, early_stopping, weighted):
    X, y, validation = halves(case)
    if weighted:
        validation["sample_weight_val"] = np.arange(len(validation["y_val"])) % 3
    model = case.make(early_stopping=early_stopping).fit(X, y, **validation)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert np.isfinite(model.validation_scores_ + model.validation_loss_curve_).all()
    assert model.t_ == model.n_iter_ * len(X)
    if early_stopping:
        assert model.best_validation_score_ == max(model.validation_scores_)


def test_rows_that_early_stopping_holds_out_have_a_loss_too(case):
    model = case.make(early_stopping=True, validation_fraction=0.3).fit(case.X, case.y)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_


@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_data_end_training_only_where_early_stopping_is_asked_for(case, early_stopping):
    X, y, validation = halves(case)
    validation["y_val"] = {
        classifier: (validation["y_val"] + 1) % 3,
        regressor: -validation["y_val"],
    }[case.make]
    model = case.make(
        early_stopping=early_stopping,
        learning_rate="constant",
        batch_size=len(X),
        learning_rate_init=0.01,
        max_iter=80,
        tol=0,
        n_iter_no_change=10,
    ).fit(X, y, **validation)
    assert (model.n_iter_ < 80) == early_stopping


def test_early_stopping_keeps_the_best_epoch(case):
    X, y, validation = halves(case)
    plain = {"batch_norm": False, "dtype": "float64", "early_stopping": True}
    model = case.make(learning_rate_init=0.1, max_iter=20, **plain).fit(X, y, **validation)
    score = model.score(validation["X_val"], validation["y_val"])
    np.testing.assert_allclose(score, model.best_validation_score_, rtol=1e-10)


def test_validation_scores_are_those_of_score(case):
    X, y, validation = halves(case)
    weight = np.arange(len(validation["y_val"])) % 3
    model = case.make(batch_norm=False, dtype="float64")
    model.fit(X, y, sample_weight_val=weight, **validation)
    score = model.score(validation["X_val"], validation["y_val"], weight)
    np.testing.assert_allclose(model.validation_scores_[-1], score, rtol=1e-10)


def test_validation_rows_without_weight_do_not_count(case):
    X, y, validation = halves(case)
    expected = case.make(dtype="float64").fit(X, y, **validation)
    model = case.make(dtype="float64").fit(
        X,
        y,
        X_val=np.vstack([validation["X_val"], X]),
        y_val=np.concatenate([validation["y_val"], np.repeat(y[:1], len(y))]),
        sample_weight_val=np.repeat([1.0, 0.0], [len(validation["y_val"]), len(y)]),
    )
    assert_close(model.validation_scores_, expected.validation_scores_, 1e-10)
    assert_close(model.validation_loss_curve_, expected.validation_loss_curve_, 1e-10)


def test_validation_labels_may_be_strings():
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = classifier().fit(X, names, X_val=X, y_val=names)
    numbered = classifier().fit(X, y, X_val=X, y_val=y)
    assert model.validation_scores_ == numbered.validation_scores_


def test_validation_data_are_keyword_only(case):
    with pytest.raises(TypeError, match="positional argument"):
        case.make().fit(case.X, case.y, None, case.X, case.y)


def with_nan(X):
    return np.where(np.arange(X.shape[1]) == 1, np.nan, X)


REFUSED = {
    "X_val of another width": lambda m, X, y: m.fit(X, y, X_val=X[:, :2], y_val=y),
    "X_val with NaN": lambda m, X, y: m.fit(X, y, X_val=with_nan(X), y_val=y),
    "few y_val": lambda m, X, y: m.fit(X, y, X_val=X, y_val=y[:-1]),
    "X_val without y_val": lambda m, X, y: m.fit(X, y, X_val=X),
    "y_val without X_val": lambda m, X, y: m.fit(X, y, y_val=y),
    "few sample_weight_val": lambda m, X, y: m.fit(
        X, y, X_val=X, y_val=y, sample_weight_val=[1.0, 2.0]
    ),
    "NaN": lambda m, X, y: m.fit(with_nan(X), y),
    "few y": lambda m, X, y: m.fit(X[:, :3], y[:-1]),
    "few weights": lambda m, X, y: m.fit(X[:, :3], y, sample_weight=[1.0]),
    "parameter": lambda m, X, y: m.set_params(alpha=-1).fit(X[:, :3], y),
    "NaN, partial_fit": lambda m, X, y: m.partial_fit(with_nan(X), y),
    "width, partial_fit": lambda m, X, y: m.partial_fit(X[:, :3], y),
    "parameter, partial_fit": lambda m, X, y: m.set_params(alpha=-1).partial_fit(X, y),
    "width, warm_start": lambda m, X, y: m.set_params(warm_start=True).fit(X[:, :3], y),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_a_refused_call_leaves_the_model_as_it_was(case, call):
    model = case.make().fit(case.X, case.y)
    before = pickle.loads(pickle.dumps(model))
    with pytest.raises((TypeError, ValueError)):
        call(model, case.X, case.y)
    assert_same_bits(model, before, case.X)
    assert (model.n_iter_, model.t_) == (before.n_iter_, before.t_)
    assert model.loss_curve_ == before.loss_curve_


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fit_that_diverges_says_so_and_leaves_the_model_as_it_was():
    X, y = DIABETES
    model = regressor().fit(X, y)
    before = pickle.loads(pickle.dumps(model))
    model.set_params(batch_norm=False, solver="sgd", learning_rate_init=1e6, max_iter=50)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X * 1000, y)
    assert_same_bits(model, before, X)


# Weights --------------------------------------------------------------------------------------

RARE = IRIS[0][:110], IRIS[1][:110]
BALANCED = {0: 110 / 150, 1: 110 / 150, 2: 110 / 30}


def test_balanced_class_weights_are_those_of_scikit_learn():
    ours = classifier(class_weight="balanced", dtype="float64").fit(*RARE)
    expected = classifier(class_weight=BALANCED, dtype="float64").fit(*RARE)
    assert_close(ours.predict_proba(RARE[0]), expected.predict_proba(RARE[0]), 1e-10)


def test_class_weights_lift_a_rare_class():
    weighted, even = (
        classifier(class_weight=w, max_iter=20).fit(*RARE).predict_proba(RARE[0])
        for w in ("balanced", None)
    )
    assert weighted[:, 2].mean() > even[:, 2].mean()


def test_class_weights_weigh_the_loss_as_sample_weights_do():
    plain = {"batch_norm": False, "normalize_inputs": False, "dtype": "float64"}
    X, y = RARE
    ours = classifier(class_weight=BALANCED, **plain).fit(X, y)
    expected = classifier(**plain).fit(X, y, sample_weight=[BALANCED[label] for label in y])
    assert_close(ours.predict_proba(X), expected.predict_proba(X), 1e-8)
    assert_close(ours.loss_curve_, expected.loss_curve_, 1e-8)


def test_class_weights_may_be_given_by_name():
    X, y = RARE
    names = np.array(["setosa", "versicolor", "virginica"])
    ours = classifier(class_weight={"virginica": 5.0}).fit(X, names[y])
    expected = classifier(class_weight={2: 5.0}).fit(X, y)
    assert_same_bits(ours, expected, X)


def assert_statistics(norm, H, weight=None):
    scaler = StandardScaler().fit(H, sample_weight=weight)
    np.testing.assert_allclose(norm.mean_, scaler.mean_, rtol=1e-8, atol=1e-8 * scaler.scale_.min())
    np.testing.assert_allclose(norm.var_, scaler.var_, rtol=1e-8)


def test_class_weights_leave_the_statistics_alone():
    X, y = RARE
    model = classifier(class_weight={0: 10.0, 1: 1.0, 2: 3.0}, dtype="float64").fit(X, y)
    assert_statistics(model.input_norm_, X)
    assert_statistics(model.batch_norms_[0], model.input_norm_.transform(X) @ model.coefs_[0])


def test_statistics_are_those_of_the_training_rows_with_their_weights(case, rng):
    X, y, validation = halves(case)
    weight = rng.integers(0, 4, size=len(y))
    model = case.make(dtype="float64").fit(X, y, sample_weight=weight, **validation)
    hidden = model.input_norm_.transform(X) @ model.coefs_[0]
    assert_statistics(model.batch_norms_[0], hidden, weight)


def test_integer_weights_are_repetitions(case, rng):
    X, y, weight = case.X[::5][:30], case.y[::5][:30], np.arange(30) % 3
    settings = {"batch_size": "auto", "dropout": 0.0, "dtype": "float64"}
    weighted = case.make(**settings).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(30), weight)
    repeated = case.make(**settings).fit(X[rows], y[rows])
    assert_close(answer(weighted, X), answer(repeated, X), 1e-6)


def test_equal_weights_are_none(case):
    settings = {"alpha": 0, "dtype": "float64"}
    weighted = case.make(**settings).fit(case.X, case.y, sample_weight=np.full(len(case.y), 3.0))
    unweighted = case.make(**settings).fit(case.X, case.y)
    assert_close(answer(weighted, case.X), answer(unweighted, case.X), 1e-8)


# partial_fit ----------------------------------------------------------------------------------


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


# The same network elsewhere -------------------------------------------------------------------


def several_labels():
    return make_multilabel_classification(100, 6, n_classes=3, random_state=0)


def several_targets():
    X, y = DIABETES
    return X, np.column_stack([y, -y, np.sqrt(y)])


FOLDED = {
    "binary": (classifier, load_breast_cancer(return_X_y=True), {}),
    "multiclass": (classifier, IRIS, {}),
    "strings": (classifier, (IRIS[0], np.array(["a", "b", "c"])[IRIS[1]]), {}),
    "multilabel": (classifier, several_labels(), {}),
    "squared_error": (regressor, DIABETES, {}),
    "three outputs": (regressor, several_targets(), {}),
    "poisson": (regressor, DIABETES, {"loss": "poisson"}),
}
WAYS = [
    {"hidden_layer_sizes": (8, 5, 3)},
    {"hidden_layer_sizes": ()},
    {"activation": "tanh"},
    {"activation": "logistic"},
    {"activation": "identity"},
    {"batch_norm": False},
    {"normalize_inputs": False},
    {"batch_norm": False, "normalize_inputs": False},
    {"dropout": 0.3},
    {"virtual_batch_size": 16},
    {"solver": "adamw"},
    {"solver": "lbfgs"},
]


def assert_converts(model, X, rtol):
    stock = model.to_sklearn()
    assert type(stock) is (MLPClassifier if is_classifier(model) else MLPRegressor)
    assert_close(answer(stock, X), answer(model, X), rtol)
    if is_classifier(model):
        np.testing.assert_array_equal(stock.predict(X), model.predict(X))


@pytest.mark.parametrize("problem", FOLDED)
def test_to_sklearn_predicts_the_same(problem, precision):
    make, (X, y), params = FOLDED[problem]
    assert_converts(make(dtype=precision, **params).fit(X, y), X, RTOL[precision])


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_to_sklearn_of_any_network(case, way):
    assert_converts(case.make(dtype="float64", **way).fit(case.X, case.y), case.X, 1e-10)


def test_to_sklearn_without_normalized_targets():
    X, y = DIABETES
    model = regressor(normalize_targets=False, dtype="float64").fit(X, y)
    assert_converts(model, X, 1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_to_sklearn_with_gammas_below_zero_and_of_zero(case, activation, precision):
    model = case.make(activation=activation, dtype=precision).fit(case.X, case.y)
    other = pickle.loads(pickle.dumps(model))
    other.batch_norms_[0].gamma_ = np.array([-2.0, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.0])
    assert_converts(other, case.X, RTOL[precision])
    assert not np.allclose(answer(other, case.X), answer(model, case.X), rtol=1e-3)


def test_what_to_sklearn_gives_needs_no_skbn(case):
    stock = case.make().fit(case.X, case.y).to_sklearn()
    assert b"skbn" not in pickle.dumps(stock)


def test_to_sklearn_needs_a_fit(case):
    with pytest.raises(NotFittedError):
        case.make().to_sklearn()


ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}


def by_hand(model, X):
    """Layer after layer from the fitted attributes."""
    H = model.input_norm_.transform(X)
    layers = zip(model.coefs_[:-1], model.intercepts_[:-1], model.batch_norms_, strict=True)
    for coef, intercept, norm in layers:
        H = ACTIVATIONS[model.activation](norm.transform(H @ coef + intercept))
    Z = H @ model.coefs_[-1] + model.intercepts_[-1]
    if is_classifier(model):
        return softmax(Z, axis=1)
    return model.target_norm_.inverse_transform(Z).ravel()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(8,), (8, 5)], ids=str)
def test_the_fitted_attributes_by_hand_give_the_predictions(case, activation, sizes, precision):
    settings = {"activation": activation, "hidden_layer_sizes": sizes, "dtype": precision}
    model = case.make(**settings).fit(case.X, case.y)
    assert_close(answer(model, case.X), by_hand(model, case.X), RTOL[precision])
    assert not any(np.any(b) for b in model.intercepts_[:-1])


def test_targets_are_learned_in_any_unit():
    X, y = DIABETES
    model = regressor(dtype="float64").fit(X, y)
    other = regressor(dtype="float64").fit(X, 1000 * y + 1e6)
    assert_close(other.predict(X), 1000 * model.predict(X) + 1e6, 1e-8)
    assert_close(other.loss_curve_, model.loss_curve_, 1e-8)


def test_target_norm_holds_the_mean_and_variance_of_the_targets():
    X, Y = several_targets()
    assert_statistics(regressor().fit(X, Y).target_norm_, Y)


# Callbacks ------------------------------------------------------------------------------------


class Callback:
    """Counts tasks; what to do in an epoch is left to others."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append("begin")
        if context.parent is not None:
            self.epoch_begins(context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.calls.append("end")
        return context.parent is not None and self.epoch_ends(context, X, y, fitted_estimator)

    def epoch_begins(self, context):
        pass

    def epoch_ends(self, context, X, y, fitted_estimator):
        return False


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


def epochs(monitor):
    return [row for row in monitor.get_logs().data if row["task_name"] != "fit"]


SCORING = {classifier: "accuracy", regressor: "r2"}


def test_fit_is_a_task_and_each_epoch_a_task_within(case):
    callback = Callback()
    case.make(max_iter=3).set_callbacks(callback).fit(case.X, case.y)
    assert callback.calls == ["setup", "begin", *["begin", "end"] * 3, "end", "teardown"]


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
    monitor = ScoringMonitor(scoring="accuracy")
    classifier().set_callbacks(monitor).fit(X, np.array(["a", "b", "c"])[y])
    assert all(0 <= row["accuracy"] <= 1 for row in epochs(monitor))


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
