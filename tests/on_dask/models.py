"""What the estimators of skbn.dask learn, and the local ones beside them."""

import numpy as np
from sklearn.datasets import make_classification

import skbn
from skbn.dask import BatchNormMLPClassifier, BatchNormMLPRegressor

N = 200
PAIRS = {
    "classifier": (BatchNormMLPClassifier, skbn.BatchNormMLPClassifier),
    "regressor": (BatchNormMLPRegressor, skbn.BatchNormMLPRegressor),
}
# By which a round is one step of gradient descent on all partitions together.
ONE_STEP = {
    "hidden_layer_sizes": (16, 8),
    "solver": "sgd",
    "learning_rate": "constant",
    "learning_rate_init": 0.05,
    "alpha": 0.5,
    "dropout": 0.0,
    "shuffle": False,
    "dtype": "float64",
    "max_iter": 4,
    "random_state": 0,
    "numeric_encoding": None,
}
SMALL = {"hidden_layer_sizes": (16, 8), "max_iter": 8, "random_state": 0}
SMALL["numeric_encoding"] = None


def problem(name):
    X, y = make_classification(N, 6, n_informative=4, n_classes=3, random_state=0)
    return X, (y if name == "classifier" else X @ np.arange(1.0, 7.0) + y)


def assert_same_model(ours, local, rtol=1e-10):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(ours, name), getattr(local, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    for a, b in zip(ours.batch_norms_, local.batch_norms_, strict=True):
        for name in ("gamma_", "beta_", "mean_", "var_"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.loss_curve_, local.loss_curve_, rtol=rtol)
