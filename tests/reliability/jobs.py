"""What the workers of joblib run: those of loky and multiprocessing import it from a file."""

import threading

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skbn import BatchNormalizer, BatchNormMLPClassifier
from skbn._backends import threads


def data(n=60_000):
    X = np.random.default_rng(0).normal(size=(n, 8)) * 3 + 1
    return X, (X[:, 0] > 1).astype(int)


def classifier(**settings):
    settings = {"max_iter": 3, "batch_size": 100, "n_iter_no_change": 2, "tol": 1.0} | settings
    return BatchNormMLPClassifier(hidden_layer_sizes=8, random_state=0, **settings)


def digest(X, y):
    """Of what both estimators make of X; large enough for threads."""
    normalizer = BatchNormalizer().fit(X)
    model = classifier().fit(X[:400], y[:400])
    results = normalizer.var_, normalizer.transform(X), model.coefs_, model.predict_proba(X)
    return joblib.hash(results)


def twice(x):
    return 2 * x


def n_threads(X, y):
    """Threads that kernels may use here, and those of skbn that there are after some work."""
    digest(X, y)
    own = [thread for thread in threading.enumerate() if thread.name.startswith("skbn")]
    return threads.n_threads(), len(own)


def nested(X, y):
    """The same from the workers of a worker."""
    return joblib.Parallel(n_jobs=2)(joblib.delayed(n_threads)(X, y) for _ in range(2))


def best(X, y, n_jobs):
    """The scores of a grid search, and its choice."""
    pipeline = make_pipeline(BatchNormalizer(), classifier())
    grid = {
        "batchnormalizer__momentum": [None, 0.5],
        "batchnormmlpclassifier__alpha": [1e-4, 1e-2],
    }
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)
    return search.cv_results_["mean_test_score"].tolist(), str(search.best_params_)
