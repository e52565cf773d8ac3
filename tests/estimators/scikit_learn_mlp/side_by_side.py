"""Without what is ours the estimators are scikit-learn's MLP: side by side from the same seed."""

import warnings

import numpy as np
from sklearn.datasets import (
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

PLAIN = {"batch_norm": False, "normalize_inputs": False, "dtype": "input", "dropout": 0.0}
PLAIN |= {"numeric_encoding": None, "clip_inputs": False, "categorical_features": None}
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


def has_ties(scores):
    """Whether a score equals the best one before it: there we let the loss decide."""
    best = np.maximum.accumulate(scores)
    return bool((np.asarray(scores[1:]) == best[:-1]).any())


def side_by_side_until_a_tie(problem, *, train=fit, X=None, rtol=1e-6, **params):
    """Both trained with early stopping: the same curves, and without ties the same model."""
    kind, (own, y), own_params = PROBLEMS[problem]
    X = own if X is None else X
    ours, theirs = estimators(kind, early_stopping=True, **own_params | params)
    warned = [recorded(train, model, X, y) for model in (ours, theirs)]
    if not has_ties(theirs.validation_scores_):
        assert warned[0] == warned[1]
        assert_same(ours, theirs, X, rtol)
    n = min(ours.n_iter_, theirs.n_iter_)
    for name in ("loss_curve_", "validation_scores_"):
        value, expected = getattr(ours, name)[:n], getattr(theirs, name)[:n]
        np.testing.assert_allclose(value, expected, rtol=rtol, err_msg=name)
    return ours, theirs


def labels(model, y):
    """The classes partial_fit asks a classifier for."""
    if not hasattr(model, "predict_proba"):
        return {}
    return {"classes": np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)}


def quietly(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)
