"""Piecewise-linear encoding of columns: its edges, its values, and what is built on it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._backends.cpu import CPU
from skbn._estimators.encoders import bins_of, learn_bin_edges
from skbn._model.input_norm import InputNorm
from skbn._model.inputs import EncodedRows

CANCER, DIABETES = load_breast_cancer(as_frame=True), load_diabetes(as_frame=True)
SMALL = {"hidden_layer_sizes": (6, 5), "max_iter": 3, "random_state": 0}
SMALL |= {"numeric_encoding": "piecewise"}
PROBLEMS = {
    "classifier": (BatchNormMLPClassifier(**SMALL), CANCER.data, CANCER.target, "predict_proba"),
    "regressor": (BatchNormMLPRegressor(**SMALL), DIABETES.data, DIABETES.target, "predict"),
}
problems = pytest.mark.parametrize(
    ("model", "X", "y", "method"), PROBLEMS.values(), ids=PROBLEMS.keys()
)
COLUMNS = arrays.arrays(
    np.float64, st.integers(1, 60), elements=st.integers(-5, 40).map(float) | st.floats(-3, 3)
)


def test_edges_are_quantiles_of_which_each_bin_has_equally_many_rows(rng, dtype):
    X = rng.normal(size=(1600, 1)).astype(dtype)
    (edges,) = learn_bin_edges(X, None, 16)
    assert edges.dtype == dtype
    assert edges[[0, -1]].tolist() == [X.min(), X.max()]
    counts, _ = np.histogram(X, edges)
    assert (abs(counts - 100) <= 1).all()


@given(column=COLUMNS, n_bins=st.integers(2, 20))
def test_edges_are_values_of_the_column_in_order(column, n_bins):
    (edges,) = learn_bin_edges(column[:, None], None, n_bins)
    values = np.unique(column)
    assert np.isin(edges, values).all()
    assert (np.diff(edges) > 0).all()
    if len(values) <= 2:
        assert len(edges) == 0
    elif len(values) <= n_bins + 1:
        assert (edges == values).all()
    else:
        assert 2 <= len(edges) <= n_bins + 1
        assert edges[[0, -1]].tolist() == values[[0, -1]].tolist()


@given(column=COLUMNS, n_bins=st.integers(2, 20), data=st.data())
def test_weights_of_integers_are_repeated_rows(column, n_bins, data):
    weight = data.draw(arrays.arrays(np.int64, len(column), elements=st.integers(0, 3)))
    X, repeated = column[:, None], np.repeat(column, weight)[:, None]
    if weight.any():
        (weighted,), (expected,) = (
            learn_bin_edges(X, weight.astype(float), n_bins),
            learn_bin_edges(repeated, None, n_bins),
        )
        assert weighted.tolist() == expected.tolist()


def test_a_value_is_the_position_within_its_bin_and_full_bins_before_it():
    X = np.array([[0.0], [1.0], [3.0], [7.0], [2.0], [-4.0], [9.0]])
    bins = bins_of([np.array([0.0, 1.0, 3.0, 7.0])])
    norm = InputNorm.unchanged(1)._replace(bins=bins)
    rows = EncodedRows(X, norm, np.float64, CPU)
    expected = [
        [0, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 1],
        [1, 0.5, 0],
        [0, 0, 0],
        [1, 1, 1],
    ]
    np.testing.assert_array_equal(rows.slice(0, 7), np.hstack([X, expected]))
    taken = rows.take(np.arange(7), np.empty((7, 4)))
    np.testing.assert_array_equal(taken, np.hstack([X, expected]))


def test_columns_of_two_values_have_no_bins_and_a_table_of_them_no_encoding(rng):
    X = rng.integers(0, 2, (50, 3)).astype(float)
    assert bins_of(learn_bin_edges(X, None, 16)) is None
    y = X[:, 0]
    plain, encoded = (
        BatchNormMLPRegressor(**SMALL | {"numeric_encoding": value}).fit(X, y)
        for value in (None, "piecewise")
    )
    assert (plain.predict(X) == encoded.predict(X)).all()


@problems
def test_inputs_are_the_columns_and_their_bins(model, X, y, method):
    model.fit(X, y)
    n_bins = sum(max(len(edges) - 1, 0) for edges in model.bin_edges_)
    assert model.n_features_in_ == X.shape[1] == model.input_norm_.n_features_in_
    assert model.coefs_[0].shape == (X.shape[1] + n_bins, 6)
    np.testing.assert_allclose(
        getattr(model, method)(X[:1]), getattr(model, method)(X)[:1], rtol=1e-6
    )


@problems
@pytest.mark.parametrize("given", ["numpy", "pandas"])
def test_the_network_learns_what_it_would_from_columns_encoded_by_hand(model, X, y, method, given):
    del method
    X = np.asarray(X) if given == "numpy" else X
    model = model.set_params(dtype="float64").fit(X, y)
    Z = np.asarray(X)
    parts = [(Z - Z.mean(axis=0)) / Z.std(axis=0)]
    for column, edges in zip(Z.T, model.bin_edges_, strict=True):
        lower, upper = edges[:-1], edges[1:]
        parts.append(np.clip((column[:, None] - lower) / (upper - lower), 0, 1))
    by_hand = {"numeric_encoding": None, "normalize_inputs": False}
    other = type(model)(**model.get_params() | by_hand).fit(np.hstack(parts), y)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-9)


@problems
@pytest.mark.parametrize(("precision", "rtol"), [("float32", 1e-5), ("float64", 1e-9)])
@pytest.mark.parametrize("params", [{}, {"normalize_inputs": False}, {"n_bins": 3}], ids=str)
def test_to_sklearn_is_a_pipeline_of_stock_steps(model, X, y, method, precision, rtol, params):
    model = model.set_params(dtype=precision, **params).fit(X, y)
    model.set_params(normalize_inputs=True, n_bins=16)
    stock = model.to_sklearn()
    steps = [type(step).__name__ for _, step in stock.steps]
    assert steps == ["FeatureUnion", type(model).__name__.replace("BatchNorm", "")]
    far = X + 100.0 * X.std()
    for rows in (X, far):
        expected = getattr(model, method)(rows)
        scale = abs(expected).max()
        np.testing.assert_allclose(getattr(stock, method)(rows), expected, rtol, rtol * scale)


@problems
def test_a_stream_keeps_the_bins_of_its_first_call(model, X, y, method):
    del method
    model = pickle.loads(pickle.dumps(model))
    labels = {"classes": [0, 1]} if hasattr(model, "class_weight") else {}
    model.partial_fit(X[:100], y[:100], **labels)
    edges = model.bin_edges_
    model.partial_fit(X[100:], y[100:])
    assert model.bin_edges_ is edges
    with pytest.raises(ValueError, match="numeric_encoding of the previous call to fit, 'piece"):
        model.set_params(numeric_encoding=None).partial_fit(X, y)
    model.set_params(numeric_encoding="piecewise")


@problems
def test_rows_of_weight_zero_change_no_bin(model, X, y, method):
    weight = np.ones(len(X))
    weight[::3] = 0.0
    far = X.copy()
    far[::3] += 1e6
    first, second = (model.fit(rows, y, sample_weight=weight).bin_edges_ for rows in (X, far))
    assert all(map(np.array_equal, first, second))
    assert np.isfinite(getattr(model, method)(X)).all()


def test_sparse_rows_are_refused(rng):
    X = sparse.random(50, 4, 0.3, format="csr", random_state=0)
    with pytest.raises(ValueError, match="numeric_encoding='piecewise' needs dense X"):
        BatchNormMLPRegressor(**SMALL).fit(X, rng.normal(size=50))


def test_names_of_features_are_checked_by_the_stock_pipeline():
    model = BatchNormMLPRegressor(**SMALL).fit(DIABETES.data, DIABETES.target)
    stock = model.to_sklearn()
    first = stock[0].transformer_list[0][1]
    assert list(first.feature_names_in_) == list(DIABETES.data.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        stock.predict(DIABETES.data.drop(columns="bmi"))


def test_values_near_the_largest_float_are_encoded():
    X = 1.5e308 * np.linspace(-1.0, 1.0, 64)[:, None]
    encoded = EncodedRows(
        X,
        InputNorm.unchanged(1)._replace(bins=bins_of(learn_bin_edges(X, None, 4))),
        np.float64,
        CPU,
    ).slice(0, 64)[:, 1:]
    assert (encoded[0] == 0).all()
    assert (encoded[-1] == 1).all()
    assert (np.diff(encoded.sum(axis=1)) > 0).all()


def test_a_frame_gives_the_model_of_its_array():
    frame, array = pd.DataFrame(CANCER.data), np.asarray(CANCER.data)
    models = [BatchNormMLPClassifier(**SMALL).fit(X, CANCER.target) for X in (frame, array)]
    assert (models[0].predict_proba(frame) == models[1].predict_proba(array)).all()
