"""Without what is ours the estimators are scikit-learn's MLP: side by side from the same seed."""

import inspect
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import (
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import get_tags

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

PLAIN = {"batch_norm": False, "normalize_inputs": False, "dtype": "input", "dropout": 0.0}
OURS = {
    MLPClassifier: (BatchNormMLPClassifier, PLAIN | {"label_smoothing": 0.0}),
    MLPRegressor: (BatchNormMLPRegressor, PLAIN | {"normalize_targets": False}),
}
KINDS = tuple(OURS)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 12, "random_state": 0}
SAME = ("n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_", "out_activation_")
CURVES = ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_")


def classes(n_classes):
    return make_classification(120, 6, n_informative=4, n_classes=n_classes, random_state=0)


def targets(n_targets):
    X, y = make_regression(120, 6, n_targets=n_targets, noise=5.0, random_state=0)
    return X, y / 100


def several_labels():
    X, y = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def strings():
    X, y = classes(3)
    return X, np.array(["eggs", "ham", "spam"])[y]


def counts():
    X, y = targets(1)
    return X, np.random.default_rng(0).poisson(np.exp(y / 2)).astype(float)


PROBLEMS = {
    "binary": (MLPClassifier, classes(2), {}),
    "multiclass": (MLPClassifier, classes(3), {}),
    "multilabel": (MLPClassifier, several_labels(), {}),
    "strings": (MLPClassifier, strings(), {}),
    "squared_error": (MLPRegressor, targets(1), {}),
    "three outputs": (MLPRegressor, targets(3), {}),
    "poisson": (MLPRegressor, counts(), {"loss": "poisson"}),
}
SOLVERS = ("sgd", "adam", "lbfgs")
STOCHASTIC = ("sgd", "adam")
# scikit-learn's lbfgs divides the loss of several outputs by their number, not the gradient.
ALL = [(p, s) for p in PROBLEMS for s in SOLVERS if (p, s) != ("three outputs", "lbfgs")]
TWO = ("multiclass", "squared_error")


def estimators(kind, **params):
    theirs = kind(**SMALL | params)
    ours, plain = OURS[kind]
    return ours(**theirs.get_params(), **plain), theirs


def fit(model, X, y):
    model.fit(X, y)


def recorded(train, model, X, y):
    """What training warned of, in the words of both."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, X, y)
    return [(w.category, str(w.message).replace("BatchNormMLP", "MLP")) for w in caught]


def assert_same_history(ours, theirs, rtol=1e-6):
    for name in SAME:
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in CURVES:
        if not hasattr(theirs, name):  # scikit-learn's lbfgs keeps none of its curves
            continue
        value, expected = getattr(ours, name), getattr(theirs, name)
        if expected is None:
            assert value is None, name
        else:
            np.testing.assert_allclose(value, expected, rtol=rtol, err_msg=name)


def assert_same_weights(ours, theirs, rtol):
    for name in ("coefs_", "intercepts_"):
        for value, expected in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol / 10, strict=True)


def assert_same_predictions(ours, theirs, X, rtol):
    value, expected = ours.predict(X), theirs.predict(X)
    if not hasattr(theirs, "classes_"):
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol / 10, strict=True)
        return
    np.testing.assert_array_equal(value, expected, strict=True)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_, strict=True)
    for method in ("predict_proba", "predict_log_proba"):
        value, expected = getattr(ours, method)(X), getattr(theirs, method)(X)
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol / 10, strict=True)


def assert_same(ours, theirs, X, rtol=1e-6):
    assert_same_history(ours, theirs, rtol)
    # A line search doubles the rounding of one iteration after another.
    rtol = max(rtol, 1e-5) if theirs.solver == "lbfgs" else rtol
    assert_same_weights(ours, theirs, rtol)
    assert_same_predictions(ours, theirs, X, rtol)


def side_by_side(problem, *, train=fit, X=None, rtol=1e-6, **params):
    """Both trained alike: the same warnings, history, weights and predictions."""
    kind, (own, y), own_params = PROBLEMS[problem]
    X = own if X is None else X
    ours, theirs = estimators(kind, **own_params | params)
    assert recorded(train, ours, X, y) == recorded(train, theirs, X, y)
    assert_same(ours, theirs, X, rtol)
    return theirs


@pytest.mark.parametrize(("problem", "solver"), ALL)
def test_problems_and_solvers(problem, solver):
    side_by_side(problem, solver=solver)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", TWO)
def test_activations(problem, solver, activation):
    side_by_side(problem, solver=solver, activation=activation, hidden_layer_sizes=(8, 5))


@pytest.mark.parametrize("sizes", [(), 7, (9,), [6, 5, 4], np.array([4, 3])], ids=str)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", TWO)
def test_hidden_layers(problem, solver, sizes):
    side_by_side(problem, solver=solver, hidden_layer_sizes=sizes)


SETTINGS = [
    {"alpha": 0},
    {"alpha": 10.0},
    {"alpha": 10.0, "solver": "sgd"},
    {"alpha": 10.0, "solver": "lbfgs"},
    {"batch_size": 50},
    {"batch_size": 7, "solver": "sgd"},
    {"batch_size": 1, "max_iter": 2},
    {"batch_size": 120},
    {"batch_size": 500},
    {"shuffle": False, "batch_size": 32},
    {"shuffle": False, "batch_size": 32, "solver": "sgd"},
    {"learning_rate_init": 0.05},
    {"learning_rate": "invscaling", "learning_rate_init": 0.5, "solver": "sgd"},
    {"learning_rate": "invscaling", "learning_rate_init": 0.5, "power_t": 0.2, "solver": "sgd"},
    {"learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1, "solver": "sgd"},
    {"learning_rate": "invscaling"},
    {"learning_rate": "adaptive"},
    {"momentum": 0.0, "solver": "sgd"},
    {"momentum": 0.5, "solver": "sgd"},
    {"momentum": 1, "solver": "sgd"},
    {"nesterovs_momentum": False, "solver": "sgd"},
    {"nesterovs_momentum": False, "momentum": 0.5, "batch_size": 32, "solver": "sgd"},
    {"beta_1": 0.5},
    {"beta_1": 0.0, "beta_2": 0.9},
    {"beta_2": 0.0},
    {"epsilon": 0.1},
    {"tol": 0.05, "n_iter_no_change": 2},
    {"tol": 10.0, "n_iter_no_change": 1, "solver": "sgd"},
    {"tol": 10.0, "n_iter_no_change": np.inf},
    {"tol": 1.0, "solver": "lbfgs"},
    {"max_iter": 1},
    {"max_fun": 5, "solver": "lbfgs"},
    {"random_state": 2**32 - 1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("problem", TWO)
def test_settings(problem, settings):
    side_by_side(problem, **settings)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_tol_ends_training_at_the_same_epoch(problem, solver):
    stop = {"tol": 0.02, "n_iter_no_change": 2, "max_iter": 100, "learning_rate_init": 0.02}
    theirs = side_by_side(problem, solver=solver, **stop)
    assert 3 < theirs.n_iter_ < 100


@pytest.mark.parametrize("problem", TWO)
def test_the_adaptive_learning_rate_falls_until_it_is_too_small(problem):
    stop = {"tol": 0.1, "n_iter_no_change": 1, "max_iter": 100, "learning_rate_init": 0.02}
    theirs = side_by_side(problem, solver="sgd", learning_rate="adaptive", **stop)
    assert 12 < theirs.n_iter_ < 100


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_early_stopping(problem, solver):
    theirs = side_by_side(
        problem,
        solver=solver,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=3,
        learning_rate_init=0.02,
        max_iter=40,
    )
    assert len(theirs.validation_scores_) == theirs.n_iter_


@pytest.mark.parametrize("problem", TWO)
def test_early_stopping_is_of_no_effect_with_lbfgs(problem):
    side_by_side(problem, solver="lbfgs", early_stopping=True)


def fit_twice(model, X, y):
    model.fit(X, y).fit(X, y)


@pytest.mark.parametrize("warm_start", [True, False])
@pytest.mark.parametrize(("problem", "solver"), ALL)
def test_two_fits(problem, solver, warm_start):
    side_by_side(problem, train=fit_twice, solver=solver, warm_start=warm_start, max_iter=6)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_a_warm_start_goes_on_from_the_best_epoch(problem, solver):
    kind, (X, y), params = PROBLEMS[problem]
    pair = estimators(kind, solver=solver, warm_start=True, early_stopping=True, **params)
    for _ in range(2):
        ours, theirs = pair
        assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
        # In its second fit scikit-learn overwrites the best weights in place.
        assert_same_history(ours, theirs)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_a_generator_is_used_up_alike(problem, solver):
    def train(model, X, y):
        generator = np.random.RandomState(3)
        model.set_params(random_state=generator).fit(X, y).fit(X, y)
        ends.append(generator.randint(2**31))

    ends = []
    side_by_side(problem, train=train, solver=solver, batch_size=50, early_stopping=True)
    assert ends[0] == ends[1]


# Weights --------------------------------------------------------------------------------------


def fit_weighted(model, X, y):
    weight = np.random.default_rng(0).integers(0, 4, size=len(y))
    model.fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(("problem", "solver"), ALL)
def test_sample_weight(problem, solver):
    side_by_side(problem, train=fit_weighted, solver=solver, batch_size=50)


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", TWO)
def test_sample_weight_with_early_stopping(problem, solver):
    side_by_side(
        problem, train=fit_weighted, solver=solver, early_stopping=True, validation_fraction=0.3
    )


# partial_fit ----------------------------------------------------------------------------------


def labels(model, y):
    """The classes partial_fit asks a classifier for."""
    if not hasattr(model, "predict_proba"):
        return {}
    return {"classes": np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)}


def stream(model, X, y, weight=None):
    """A state after each call."""
    extra = labels(model, y)
    for rows in np.array_split(np.argsort(y if y.ndim == 1 else y[:, 0], kind="stable"), 4):
        kept = None if weight is None else weight[rows]
        yield model.partial_fit(X[rows], y[rows], sample_weight=kept, **extra)
        extra = {}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_partial_fit(problem, solver, weighted):
    kind, (X, y), params = PROBLEMS[problem]
    weight = np.random.default_rng(0).integers(0, 4, size=len(y)) if weighted else None
    pair = estimators(kind, solver=solver, batch_size=13, **params)
    for ours, theirs in zip(*(stream(model, X, y, weight) for model in pair), strict=True):
        assert_same(ours, theirs, X)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
def test_partial_fit_goes_on_where_fit_ended(learning_rate):
    def train(model, X, y):
        model.fit(X, y)
        for _ in range(5):
            model.partial_fit(X, y)

    for problem in TWO:
        for solver in STOCHASTIC:
            side_by_side(problem, train=train, solver=solver, learning_rate=learning_rate)


def test_fit_forgets_what_partial_fit_learned():
    def train(model, X, y):
        model.partial_fit(X, y, **labels(model, y)).fit(X, y)

    for problem in TWO:
        side_by_side(problem, train=train)


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fit_of_the_classifier_is_there_where_scikit_learn_has_it(solver):
    ours, theirs = estimators(MLPClassifier, solver=solver)
    assert hasattr(ours, "partial_fit") == hasattr(theirs, "partial_fit")


# What comes in --------------------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_float32(problem, solver, early_stopping):
    kind, (X, y), params = PROBLEMS[problem]
    y = y.astype(np.float32) if kind is MLPRegressor else y
    X = X.astype(np.float32)
    ours, theirs = estimators(
        kind, solver=solver, max_iter=4, early_stopping=early_stopping, **params
    )
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert ours.coefs_[0].dtype == np.float32
    assert_same(ours, theirs, X, rtol=1e-4)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.round().astype(np.int64),
        lambda X: X.astype(np.float16),
        lambda X: X > 0,
        lambda X: X.tolist(),
        np.asfortranarray,
        lambda X: X[::-1, ::-1],
        lambda X: X.astype(">f8"),
        pd.DataFrame,
    ],
    ids=["int", "float16", "bool", "list", "F", "reversed", "big-endian", "pandas"],
)
@pytest.mark.parametrize("problem", TWO)
def test_kinds_of_data(problem, convert):
    side_by_side(problem, X=convert(PROBLEMS[problem][1][0]), max_iter=5)


@pytest.mark.parametrize("convert", [np.int64, np.float32, list], ids=["int", "float32", "list"])
@pytest.mark.parametrize("problem", ["squared_error", "poisson"])
def test_kinds_of_targets(problem, convert):
    kind, (X, y), params = PROBLEMS[problem]
    y = list(y) if convert is list else y.astype(convert)
    ours, theirs = estimators(kind, **params)
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert_same(ours, theirs, X)


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", TWO)
def test_sparse(problem, solver, convert):
    X = PROBLEMS[problem][1][0]
    side_by_side(problem, X=convert(X * (X > 0.3)), solver=solver, batch_size=50)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array])
def test_sparse_with_early_stopping(convert, shuffle):
    X = PROBLEMS["binary"][1][0]
    side_by_side("binary", X=convert(X * (X > 0.3)), early_stopping=True, shuffle=shuffle)


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array])
def test_sparse_partial_fit(convert):
    def train(model, X, y):
        for _ in range(3):
            model.partial_fit(X, y, **labels(model, y))

    for problem in TWO:
        side_by_side(problem, train=train, X=convert(PROBLEMS[problem][1][0]))


def test_sparse_labels():
    _, (X, y), _ = PROBLEMS["multilabel"]
    ours, theirs = estimators(MLPClassifier)
    y = sparse.csr_array(y)
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert_same_history(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    assert (ours.predict(X) != theirs.predict(X)).sum() == 0


# What it says ---------------------------------------------------------------------------------


SPOKEN = [
    {},
    {"solver": "sgd"},
    {"tol": 10.0, "n_iter_no_change": 2},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "learning_rate_init": 1e-6},
    {"early_stopping": True, "validation_fraction": 0.3},
    {"early_stopping": True, "tol": 1.0, "n_iter_no_change": 2},
    {"solver": "lbfgs"},
    {"verbose": 2},
    {"verbose": False},
]


@pytest.mark.parametrize("settings", SPOKEN, ids=str)
@pytest.mark.parametrize("problem", TWO)
def test_verbose_prints_the_same(problem, settings, capfd):
    kind, (X, y), params = PROBLEMS[problem]
    said = []
    for model in estimators(kind, **{"verbose": True} | params | settings):
        recorded(fit, model, X, y)
        said.append(capfd.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "category", "message"),
    [
        ({}, ConvergenceWarning, r"Maximum iterations \(12\) reached"),
        ({"solver": "lbfgs"}, ConvergenceWarning, "lbfgs failed to converge after 12 iteration"),
        (
            {"solver": "lbfgs", "max_fun": 3, "max_iter": 99},
            ConvergenceWarning,
            "lbfgs failed to converge after . iteration",
        ),
        (
            {"batch_size": 500, "tol": 10.0, "n_iter_no_change": 1},
            UserWarning,
            "Got `batch_size` less than 1 or larger than sample size",
        ),
    ],
)
def test_warnings(kind, settings, category, message):
    X, y = PROBLEMS["binary"][1]
    pair = estimators(kind, **settings)
    for model in pair:
        with pytest.warns(category, match=message):
            model.fit(X, y)
    ours, theirs = (recorded(fit, model, X, y) for model in pair)
    assert ours == theirs


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", KINDS)
def test_targets_in_a_column_are_warned_of_alike(kind, method):
    def train(model, X, y):
        getattr(model, method)(X, y[:, None], **labels(model, y) if method != "fit" else {})

    X, y = PROBLEMS["binary"][1]
    ours, theirs = estimators(kind)
    expected = recorded(train, theirs, X, y)
    assert expected[0][0] is DataConversionWarning
    assert recorded(train, ours, X, y) == expected
    assert_same(ours, theirs, X)


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_not_given_again_are_warned_of_alike(kind):
    X, y = PROBLEMS["binary"][1]
    frame = pd.DataFrame(X, columns=list("abcdef"))
    said = []
    for model in estimators(kind):
        assert recorded(fit, model, frame, y)[0][0] is ConvergenceWarning
        assert list(model.feature_names_in_) == list("abcdef")
        said.append(recorded(lambda m, X, _: m.predict(X), model, X, y))
    assert said[0] == said[1]
    assert "does not have valid feature names" in said[0][0][1]


# What it refuses ------------------------------------------------------------------------------


BAD_SETTINGS = {
    "hidden_layer_sizes": [(5, 0), (5, -1), 0, -3, "wide"],
    "alpha": [-1.0, None],
    "batch_size": [0, -5, 2.5, "all"],
    "learning_rate_init": [0.0, -1.0],
    "power_t": [-0.1],
    "max_iter": [0, 1.5],
    "shuffle": ["yes"],
    "random_state": ["seed", -1],
    "tol": [-1e-3],
    "verbose": [-1],
    "warm_start": ["yes"],
    "momentum": [-0.1, 1.1],
    "nesterovs_momentum": ["yes"],
    "early_stopping": ["yes"],
    "validation_fraction": [-0.1, 1.0],
    "beta_1": [-0.1, 1.0],
    "beta_2": [-0.1, 1.0],
    "epsilon": [0.0],
    "n_iter_no_change": [0, 1.5],
    "max_fun": [0],
}
BAD = [{name: value} for name, values in BAD_SETTINGS.items() for value in values]

NAN = np.array([[np.nan] + [1.0] * 5] * 2)
INF = np.array([[np.inf] + [1.0] * 5] * 2)
BAD_FITS = {
    "1-D": lambda m, X, y: m.fit(X[:, 0], y),
    "3-D": lambda m, X, y: m.fit(X[:, :, None], y),
    "no rows": lambda m, X, y: m.fit(X[:0], y[:0]),
    "no columns": lambda m, X, y: m.fit(X[:, :0], y),
    "complex": lambda m, X, y: m.fit(X * 1j, y),
    "text": lambda m, X, y: m.fit([["a"], ["b"]], y[:2]),
    "COO that is not numbers": lambda m, X, y: m.fit(sparse.coo_array(X).astype(complex), y),
    "NaN": lambda m, X, y: m.fit(NAN, y[:2]),
    "infinity": lambda m, X, y: m.fit(INF, y[:2]),
    "sparse NaN": lambda m, X, y: m.fit(sparse.csr_array(NAN), y[:2]),
    "no y": lambda m, X, y: m.fit(X, None),
    "few y": lambda m, X, y: m.fit(X, y[:-1]),
    "NaN in y": lambda m, X, y: m.fit(X, np.where(y == 0, np.nan, y)),
    "3-D y": lambda m, X, y: m.fit(X, y[:, None, None]),
    "few weights": lambda m, X, y: m.fit(X, y, sample_weight=[1.0, 2.0]),
    "2-D weights": lambda m, X, y: m.fit(X, y, sample_weight=np.ones((len(y), 1))),
    "NaN weights": lambda m, X, y: m.fit(X, y, sample_weight=np.full(len(y), np.nan)),
    "text for weights": lambda m, X, y: m.fit(X, y, sample_weight=["a"] * len(y)),
    "one validation row": lambda m, X, y: m.set_params(early_stopping=True).fit(
        X[:10], np.arange(10) % 3
    ),
    "no validation row": lambda m, X, y: m.set_params(
        early_stopping=True, validation_fraction=0
    ).fit(X, y),
    "all rows for validation": lambda m, X, y: m.set_params(
        early_stopping=True, validation_fraction=0.999
    ).fit(X[:3], np.arange(3)),
}
BAD_CALLS = {
    "other width": lambda m, X, y: m.predict(X[:, :4]),
    "1-D predict": lambda m, X, y: m.predict(X[0]),
    "no rows to predict": lambda m, X, y: m.predict(X[:0]),
    "NaN to predict": lambda m, X, y: m.predict(NAN),
    "infinity to predict": lambda m, X, y: m.predict(INF),
    "other width, sparse": lambda m, X, y: m.predict(sparse.csr_array(X[:, :4])),
    "other width, partial_fit": lambda m, X, y: m.partial_fit(X[:, :4], y),
    "other width, warm_start": lambda m, X, y: m.set_params(warm_start=True).fit(X[:, :4], y),
    "NaN, partial_fit": lambda m, X, y: m.partial_fit(NAN, y[:2]),
    "few weights, partial_fit": lambda m, X, y: m.partial_fit(X, y, sample_weight=[1.0]),
    "early_stopping, partial_fit": lambda m, X, y: m.set_params(early_stopping=True).partial_fit(
        X, y
    ),
    "other names": lambda m, X, y: m.fit(pd.DataFrame(X, columns=list("abcdef")), y).predict(
        pd.DataFrame(X, columns=list("abcxyz"))
    ),
    "score of few y": lambda m, X, y: m.score(X, y[:-1]),
}
BAD_CLASSES = {
    "numbers for classes": lambda m, X, y: m.fit(X, X[:, 0]),
    "labels of several outputs": lambda m, X, y: m.fit(X, np.column_stack([y, y + 1])),
    "text and numbers": lambda m, X, y: m.fit(X, np.array([*y[:-1], "a"], dtype=object)),
    "rows too few to stratify": lambda m, X, y: m.set_params(early_stopping=True).fit(
        X[:10], np.arange(10) % 2
    ),
    "a new class": lambda m, X, y: m.partial_fit(X, y + 1),
    "classes changed": lambda m, X, y: m.partial_fit(X, y, classes=[0, 1, 2]),
    "classes missing at first": lambda m, X, y: type(m)().partial_fit(X, y),
    "a class that was not announced": lambda m, X, y: type(m)().partial_fit(X, y, classes=[0, 5]),
    "warm_start with a new class": lambda m, X, y: m.set_params(warm_start=True).fit(X, y + 1),
    "warm_start with a class less": lambda m, X, y: m.set_params(warm_start=True).fit(
        X, np.zeros(len(y), int)
    ),
    "partial_fit with lbfgs": lambda m, X, y: m.set_params(solver="lbfgs").partial_fit(X, y),
}


def quietly(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)


def plain(error):
    """What ours says, without its own name and its own word for sizes that follow the rows."""
    said = str(error).replace("BatchNormMLP", "MLP").replace("a str among {'scaled'} or ", "")
    return re.sub(r"'scaled', (?='auto')|(?<='auto'), 'scaled'", "", said)


def assert_refused_alike(call, ours, theirs):
    X, y = PROBLEMS["binary"][1]
    with pytest.raises((TypeError, ValueError, AttributeError)) as expected:
        quietly(call, theirs, X, y)
    with pytest.raises(expected.type) as error:
        quietly(call, ours, X, y)
    assert type(error.value).__name__ == expected.type.__name__
    assert plain(error.value) == str(expected.value)


def fitted(kind):
    X, y = PROBLEMS["binary"][1]
    return [quietly(model.fit, X, y) for model in estimators(kind, max_iter=2)]


@pytest.mark.parametrize("settings", BAD, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_settings_raise_the_same_in_fit_and_also_in_partial_fit(kind, settings):
    X, y = PROBLEMS["binary"][1]
    assert_refused_alike(fit, *estimators(kind, **settings))
    ours, _ = fitted(kind)
    _, theirs = estimators(kind, **settings)
    # scikit-learn's partial_fit of a fitted model looks at no parameter again.
    with pytest.raises(ValueError, match="must be") as expected:
        theirs.fit(X, y)
    with pytest.raises(expected.type, match="must be") as error:
        ours.set_params(**settings).partial_fit(X, y)
    assert plain(error.value) == str(expected.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in KINDS for name in ("activation", "solver", "learning_rate")]
    + [(MLPRegressor, "loss")],
)
def test_a_word_that_is_none_of_those_known_is_refused_by_name(kind, name):
    X, y = PROBLEMS["binary"][1]
    for model in estimators(kind, **{name: "fancy"}):
        message = f"The '{name}' parameter of {type(model).__name__} must be a str among"
        with pytest.raises(ValueError, match=f"{message}.*Got 'fancy' instead"):
            model.fit(X, y)


@pytest.mark.parametrize("call", BAD_FITS.values(), ids=BAD_FITS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_fits_raise_the_same(kind, call):
    assert_refused_alike(call, *estimators(kind))
    assert_refused_alike(call, *fitted(kind))


@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_calls_raise_the_same(kind, call):
    assert_refused_alike(call, *fitted(kind))


@pytest.mark.parametrize("call", BAD_CLASSES.values(), ids=BAD_CLASSES)
def test_bad_classes_raise_the_same(call):
    assert_refused_alike(call, *fitted(MLPClassifier))


@pytest.mark.parametrize("y", [np.array(["a", "b"] * 60), np.array([1 + 1j] * 120)])
def test_targets_that_are_not_numbers_raise_the_same(y):
    assert_refused_alike(lambda m, X, _: m.fit(X, y), *estimators(MLPRegressor))


@pytest.mark.parametrize("method", ["predict", "score", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_needs_a_fit_says_so(kind, method):
    X, y = PROBLEMS["binary"][1]
    ours, theirs = estimators(kind)
    if not hasattr(theirs, method):
        assert not hasattr(ours, method)
        return
    arguments = (X, y) if method == "score" else (X,)
    with pytest.raises(NotFittedError) as expected:
        getattr(theirs, method)(*arguments)
    with pytest.raises(NotFittedError) as error:
        getattr(ours, method)(*arguments)
    assert plain(error.value) == str(expected.value)


# The same face --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_scikit_learn_are_all_there(kind):
    assert set(kind().get_params()) <= set(OURS[kind][0]().get_params())


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_by_position_are_the_same(kind):
    def by_position(estimator):
        parameters = inspect.signature(estimator).parameters.values()
        return [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]

    assert by_position(OURS[kind][0]) == by_position(kind)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "score"])
@pytest.mark.parametrize("kind", KINDS)
def test_methods_take_the_same_arguments(kind, method):
    ours, theirs = (
        list(inspect.signature(getattr(c, method)).parameters) for c in (OURS[kind][0], kind)
    )
    assert ours[: len(theirs)] == theirs


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_public_names_are_all_there(kind, solver):
    X, y = PROBLEMS["binary"][1]
    ours, theirs = (
        {name for name in dir(quietly(model.fit, X, y)) if not name.startswith("_")}
        for model in estimators(kind, solver=solver)
    )
    # scikit-learn's classifier has an attribute loss, its regressor a partial_fit of lbfgs.
    assert not theirs - ours - {"loss", "partial_fit"}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_the_same(kind):
    ours, theirs = (get_tags(model) for model in estimators(kind))
    assert ours == theirs
