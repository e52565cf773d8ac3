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
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_sparse_rows_are_limited_like_dense_ones(to_format, offset, rng):
    X = sparse.random(200, 4, 0.5, random_state=0).toarray() + offset
    y = X.sum(axis=1)
    settings = SMALL | {"dtype": "float64"}
    of_dense, of_sparse = (
        BatchNormMLPRegressor(**settings).fit(rows, y) for rows in (X, to_format(X))
    )
    np.testing.assert_array_equal(of_dense.input_range_, of_sparse.input_range_)
    far = 3.0 * X - offset
    far[::2, 0] = 0.0
    for model in (of_dense, of_sparse):
        expected = of_dense.predict(far)
        np.testing.assert_allclose(model.predict(to_format(far)), expected, rtol=1e-9)


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
