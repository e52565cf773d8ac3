"""Missing numbers are the mean of their column; infinity is always an error."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.utils import get_tags

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 90
RNG = np.random.default_rng(3)
FULL = RNG.normal([0.0, 50.0, -3.0], [1.0, 20.0, 0.1], (N, 3))
GAPS = np.where(RNG.random(FULL.shape) < 0.2, np.nan, FULL)
Y = (FULL[:, 0] > 0.2).astype(int)
SMALL = {"hidden_layer_sizes": 8, "max_iter": 4, "random_state": 0, "dtype": "float64"}
SMALL |= {"numeric_encoding": None}
WEIGHT = RNG.integers(0, 3, N).astype(float)


def fitted(X, y=Y, weight=None, **params):
    return BatchNormMLPClassifier(**SMALL | params).fit(X, y, weight)


def in_frame(X):
    return pd.DataFrame(X, columns=["a", "b", "c"])


TABLES = {
    "array": np.array,
    "float32": lambda X: X.astype(np.float32),
    "pandas": in_frame,
    "nullable": lambda X: in_frame(X).convert_dtypes(convert_integer=False),
    "Arrow in pandas": lambda X: in_frame(X).astype(pd.ArrowDtype(pa.float64())),
    "objects": lambda X: in_frame(X).astype(object).where(in_frame(X).notna(), None),
    "objects, NA": lambda X: in_frame(X).astype(object).where(in_frame(X).notna(), pd.NA),
    "array of objects": lambda X: np.where(np.isnan(X), None, X.astype(object)),
    "lists": lambda X: np.where(np.isnan(X), None, X.astype(object)).tolist(),
    "polars": lambda X: pl.from_pandas(in_frame(X)),
    "arrow": lambda X: pa.Table.from_pandas(in_frame(X)),
    "masked": lambda X: np.ma.masked_where(np.isnan(X), X),
}
tables = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


@tables
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_a_missing_number_is_the_mean_of_its_column(table, weight):
    model = fitted(table(GAPS), weight=weight)
    weights = np.ones(N) if weight is None else weight
    mean = np.nansum(GAPS * weights[:, None], axis=0) / (~np.isnan(GAPS) * weights[:, None]).sum(0)
    rtol = 1e-6 if table is TABLES["float32"] else 1e-12
    np.testing.assert_allclose(model.input_means_, mean, rtol=rtol)
    filled = np.where(np.isnan(GAPS), mean, GAPS)
    np.testing.assert_allclose(
        model.predict_proba(table(GAPS)), model.predict_proba(table(filled)), rtol=10 * rtol
    )


def test_training_is_that_of_zeros_after_standardization():
    standardized = np.nan_to_num(BatchNormalizer().fit_transform(GAPS))
    model = fitted(GAPS, clip_inputs=False)
    expected = fitted(standardized, clip_inputs=False, normalize_inputs=False)
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("encoding", [None, "piecewise"])
def test_a_row_of_gaps_is_one_of_means_also_where_columns_are_encoded(encoding):
    model = fitted(GAPS, numeric_encoding=encoding)
    rows = np.vstack([np.full(3, np.nan), model.input_means_])
    gap, mean = model.predict_proba(rows)
    np.testing.assert_allclose(gap, mean, rtol=1e-12)


def test_edges_and_ranges_are_those_of_the_values_that_are_there():
    model = fitted(GAPS, numeric_encoding="piecewise")
    for j, column in enumerate(GAPS.T):
        alone = fitted(
            column[~np.isnan(column), None], Y[~np.isnan(column)], numeric_encoding="piecewise"
        )
        np.testing.assert_array_equal(model.bin_edges_[j], alone.bin_edges_[0])
        np.testing.assert_array_equal(model.input_range_[:, j], alone.input_range_[:, 0])


@pytest.mark.parametrize(
    "params",
    [{}, {"normalize_inputs": False}, {"clip_inputs": False}],
    ids=["defaults", "not normalized", "not limited"],
)
def test_a_column_without_values_contributes_nothing(params):
    empty = np.column_stack([GAPS, np.full(N, np.nan)])
    model = fitted(empty, **params)
    other = np.column_stack([GAPS, np.full(N, 1e3)])
    np.testing.assert_array_equal(model.predict_proba(empty), model.predict_proba(other))
    assert np.isnan(model.input_means_[3])


@pytest.mark.parametrize("normalize", [True, False])
def test_a_stream_takes_the_means_of_all_rows_seen(normalize):
    model = BatchNormMLPClassifier(**SMALL, normalize_inputs=normalize)
    first = np.column_stack([GAPS[:40], np.full(40, np.nan)])
    second = np.column_stack([GAPS[40:], FULL[40:, 0]])
    model.partial_fit(first, Y[:40], classes=[0, 1])
    assert np.isnan(model.input_means_[3])
    model.partial_fit(second, Y[40:])
    expected = np.nanmean(np.vstack([first, second]), axis=0)
    np.testing.assert_allclose(model.input_means_, expected, rtol=1e-12)
    assert np.isfinite(model.predict_proba(first)).all()


def test_sparse_rows_may_have_gaps():
    rows = np.where(RNG.random((N, 5)) < 0.5, RNG.normal(size=(N, 5)), 0.0)
    rows[::7, 2] = np.nan
    model = fitted(sparse.csr_array(rows), clip_inputs=False)
    dense = fitted(rows, clip_inputs=False)
    np.testing.assert_allclose(
        model.predict_proba(sparse.csr_array(rows)), dense.predict_proba(rows), rtol=1e-6
    )


def test_validation_rows_may_have_gaps():
    model = BatchNormMLPClassifier(**SMALL).fit(FULL, Y, X_val=GAPS, y_val=Y)
    mean = np.where(np.isnan(GAPS), FULL.mean(axis=0), GAPS)
    filled = BatchNormMLPClassifier(**SMALL).fit(FULL, Y, X_val=mean, y_val=Y)
    assert model.validation_scores_ == filled.validation_scores_


def test_recalibrate_takes_gaps():
    model = fitted(GAPS)
    filled = np.where(np.isnan(GAPS), model.input_means_, GAPS)
    statistics = [model.recalibrate(X).batch_norms_[0].mean_ for X in (GAPS, filled)]
    np.testing.assert_allclose(*statistics, rtol=1e-12)


def test_pilots_take_gaps():
    model = BatchNormMLPClassifier(8, random_state=0).fit(GAPS, Y)
    assert len(model.pilots_) >= 2
    assert np.isfinite([pilot["loss"] for pilot in model.pilots_]).all()


def test_missing_numbers_do_not_change_the_rows():
    rows = GAPS.copy()
    fitted(rows).predict(rows)
    np.testing.assert_array_equal(rows, GAPS)


REFUSING = {"normalize_inputs": False, "categorical_features": None}


@pytest.mark.parametrize("estimator", [BatchNormMLPClassifier, BatchNormMLPRegressor])
def test_missing_numbers_are_an_error_where_nothing_replaces_them(estimator):
    model = estimator(**SMALL, **REFUSING)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.fit(GAPS, Y)
    model.fit(FULL, Y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(GAPS)
    assert model.input_means_ is None


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("features", ["from_dtype", None])
def test_the_tag_says_whether_gaps_are_taken(normalize, features):
    model = BatchNormMLPClassifier(normalize_inputs=normalize, categorical_features=features)
    assert get_tags(model).input_tags.allow_nan == (normalize or features is not None)


@tables
@pytest.mark.parametrize("call", ["fit", "partial_fit", "predict"])
def test_infinity_is_an_error(table, call):
    rows = GAPS.copy()
    rows[5, 1] = -np.inf
    model = fitted(table(GAPS))
    with pytest.raises(ValueError, match="infinity"):
        getattr(model, call)(table(rows), *(() if call == "predict" else (Y,)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("encoding", [None, "piecewise"])
def test_the_stock_pipeline_replaces_gaps_by_the_same_means(encoding, clip, dtype):
    params = {"numeric_encoding": encoding, "clip_inputs": clip, "dtype": dtype}
    model = fitted(in_frame(GAPS), **params)
    stock = model.to_sklearn()
    assert isinstance(stock[0], SimpleImputer)
    rtol = 1e-5 if dtype == "float32" else 1e-9
    for rows in (in_frame(GAPS), in_frame(np.full((2, 3), np.nan))):
        np.testing.assert_allclose(stock.predict_proba(rows), model.predict_proba(rows), rtol)
    assert not isinstance(fitted(FULL, **params).to_sklearn(), SimpleImputer)
