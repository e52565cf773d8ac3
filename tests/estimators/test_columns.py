"""Tables of any library: the width of floats, dates in disguise, values that errors name."""

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = ["age", "income", "score"]
VALUES = np.random.default_rng(0).normal(size=(60, 3))
Y = (VALUES[:, 0] > 0).astype(int)
FRAME = pd.DataFrame(VALUES, columns=NAMES)


class Table:
    """A small table class: columns and rows, neither dtypes nor a schema."""

    columns = NAMES
    shape = VALUES.shape

    def __len__(self):
        return len(VALUES)

    def __array__(self, dtype=None, copy=None):
        return np.array(VALUES, dtype)


class OwnColumns(Table):
    def __init__(self):
        self.columns = NAMES


class OwnDtypes(Table):
    dtypes = [(name, "double") for name in NAMES]


def narwhals(frame):
    return nw.from_native(frame, eager_only=True)


@pytest.mark.parametrize(
    "table",
    [Table(), OwnColumns(), OwnDtypes(), narwhals(FRAME), narwhals(pl.from_pandas(FRAME))],
    ids=["columns", "own columns", "own dtypes", "narwhals, pandas", "narwhals, polars"],
)
def test_tables_without_dtypes_are_taken(table):
    np.testing.assert_allclose(BatchNormalizer().fit(table).mean_, VALUES.mean(axis=0))
    model = BatchNormMLPClassifier(8, max_iter=2, random_state=0).fit(table, Y)
    expected = BatchNormMLPClassifier(8, max_iter=2, random_state=0).fit(VALUES, Y)
    np.testing.assert_allclose(model.predict_proba(table), expected.predict_proba(VALUES), 1e-4)


def arrow(values):
    return pa.table({name: values[:, j] for j, name in enumerate(NAMES)})


def pandas(dtype):
    return lambda values: pd.DataFrame(values, columns=NAMES).astype(dtype)


LIBRARIES = {
    "polars": (lambda values: pl.DataFrame(values, schema=NAMES), ["float32", "float64"]),
    "arrow": (arrow, ["float16", "float32", "float64"]),
    "narwhals": (lambda values: narwhals(arrow(values)), ["float32", "float64"]),
    "pandas": (lambda values: pd.DataFrame(values), ["float16", "float32", "float64"]),
    "nullable float32": (pandas("Float32"), ["float32"]),
    "nullable float64": (pandas("Float64"), ["float64"]),
    "arrow in pandas": (pandas("float[pyarrow]"), ["float32"]),
}
FLOATS = [(name, dtype) for name, (_, dtypes) in LIBRARIES.items() for dtype in dtypes]


@pytest.mark.parametrize(("name", "dtype"), FLOATS)
def test_floats_keep_their_width(name, dtype):
    table = LIBRARIES[name][0](VALUES.astype(dtype))
    given = VALUES.astype(dtype)
    normalizer = BatchNormalizer().fit(table)
    expected = BatchNormalizer().fit(given)
    transformed = normalizer.transform(table)
    assert transformed.dtype == dtype
    np.testing.assert_array_equal(normalizer.mean_, expected.mean_)
    np.testing.assert_array_equal(transformed, expected.transform(given), strict=True)
    model = BatchNormMLPClassifier(8, max_iter=2, dtype="input").fit(table, Y)
    assert model.coefs_[0].dtype == ("float64" if dtype == "float16" else dtype)


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame(VALUES.astype("float32"), schema=NAMES).with_columns(
            age=pl.lit(None, pl.Float32)
        ),
        FRAME.astype("Float32").assign(age=pd.array([pd.NA] * 60, "Float32")),
    ],
    ids=["polars", "pandas"],
)
def test_missing_values_do_not_widen_floats(table):
    transformed = BatchNormalizer().fit_transform(table)
    assert transformed.dtype == np.float32
    assert np.isnan(transformed[:, 0]).all()


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame(VALUES.astype("float32"), schema=NAMES).cast({"age": pl.Float64}),
        pl.DataFrame((9 * VALUES).astype("int8"), schema=NAMES),
        FRAME.astype({"age": "Float64", "income": "Float32"}),
    ],
    ids=["two widths", "integers", "nullable, two widths"],
)
def test_other_columns_become_float64(table):
    assert BatchNormalizer().fit_transform(table).dtype == np.float64


DAY = dt.date(2020, 1, 1)
DAYS = [DAY, dt.date(2021, 6, 1)] * 30
STAMPS = pd.to_datetime(DAYS)


def with_column(values, dtype=object):
    return FRAME.assign(when=pd.Series(values, dtype=dtype))


DATES = {
    "categories of dates": with_column(pd.Categorical(STAMPS), None),
    "categories of durations": with_column(pd.Categorical(pd.to_timedelta([1, 2] * 30, "D")), None),
    "categories of periods": with_column(pd.Categorical(STAMPS.to_period("M")), None),
    "Arrow's dictionary of dates": pa.table(
        {"when": pa.array(DAYS).dictionary_encode(), "age": VALUES[:, 0]}
    ),
    "Arrow's dictionary of dates in pandas": with_column(
        pd.arrays.ArrowExtensionArray(pa.array(DAYS).dictionary_encode()), None
    ),
    "categories of dates in narwhals": narwhals(with_column(pd.Categorical(STAMPS), None)),
    "categories of objects of dates": with_column(pd.Categorical(DAYS), None),
    "objects of dates in polars": pl.DataFrame({"when": pl.Series(DAYS, dtype=pl.Object)}),
    "objects of dates": with_column(DAYS),
    "objects of timestamps": with_column(list(STAMPS)),
    "objects of periods": with_column(list(STAMPS.to_period("M"))),
    "objects of times": with_column([dt.time(3)] * 60),
    "array of datetime64 as objects": np.array([[np.datetime64(DAY), 1.0]] * 60, object),
    "array of timedelta64 as objects": np.array([[np.timedelta64(3, "D"), 1.0]] * 60, object),
    "list of datetime64 and numbers": [[np.datetime64(DAY), 1.0]] * 60,
    "list of datetime64": [[np.datetime64(DAY)]] * 60,
    "list of timedelta64": [[np.timedelta64(3, "D")] * 2] * 60,
    "polars": pl.DataFrame({"when": DAYS, "age": VALUES[:, 0]}),
}


@pytest.mark.parametrize("name", DATES)
def test_dates_are_no_numbers(name):
    for estimator in (BatchNormalizer(), BatchNormMLPClassifier(8, max_iter=2)):
        with pytest.raises(ValueError, match=r"X has dates or times .*: pass numbers"):
            estimator.fit(DATES[name], Y)
        assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(
    "table",
    [
        FRAME.assign(when=STAMPS),
        with_column(DAYS),
        narwhals(FRAME.assign(when=STAMPS)),
        narwhals(with_column(pd.Categorical(STAMPS), None)),
        pl.DataFrame({"when": DAYS}),
        pa.table({"when": DAYS}),
    ],
    ids=["pandas", "objects", "narwhals", "narwhals, categories", "polars", "arrow"],
)
def test_columns_of_dates_are_named(table):
    with pytest.raises(ValueError, match=r"X has dates or times \((?i:date).*'when'"):
        BatchNormalizer().fit(table)


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_dates_are_no_parameters(name):
    with pytest.raises(ValueError, match=rf"(?s){name} must be None.*dates or times"):
        BatchNormalizer(**{name: STAMPS[:3].to_numpy()}).fit(VALUES)


@pytest.mark.parametrize(
    "y",
    [STAMPS, list(STAMPS), np.array([np.timedelta64(i, "D") for i in range(60)], object)],
    ids=["dates", "list", "objects of durations"],
)
def test_dates_are_no_targets(y):
    with pytest.raises(ValueError, match="y has dates or times"):
        BatchNormMLPRegressor(max_iter=2).fit(VALUES, y)


def columns(values):
    """The column city in tables of every kind, and the name that it has there."""
    return {
        "pandas": (FRAME.assign(city=pd.Series(values)), "city"),
        "pandas, objects": (FRAME.assign(city=pd.Series(values, dtype=object)), "city"),
        "pandas, categories": (FRAME.assign(city=pd.Categorical(values)), "city"),
        "polars": (pl.DataFrame({"age": VALUES[:, 0], "city": values}), "city"),
        "arrow": (pa.table({"age": VALUES[:, 0], "city": values}), "city"),
        "array": (np.column_stack([VALUES.astype(object), values]), "x3"),
        "list": ([[1.0, value] for value in values], "x1"),
    }


ESTIMATORS = [BatchNormalizer, BatchNormMLPClassifier]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", columns(["Paris"] * 60))
def test_text_is_named_with_its_column_and_what_encodes_it(kind, estimator):
    table, name = columns(["Paris", "Rome"] * 30)[kind]
    message = (
        rf"could not convert string to float: 'Paris' in column '{name}' of X.*OneHotEncoder.*skrub"
    )
    params = {} if estimator is BatchNormalizer else {"categorical_features": None}
    with pytest.raises(ValueError, match=message):
        estimator(**params).fit(table, Y)


# Parameters with which missing values are an error, as in scikit-learn's MLPs.
REFUSING = {"normalize_inputs": False, "categorical_features": None}


def missing_in(X):
    X = X.copy()
    X.iloc[7, 1] = np.nan
    return X


MISSING = {
    "pandas": (missing_in(FRAME), "income"),
    "nullable": (missing_in(FRAME.astype("Float64")), "income"),
    "polars": (pl.from_pandas(missing_in(FRAME)), "income"),
    "arrow": (pa.Table.from_pandas(missing_in(FRAME)), "income"),
    "objects, NA": (missing_in(FRAME.astype(object)).fillna({"income": pd.NA}), "income"),
    "array": (missing_in(FRAME).to_numpy(), "x1"),
    "sparse": (sparse.csr_array(missing_in(FRAME).to_numpy()), "x1"),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_value_is_named_with_its_place_and_what_fills_it(name):
    table, column = MISSING[name]
    message = rf"Input X contains NaN\. .* in row 7 of column '{column}'\. .*SimpleImputer\.$"
    with pytest.raises(ValueError, match=message):
        BatchNormMLPClassifier(max_iter=2, **REFUSING).fit(table, Y)


def test_a_missing_value_in_predict_and_in_validation_data_is_named_too():
    model = BatchNormMLPClassifier(8, max_iter=2, **REFUSING).fit(FRAME, Y)
    message = r"Input X contains NaN\. .*, nan, is in row 7 of column 'income'"
    with pytest.raises(ValueError, match=message):
        model.predict(missing_in(FRAME))
    with pytest.raises(ValueError, match=f"X_val, y_val, sample_weight_val: {message}"):
        model.fit(FRAME, Y, X_val=missing_in(FRAME), y_val=Y)


def test_a_gap_of_a_nullable_column_is_not_taken_for_the_reason_of_an_error():
    table = pd.DataFrame({"age": pd.array([1, None] * 30, dtype="Int64"), "city": VALUES[:, 0]})
    model = BatchNormMLPClassifier(8, max_iter=2).fit(table, Y)
    for call in (model.predict, BatchNormalizer().fit):
        with pytest.raises(ValueError, match=r"'Rome'.* in column 'city'|Column 'city'"):
            call(table.assign(city="Rome"))


def test_columns_that_moved_are_named_as_such():
    table = FRAME.assign(city=pd.Categorical(["Paris", "Rome"] * 30))
    model = BatchNormMLPClassifier(8, max_iter=2).fit(table, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[sorted(table, reverse=True)])


def test_rows_that_are_not_in_memory_yet_are_an_error_that_says_so():
    with pytest.raises(TypeError, match=r"LazyFrame: pass X\.collect"):
        BatchNormMLPClassifier().fit(pl.from_pandas(FRAME).lazy(), Y)


def test_a_missing_object_that_is_no_nan_is_named():
    table = FRAME.assign(city=pd.Series([1.0, pd.NA] * 30, dtype=object))
    with pytest.raises(ValueError, match=r"<NA> in row 1 of column 'city'\. Convert"):
        BatchNormalizer().fit(table)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("given", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_infinity_is_named_with_its_place(given, estimator):
    table = FRAME.copy()
    table.iloc[9, 2] = -np.inf
    with pytest.raises(
        ValueError, match=r"contains infinity .*, -inf, is in row 9 of column 'score'"
    ):
        estimator().fit(given(table), Y)


def test_infinity_in_transform_is_named_with_its_place():
    table = FRAME.copy()
    table.iloc[9, 2] = np.inf
    with pytest.raises(
        ValueError, match=r"contains infinity .*, inf, is in row 9 of column 'score'"
    ):
        BatchNormalizer().fit(FRAME).transform(table)


def test_sparse_columns_of_pandas_need_zeros_to_fill():
    pytest.importorskip("scipy", "1.14.1")  # pandas 3 takes no older one for sparse columns
    table = FRAME.astype(pd.SparseDtype(float, np.nan))
    with pytest.raises(ValueError, match=r"fill value is not 0: pass X\.sparse\.to_dense"):
        BatchNormMLPClassifier().fit(table, Y)
    zeros = FRAME.where(FRAME > 0, 0.0).astype(pd.SparseDtype(float, 0.0))
    assert BatchNormalizer(with_mean=False).fit(zeros).n_features_in_ == 3


def test_the_place_of_a_missing_value_in_many_rows_is_found_by_numpy(monkeypatch):
    """Not value by value: 4,000,000 values took 9 s."""
    monkeypatch.setattr("skbn._estimators.columns._is_number", None)
    for given in (np.asarray, pd.DataFrame):
        rows = given(np.where(np.arange(3000).reshape(1000, 3) == 2999, np.nan, 1.0))
        with pytest.raises(ValueError, match=r"Input X contains NaN.* in row 999 of column"):
            BatchNormMLPClassifier(**REFUSING).fit(rows, np.arange(1000) % 2)
