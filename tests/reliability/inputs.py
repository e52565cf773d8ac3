"""Small data, the estimators that take them, what they make of them, and how they refuse."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

RNG = np.random.default_rng(0)
N = 40
V = np.column_stack([RNG.integers(-4, 5, (N, 2)), RNG.integers(0, 2, N)]).astype(float)
MASK = np.zeros((N, 3), bool)
MASK[3, 1] = MASK[5, 2] = True
HOLED = np.where(MASK, np.nan, V)
NAMES = ["a", "b", "c"]
FRAME = pd.DataFrame(V, columns=NAMES)
LABELS = (V[:, 0] + V[:, 1] > 0).astype(int)
WORDS = np.array(["no", "yes"])[LABELS]
VALUES = V[:, 0] * 2 + V[:, 1]
SMALL = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
SMALL["numeric_encoding"] = None


def normalizer():
    return BatchNormalizer(gamma=2.0)


def uncentered():
    return BatchNormalizer(with_mean=False)


def classifier():
    return BatchNormMLPClassifier(**SMALL)


def regressor():
    return BatchNormMLPRegressor(**SMALL)


def targets_of(make, n=N):
    return {classifier: [LABELS[:n]], regressor: [VALUES[:n]]}.get(make, [])


def outputs(make, X, *data):
    """All that an estimator makes of X: in fit, in partial_fit and fitted."""
    return [said for way in (by_fit, by_stream) for said in way(make(), X, *data)]


def by_fit(model, X, y=None, **weights):
    if y is None:
        out = model.fit_transform(X, **weights)
        return [model.mean_, model.var_, out, model.normalize_batch(X, **weights)]
    model.fit(X, y, X_val=X, y_val=y, **weights)
    return [model.predict(X), *model.coefs_, model.loss_curve_, model.validation_loss_curve_]


def by_stream(model, X, y=None, **weights):
    data = [X] if y is None else [X, y]
    if isinstance(model, BatchNormMLPClassifier):
        model.partial_fit(*data, classes=np.unique(np.asarray(y)), **weights)
    else:
        model.partial_fit(*data, **weights)
    model.partial_fit(*data, **weights)
    if y is None:
        return [model.transform(X), model.inverse_transform(X)]
    is_classifier = isinstance(model, BatchNormMLPClassifier)
    said = model.predict_proba(X) if is_classifier else model.predict(X)
    return [said, model.score(X, y), model.recalibrate(X).predict(X)]


def dense(out):
    return out.toarray() if sparse.issparse(out) else np.asarray(out)


def assert_outputs(ours, expected, rtol=0.0):
    for out, other in zip(ours, expected, strict=True):
        if rtol:
            np.testing.assert_allclose(dense(out), dense(other), rtol=rtol, atol=rtol)
        else:
            np.testing.assert_array_equal(dense(out), dense(other), strict=True)


def columns(values, *dtypes):
    """A frame whose columns have these dtypes, with NA where the values are NaN."""

    def column(values, dtype):
        of = {"i": int, "b": bool, "f": float}[np.dtype(pd.array([], dtype).dtype.kind).kind]
        return pd.array([pd.NA if np.isnan(v) else of(v) for v in values], dtype=dtype)

    return pd.DataFrame({n: column(v, d) for n, v, d in zip(NAMES, values.T, dtypes, strict=True)})


ARROW = tuple(pd.ArrowDtype(kind) for kind in (pa.float64(), pa.int64(), pa.bool_()))
POLARS = {"a": pl.Float64, "b": pl.Int64, "c": pl.Boolean}


def polars(values):
    rows = [[None if np.isnan(v) else v for v in row] for row in values]
    return pl.DataFrame(rows, schema=NAMES, orient="row").cast(POLARS)


ESTIMATORS = pytest.mark.parametrize("make", [normalizer, classifier, regressor])
MISSING = "Input X contains NaN"
CSR, CSC = sparse.csr_array(V), sparse.csc_array(V)
DAYS = pd.Series(pd.date_range("2020-01-01", periods=N))


def calls(make, X):
    """Every call that takes X, of a new estimator or of one fitted to plain rows."""
    n = X.shape[0] if getattr(X, "shape", ()) else len(X) if isinstance(X, list) else N
    y = targets_of(make, n)
    yield make(), lambda model: model.fit(X, *y)
    new = {"classes": [0, 1]} if make is classifier else {}
    yield make(), lambda model: model.partial_fit(X, *y, **new)
    fitted = make().fit(V, *targets_of(make))
    yield fitted, lambda model: model.fit(X, *y)
    yield fitted, lambda model: model.partial_fit(X, *y)
    if make is normalizer:
        for name in ("transform", "normalize_batch", "inverse_transform"):
            yield fitted, lambda model, name=name: getattr(model, name)(X)
        yield fitted, lambda model: model.transform(X, copy=False)
        yield fitted, lambda model: model.inverse_transform(X, copy=False)
    else:
        yield fitted, lambda model: model.predict(X)
        yield fitted, lambda model: model.recalibrate(X)
        if X is not None:
            yield fitted, lambda model: make().fit(V, *targets_of(make), X_val=X, y_val=y[0])


def fitted_state(model):
    return {name: value for name, value in vars(model).items() if name not in model.get_params()}


def assert_refused(make, X, errors, message):
    """By every call, in these words, and without a trace of it."""
    for model, call in calls(make, X):
        before = fitted_state(model)
        with pytest.raises(errors, match=message):
            call(model)
        after = fitted_state(model)
        assert after.keys() == before.keys()
        assert all(after[name] is value for name, value in before.items())


FIRST = np.arange(N) == 0


def series(values, dtype=None):
    return pd.Series(values, index=np.arange(N)[::-1], dtype=dtype)


ARROW_INT, ARROW_STR = pd.ArrowDtype(pa.int64()), pd.ArrowDtype(pa.string())
