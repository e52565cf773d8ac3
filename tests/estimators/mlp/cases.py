"""The MLPs the way people use them: a classifier, a regressor, and what their tests share."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 6, "batch_size": 32, "random_state": 0}
SMALL |= {"numeric_encoding": None, "clip_inputs": False}
IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
RTOL = {"float32": 1e-5, "float64": 1e-10}


def classifier(**params):
    return BatchNormMLPClassifier(**SMALL | params)


def regressor(**params):
    return BatchNormMLPRegressor(**SMALL | params)


CASES = {"classifier": (classifier, *IRIS), "regressor": (regressor, *DIABETES)}


def answer(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def assert_close(value, expected, rtol):
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def assert_same_bits(ours, others, X):
    np.testing.assert_array_equal(answer(ours, X), answer(others, X), strict=True)


def halves(case):
    validation = {"X_val": case.X[1::2], "y_val": case.y[1::2]}
    return case.X[::2], case.y[::2], validation


def assert_statistics(norm, H, weight=None):
    scaler = StandardScaler().fit(H, sample_weight=weight)
    np.testing.assert_allclose(norm.mean_, scaler.mean_, rtol=1e-8, atol=1e-8 * scaler.scale_.min())
    np.testing.assert_allclose(norm.var_, scaler.var_, rtol=1e-8)


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
