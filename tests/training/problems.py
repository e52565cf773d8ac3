"""How the MLPs train: the problems, and what the tests of training share."""

import pickle

import numpy as np
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

SMALL = {"hidden_layer_sizes": (8, 5), "max_iter": 6, "batch_size": 32, "random_state": 0}
SMALL |= {"numeric_encoding": None, "clip_inputs": False}
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
