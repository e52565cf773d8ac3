"""Who learns from a table: estimators as a user finds them, and skbn's with one choice undone.

Each entry makes an unfitted estimator of (is_regression, seed), or raises NotImplementedError
where its library is not installed.
"""

from functools import partial

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

from . import N_THREADS
from .baselines import require
from .torch_mlp import TorchBatchNormMLP

REFERENCE = "scikit-learn"


def scikit_learn(is_regression, seed):
    estimator = MLPRegressor if is_regression else MLPClassifier
    return make_pipeline(StandardScaler(), estimator(random_state=seed))


def gradient_boosting(is_regression, seed):
    boosting = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    return boosting(random_state=seed)


def native(make, is_regression, seed):
    """An estimator that reads codes of categories and missing values instead of encoded rows."""
    estimator = make(is_regression, seed)
    estimator.reads_raw_rows = True
    return estimator


def lightgbm(is_regression, seed):
    library = require("lightgbm")
    boosting = library.LGBMRegressor if is_regression else library.LGBMClassifier
    return boosting(random_state=seed, n_jobs=N_THREADS, verbose=-1)


def catboost(is_regression, seed):
    library = require("catboost")
    boosting = library.CatBoostRegressor if is_regression else library.CatBoostClassifier
    options = {"thread_count": N_THREADS, "verbose": 0, "allow_writing_files": False}
    return FlatPredictions(boosting(random_state=seed, **options))


class FlatPredictions:
    """CatBoost, whose predicted classes are a column, which compares with y row by row wrongly."""

    def __init__(self, model):
        self.model, self.predict_proba = model, getattr(model, "predict_proba", None)

    def fit(self, X, y):
        self.model.fit(X, y)
        return self

    def predict(self, X):
        return self.model.predict(X).ravel()


def realmlp(is_regression, seed):
    """RealMLP-TD-S (Holzmüller et al., arXiv:2407.04491) by its authors, on one split."""
    pytabkit = require("pytabkit")
    kind = "Regressor" if is_regression else "Classifier"
    estimator = getattr(pytabkit, f"RealMLP_TD_S_{kind}")
    return estimator(device="cpu", random_state=seed, n_cv=1, n_threads=N_THREADS, verbosity=0)


def skbn(is_regression, seed, **changed):
    """The defaults, but for what is changed; not where the estimator has no such parameter."""
    estimator = BatchNormMLPRegressor if is_regression else BatchNormMLPClassifier
    if not changed.keys() <= estimator().get_params().keys():
        raise NotImplementedError
    return estimator(random_state=seed, **changed)


# The defaults with one choice changed.
ABLATIONS = {
    "max_iter='scaled', numeric_encoding=None": {"max_iter": "scaled", "numeric_encoding": None},
    "numeric_encoding=None": {"numeric_encoding": None},
    "numeric_encoding='piecewise'": {"numeric_encoding": "piecewise"},
    "max_iter='scaled'": {"max_iter": "scaled"},
    "clip_inputs=False": {"clip_inputs": False},
    "batch_norm=False": {"batch_norm": False},
    "batch_norm=False, learning_rate_init=0.0015": {
        "batch_norm": False,
        "learning_rate_init": 0.0015,
    },
    "learning_rate='constant'": {"learning_rate": "constant"},
    "beta_2=0.999": {"beta_2": 0.999},
    "weight_decay=0": {"weight_decay": 0.0},
    "dropout=0": {"dropout": 0.0},
    "dropout=0.2": {"dropout": 0.2},
    "label_smoothing=0.02": {"label_smoothing": 0.02},
    "label_smoothing=0.1": {"label_smoothing": 0.1},
    "normalize_targets=False": {"normalize_targets": False},
    "hidden_layer_sizes=(256, 256)": {"hidden_layer_sizes": (256, 256)},
    "hidden_layer_sizes=(100,)": {"hidden_layer_sizes": (100,)},
    "batch_size='auto'": {"batch_size": "auto"},
    "max_iter=25": {"max_iter": 25},
    "max_iter=100": {"max_iter": 100},
    "early_stopping=True": {"early_stopping": True},
    "smooth_clip=3": {"smooth_clip": 3.0},
    "learning_rate_init=0.0015": {"learning_rate_init": 0.0015},
    "learning_rate_init=0.024": {"learning_rate_init": 0.024},
    "learning_rate_init=0.1": {"learning_rate_init": 0.1},
    "batch_norm=False, learning_rate_init=0.024": {
        "batch_norm": False,
        "learning_rate_init": 0.024,
    },
    "batch_norm=False, learning_rate_init=0.1": {"batch_norm": False, "learning_rate_init": 0.1},
}

LEARNERS = {
    REFERENCE: scikit_learn,
    "HistGradientBoosting": gradient_boosting,
    "LightGBM": lightgbm,
    "CatBoost": catboost,
    "torch": TorchBatchNormMLP,
    "RealMLP-TD-S": realmlp,
    "skbn": skbn,
    "HistGradientBoosting_native": partial(native, gradient_boosting),
    "skbn_native": partial(native, skbn),
}
