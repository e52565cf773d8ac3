"""xarray in memory is an array like others; collections of Dask that are no tables are refused."""

import dask
import dask.array as da
import dask.bag as db
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from on_dask.models import SMALL, N, problem
from on_dask.parts import SIZES, in_parts

import skbn
import skbn.dask

MODULES = {"local": skbn, "dask": skbn.dask}
METHODS = ["transform", "inverse_transform", "normalize_batch", "fit_transform"]
X, y = problem("classifier")
NAMES = np.array(["blue", "green", "red"])[y]
IN_MEMORY = {
    "numpy": xr.DataArray(X, dims=("row", "feature")),
    "pandas": xr.DataArray(pd.DataFrame(X, columns=list("abcdef"))),
    "a dimension named columns": xr.DataArray(X, {"columns": list("abcdef")}, ("index", "columns")),
}
NOT_TABLES = {
    "Delayed": dask.delayed(X),
    "Bag": db.from_sequence(range(N), npartitions=2),
    "DataArray": xr.DataArray(X).chunk(50),
    "Dataset": xr.Dataset({"a": ("row", X[:, 0])}).chunk(50),
}


@pytest.fixture(params=MODULES.values(), ids=MODULES)
def module(request):
    return request.param


@pytest.fixture(params=IN_MEMORY.values(), ids=IN_MEMORY)
def rows(request):
    return request.param


@pytest.fixture(params=NOT_TABLES.values(), ids=NOT_TABLES)
def no_table(request):
    return request.param


def test_a_normalizer_takes_xarray_in_memory(module, rows):
    weight = np.arange(1.0, N + 1)
    ours = module.BatchNormalizer().fit(rows, sample_weight=xr.DataArray(weight))
    expected = skbn.BatchNormalizer().fit(X, sample_weight=weight)
    assert np.array_equal(ours.mean_, expected.mean_)
    for method in METHODS:
        result = getattr(ours, method)(rows)
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, getattr(expected, method)(X))


@pytest.mark.parametrize("labels", [y, NAMES, pd.Series(NAMES, dtype="category")])
def test_a_classifier_takes_xarray_in_memory(module, rows, labels):
    weight = np.arange(1.0, N + 1)
    model = module.BatchNormMLPClassifier(**SMALL)
    targets = xr.DataArray(labels)
    validation_data = {"X_val": rows, "y_val": targets, "sample_weight_val": xr.DataArray(weight)}
    model.fit(rows, targets, xr.DataArray(weight), **validation_data)
    expected = skbn.BatchNormMLPClassifier(**SMALL).fit(X, np.asarray(labels), weight)
    assert np.array_equal(model.predict(rows), expected.predict(X))
    assert np.array_equal(model.predict_proba(rows), expected.predict_proba(X))
    assert model.score(rows, targets) == expected.score(X, labels)
    assert model.validation_scores_[-1] > 0.0
    model.recalibrate(rows).partial_fit(rows, targets)


def test_a_regressor_takes_xarray_in_memory(module, rows):
    targets = X[:, 0] - X[:, 1]
    model = module.BatchNormMLPRegressor(**SMALL).fit(rows, xr.DataArray(targets))
    expected = skbn.BatchNormMLPRegressor(**SMALL).fit(X, targets)
    assert np.array_equal(model.predict(rows), expected.predict(X))


def test_targets_and_weights_in_xarray_go_with_a_collection():
    parts, weight = in_parts(X, SIZES["equal"]), np.arange(1.0, N + 1)
    model = skbn.dask.BatchNormMLPClassifier(**SMALL)
    model.fit(parts, xr.DataArray(y), xr.DataArray(weight), X_val=parts, y_val=xr.DataArray(y))
    expected = skbn.dask.BatchNormMLPClassifier(**SMALL).fit(parts, y, weight)
    assert np.array_equal(model.coefs_[0], expected.coefs_[0])


def test_the_array_of_a_chunked_one_is_a_collection():
    chunked = xr.DataArray(X).chunk(dim_0=50)
    normalizer = skbn.dask.BatchNormalizer().fit(chunked.data)
    assert isinstance(normalizer.transform(chunked.data), da.Array)


def replacement(name, no_table):
    """What the message says to pass."""
    return rf"{name}\.data" if isinstance(no_table, xr.DataArray) else rf"{name}\.compute\(\)"


@pytest.mark.parametrize("method", ["fit", "partial_fit", *METHODS])
def test_a_normalizer_refuses_what_is_no_table(module, no_table, method):
    normalizer = module.BatchNormalizer().fit(X)
    state = dict(vars(normalizer))
    with pytest.raises(TypeError, match=rf"X must be .* pass {replacement('X', no_table)}"):
        getattr(normalizer, method)(no_table)
    assert vars(normalizer) == state


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "recalibrate"])
def test_a_classifier_refuses_to_predict_what_is_no_table(module, no_table, method):
    model = module.BatchNormMLPClassifier(**SMALL).fit(X, y)
    with pytest.raises(TypeError, match=rf"X must be .* pass {replacement('X', no_table)}"):
        getattr(model, method)(no_table)


def test_a_classifier_refuses_to_score_what_is_no_table(module, no_table):
    model = module.BatchNormMLPClassifier(**SMALL).fit(X, y)
    with pytest.raises(TypeError, match=rf"X must be .* pass {replacement('X', no_table)}"):
        model.score(no_table, y)


ROWS = ("X", "y", "sample_weight")
HELD_OUT = ("X_val", "y_val", "sample_weight_val")
ARGUMENTS = [("fit", name) for name in ROWS + HELD_OUT] + [("partial_fit", name) for name in ROWS]


@pytest.mark.parametrize(("method", "name"), ARGUMENTS)
def test_training_on_collections_refuses_what_is_no_table(no_table, method, name):
    rows, labels = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
    data = dict(zip(ROWS, (rows, labels, None), strict=True))
    if method == "fit":
        data |= zip(HELD_OUT, (rows, labels, None), strict=True)
    model = skbn.dask.BatchNormMLPClassifier(**SMALL).fit(rows, labels)
    state = dict(vars(model))
    with pytest.raises(TypeError, match=rf"{name} must be .* pass {replacement(name, no_table)}"):
        getattr(model, method)(**data | {name: no_table})
    assert vars(model) == state
