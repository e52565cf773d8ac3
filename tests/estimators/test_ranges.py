"""Predictions limit each column to the range of the training rows, unless clip_inputs=False."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators.ranges import ColumnRange

CANCER, DIABETES = load_breast_cancer(return_X_y=True), load_diabetes(return_X_y=True)
SMALL = {"hidden_layer_sizes": 8, "max_iter": 3, "random_state": 0, "numeric_encoding": None}
PROBLEMS = {
    "classifier": (BatchNormMLPClassifier(**SMALL), *CANCER, "predict_proba"),
    "regressor": (BatchNormMLPRegressor(**SMALL), *DIABETES, "predict"),
}
problems = pytest.mark.parametrize(
    ("model", "X", "y", "method"), PROBLEMS.values(), ids=PROBLEMS.keys()
)
MATRICES = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(-1e300, 1e300)
)


def far_from(X):
    far = np.vstack([X + 3 * X.std(axis=0), X - 3 * X.std(axis=0)])
    far[0, 0] = 1e300
    return far


@problems
@pytest.mark.parametrize("encoding", [None, "piecewise"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_far_row_is_predicted_as_the_nearest_row_within_the_range(
    model, X, y, method, encoding, precision
):
    model = clone(model).set_params(numeric_encoding=encoding, dtype=precision).fit(X, y)
    np.testing.assert_array_equal(model.input_range_, [X.min(axis=0), X.max(axis=0)])
    far = far_from(X)
    predict = getattr(model, method)
    nearest = np.clip(far, *model.input_range_)
    np.testing.assert_allclose(predict(far), predict(nearest), rtol=1e-6)
    np.testing.assert_allclose(predict(far[:1]), predict(far)[:1], rtol=1e-5)


@problems
def test_rows_within_the_range_are_predicted_as_without_the_limits(model, X, y, method):
    limited = clone(model).fit(X, y)
    free = clone(model).set_params(clip_inputs=False).fit(X, y)
    assert free.input_range_ is None
    np.testing.assert_array_equal(getattr(limited, method)(X), getattr(free, method)(X))
    assert limited.loss_curve_ == free.loss_curve_
    far = far_from(X)[1:]
    assert not np.array_equal(getattr(limited, method)(far), getattr(free, method)(far))


@given(X=MATRICES, data=st.data())
def test_any_split_of_the_rows_gives_the_same_range(X, data):
    cut = data.draw(st.integers(0, len(X)))
    parts = [ColumnRange.of(part, None) for part in (X[:cut], X[cut:]) if len(part)]
    merged = parts[0].merge(*parts[1:]).limits
    np.testing.assert_array_equal(merged, [X.min(axis=0), X.max(axis=0)])


@problems
def test_the_range_of_a_stream_is_that_of_all_rows_seen(model, X, y, method):
    del method
    model = clone(model)
    labels = {"classes": np.unique(y)} if hasattr(model, "class_weight") else {}
    for start in range(0, len(X), 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100], **labels)
    np.testing.assert_array_equal(model.input_range_, [X.min(axis=0), X.max(axis=0)])


@problems
def test_recalibration_extends_the_range(model, X, y, method):
    model = clone(model).fit(X, y)
    shifted = X + 5 * X.std(axis=0)
    before = model.input_range_
    model.recalibrate(shifted)
    np.testing.assert_array_equal(model.input_range_, [before[0], shifted.max(axis=0)])
    predicted = getattr(model, method)(shifted)
    assert len(np.unique(np.round(predicted[:, -1] if predicted.ndim > 1 else predicted, 3))) > 5


@problems
def test_rows_without_weight_are_not_in_the_range(model, X, y, method):
    del method
    weight = np.ones(len(X))
    weight[:5] = 0.0
    far = X.copy()
    far[:5] = 1e6
    model = clone(model).fit(far, y, sample_weight=weight)
    np.testing.assert_array_equal(model.input_range_, [X[5:].min(axis=0), X[5:].max(axis=0)])


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("encoding", [None, "piecewise"])
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_sparse_rows_are_predicted_like_dense_ones(to_format, encoding, offset):
    X = sparse.random(200, 4, 0.5, random_state=0).toarray() + offset
    settings = SMALL | {"dtype": "float64", "numeric_encoding": encoding}
    model = BatchNormMLPRegressor(**settings).fit(X, X.sum(axis=1))
    far = 3.0 * X - offset
    far[::2, 0] = 0.0
    np.testing.assert_allclose(model.predict(to_format(far)), model.predict(far), rtol=1e-12)


def test_a_fit_to_sparse_rows_has_no_range_and_is_exported_for_sparse_rows():
    X = sparse.random(200, 4, 0.5, format="csr", random_state=0)
    y = X.toarray().sum(axis=1)
    model = BatchNormMLPRegressor(**SMALL).fit(X, y)
    assert model.input_range_ is None
    np.testing.assert_allclose(model.to_sklearn().predict(X), model.predict(X), 1e-5, 1e-6)
    dense = BatchNormMLPRegressor(**SMALL).fit(X.toarray(), y)
    assert dense.loss_curve_ == pytest.approx(model.loss_curve_, rel=1e-4)


def test_sparse_and_dense_rows_are_recalibrated_alike():
    X = sparse.random(200, 4, 0.5, format="csr", random_state=0)
    y = X.toarray().sum(axis=1)
    models = [BatchNormMLPRegressor(**SMALL).fit(X.toarray(), y) for _ in range(2)]
    models[0].recalibrate(5 * X)
    models[1].recalibrate(5 * X.toarray())
    variances = [model.batch_norms_[0].var_ for model in models]
    np.testing.assert_allclose(*variances, rtol=1e-4)


def test_a_stream_without_a_range_keeps_none():
    X, y = DIABETES
    model = BatchNormMLPRegressor(**SMALL, clip_inputs=False).partial_fit(X, y)
    model.set_params(clip_inputs=True).partial_fit(X[:5], y[:5])
    assert model.input_range_ is None


@pytest.mark.parametrize("scale", [1e-17, 1e-3, 1e20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_stock_pipeline_keeps_the_digits_of_the_columns(scale, dtype, rng):
    X = (scale * (1e4 + rng.random((200, 3)))).astype(dtype)
    y = (X / scale - 1e4).sum(axis=1)
    model = BatchNormMLPRegressor(**SMALL, dtype="float64").fit(X, y)
    expected = model.predict(X)
    np.testing.assert_allclose(model.to_sklearn().predict(X), expected, 1e-6, 1e-6)


@problems
@pytest.mark.parametrize("params", [{}, {"normalize_inputs": False}], ids=str)
def test_the_stock_pipeline_has_the_limits(model, X, y, method, params):
    X = X.copy()
    X[:, 2] = 7.0  # a constant column is limited to its value
    model = clone(model).set_params(dtype="float64", **params).fit(X, y)
    stock = model.to_sklearn()
    for rows in (X, far_from(X) + 1.0):
        expected = getattr(model, method)(rows)
        np.testing.assert_allclose(
            getattr(stock, method)(rows), expected, 1e-9, 1e-9 * abs(expected).max()
        )
    free = model.set_params(clip_inputs=False).fit(X, y).to_sklearn()
    assert type(free).__name__ == type(model).__name__.replace("BatchNorm", "")


def test_validation_rows_are_limited_too():
    X, y = DIABETES
    far = X.copy()
    far[0, 0] = 1e30
    model = BatchNormMLPRegressor(**SMALL).fit(X, y, X_val=far, y_val=y)
    assert model.validation_scores_[-1] > -1.0
