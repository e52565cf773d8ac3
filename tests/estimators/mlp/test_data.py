"""The MLPs take frames, strings, several outputs, counts and sparse rows."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from estimators.mlp.cases import (
    IRIS,
    RTOL,
    answer,
    assert_close,
    assert_same_bits,
    classifier,
    regressor,
)
from scipy import sparse
from sklearn.datasets import (
    make_multilabel_classification,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def to_pandas(X, y, names):
    return pd.DataFrame(X, columns=names), pd.Series(y)


def to_polars(X, y, names):
    return pl.DataFrame(X, schema=names), pl.Series(y)


@pytest.mark.parametrize("to_frame", [to_pandas, to_polars])
def test_frames_give_the_model_that_arrays_give(case, to_frame):
    names = [f"column {i}" for i in range(case.X.shape[1])]
    frame, y = to_frame(case.X, case.y, names)
    model = case.make().fit(frame, y)
    assert list(model.feature_names_in_) == names
    expected = case.make().fit(case.X, case.y)
    np.testing.assert_array_equal(answer(model, frame), answer(expected, case.X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[names[::-1]])


@pytest.mark.parametrize("dtype", [np.str_, object], ids=["str", "object"])
def test_labels_may_be_strings(dtype):
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"], dtype=dtype)
    model, numbered = classifier().fit(X, names[y]), classifier().fit(X, y)
    np.testing.assert_array_equal(model.classes_, names)
    np.testing.assert_array_equal(model.predict(X), names[numbered.predict(X)])
    assert_same_bits(model, numbered, X)


def test_several_labels_a_row():
    X, y = make_multilabel_classification(100, 6, n_classes=3, random_state=0)
    model = classifier(max_iter=60, learning_rate_init=0.03).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    assert model.score(X, y) > 0.5


def test_several_targets_a_row(rng):
    X = rng.normal(size=(200, 4))
    Y = X @ rng.normal(size=(4, 3)) * [1, 10, 1000] + [0, 5, -300]
    model = regressor(max_iter=60, learning_rate_init=0.01).fit(X, Y)
    assert model.predict(X).shape == (200, 3)
    assert model.score(X, Y) > 0.8


def test_counts_are_predicted_in_counts(rng):
    X = rng.normal(size=(200, 4))
    y = rng.poisson(np.exp(X[:, 0] + 2))
    model = regressor(loss="poisson", max_iter=100, learning_rate_init=0.01).fit(X, y)
    assert (model.predict(X) > 0).all()
    np.testing.assert_allclose(model.predict(X).mean(), y.mean(), rtol=0.2)


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array])
def test_sparse_and_dense_give_the_same_model(case, to_format, precision):
    X = case.X * (np.random.default_rng(0).random(case.X.shape) < 0.5)
    model = case.make(dtype=precision).fit(to_format(X), case.y)
    dense = case.make(dtype=precision).fit(X, case.y)
    rtol = {"float32": 1e-4, "float64": 1e-8}[precision]
    for given in (X, to_format(X)):
        assert_close(answer(model, given), answer(dense, X), rtol)
        assert_close(answer(dense, given), answer(dense, X), rtol)


@pytest.mark.parametrize(
    ("asked", "given", "expected"),
    [
        ("float32", np.float64, np.float32),
        ("float64", np.float32, np.float64),
        ("input", np.float32, np.float32),
        ("input", np.float64, np.float64),
        ("input", np.int64, np.float64),
    ],
)
def test_predictions_have_the_dtype_of_the_computation(case, asked, given, expected):
    X = (case.X * 100).astype(given)
    model = case.make(dtype=asked, max_iter=2).fit(X, case.y)
    assert model.coefs_[0].dtype == expected
    # In the units of the user, which float32 may have no digits for.
    assert answer(model, X).dtype == (expected if hasattr(model, "classes_") else np.float64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_is_predicted_alike_alone_and_in_a_batch(case, dtype):
    model = case.make(dtype=dtype).fit(case.X, case.y)
    alone = [answer(model, row[None]) for row in case.X[:40]]
    assert_close(np.concatenate(alone), answer(model, case.X)[:40], RTOL[dtype])
    labels = [model.predict([list(row)])[0] for row in case.X[:40]]
    assert_close(labels, model.predict(case.X)[:40], RTOL[dtype])
