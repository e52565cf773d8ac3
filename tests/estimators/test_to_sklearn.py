"""Stock scikit-learn in place of the MLPs: tables, and all parts of another estimator."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from estimators.test_categories import GAPS, NUMBERS, SMALL, TABLES, TEXT, N, Y, fitted, frame
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor, to_sklearn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MARKERS = [None, np.nan]
HAS_NA = ["pandas, nullable", "pandas, Arrow", "pandas, category of nullable"]
# OneHotEncoder of scikit-learn 1.9 reads the indices of a dictionary for its values.
DICTIONARIES = ["arrow, dictionary", "arrow, chunks"]
NEW = frame([None, "dog", "ant", "bee"] * (N // 4)).assign(u=np.linspace(-9, 9, N))
tables = pytest.mark.parametrize("name", [name for name in TABLES if name not in DICTIONARIES])


def of_skbn(estimator):
    return b"skbn" in pickle.dumps(estimator)


def assert_equal_predictions(stock, model, rows, rtol=1e-9):
    np.testing.assert_allclose(stock.predict_proba(rows), model.predict_proba(rows), rtol, rtol)


@tables
@pytest.mark.parametrize("values", [TEXT, GAPS], ids=["without gaps", "gaps"])
def test_tables_of_every_library_are_encoded_the_same(name, values):
    rows = TABLES[name](values)
    model = fitted(rows)
    if name in HAS_NA and values is GAPS:
        with pytest.raises(ValueError, match=r"categories of column 'animal' of X.*fillna"):
            model.to_sklearn()
    else:
        stock = model.to_sklearn()
        assert not of_skbn(stock)
        assert_equal_predictions(stock, model, rows)


def holding(values, dtype=object):
    return frame(pd.Series(values, dtype=dtype))


UNKNOWN_TO_STOCK = {
    "None among numbers": holding([1.0, 2.0, None] * (N // 3)),
    "None among truth values": holding([True, False, None] * (N // 3)),
    "text and numbers": holding(["ant", 1.0, 2.0] * (N // 3)),
    "large integers": holding([2**60, 2**60 + 1, pd.NA] * (N // 3), "Int64"),
}


@pytest.mark.parametrize("rows", UNKNOWN_TO_STOCK.values(), ids=UNKNOWN_TO_STOCK.keys())
def test_what_a_stock_encoder_cannot_hold_is_an_error(rows):
    model = fitted(rows, categorical_features=["animal"])
    with pytest.raises(ValueError, match=r"categories of column 'animal' of X.*fillna"):
        model.to_sklearn()


@pytest.mark.parametrize("dtype", ["int64", "Int64", "category", "bool", "float32"])
def test_numbers_as_categories_are_encoded_the_same(dtype):
    values = (np.arange(N) % (2 if dtype == "bool" else 3)).astype(int)
    rows = frame(pd.Series(values).astype("Int64" if dtype == "category" else int).astype(dtype))
    model = fitted(rows, categorical_features=["animal"])
    assert_equal_predictions(model.to_sklearn(), model, rows)


@pytest.mark.parametrize("served", MARKERS)
@pytest.mark.parametrize("seen", [[None], [np.nan], MARKERS], ids=str)
def test_a_missing_text_is_the_same_as_none_and_as_nan(seen, served):
    values = [*seen, "ant", "bee"] * (N // (len(seen) + 2))
    model = fitted(holding(values))
    assert_equal_predictions(model.to_sklearn(), model, holding([served, "ant"] * (N // 2)))


def test_a_table_of_arrow_may_be_served_as_pandas():
    rows = TABLES["arrow, dictionary"](GAPS)
    model = fitted(rows)
    stock = model.to_sklearn()
    assert_equal_predictions(stock, model, rows.to_pandas())
    assert_equal_predictions(stock, model, pl.from_arrow(rows))


ORDERED = pd.Categorical(TEXT, ["cow", "ant", "bee"], ordered=True)
NUMERIC = pd.Categorical.from_codes(
    [len(value) + ord(value[0]) % 3 - 3 for value in TEXT], [7, 2, 4]
)
COLUMNS = {
    "text": TEXT,
    "gaps": GAPS,
    "ordered": ORDERED,
    "ordered, gaps": ORDERED.set_categories(["cow", "bee"], ordered=True),
    "numbers": NUMERIC,
    "ordered numbers": NUMERIC.as_ordered(),
    "ordered numbers, gaps": NUMERIC.as_ordered().remove_categories([2]),
}


@pytest.mark.parametrize("encoding", [None, "piecewise"])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS.keys())
def test_unknown_values_gaps_and_ranks_are_encoded_the_same(values, dtype, clip, encoding):
    X = frame(values).assign(gap=np.where(np.arange(N) % 3, NUMBERS[:, 0], np.nan), one=1.0)
    model = fitted(X, dtype=dtype, clip_inputs=clip, numeric_encoding=encoding)
    stock, rtol = model.to_sklearn(), 1e-5 if dtype == "float32" else 1e-9
    assert_equal_predictions(stock, model, X, rtol)
    is_text = X.animal.dtype == "str"
    other = X.assign(u=-9.0, gap=np.nan, animal="dog" if is_text else X.animal)
    assert_equal_predictions(stock, model, other, rtol)


def test_columns_of_an_array_are_encoded_the_same():
    codes = np.column_stack([NUMBERS[:, 0], np.arange(N) % 4, NUMBERS[:, 1]])
    codes[::9] = np.nan
    model = fitted(codes, categorical_features=[1])
    assert_equal_predictions(model.to_sklearn(), model, codes)


def test_a_table_of_categories_alone_is_encoded_the_same():
    X = pd.DataFrame({"a": TEXT, "b": GAPS})
    model = fitted(X)
    assert_equal_predictions(model.to_sklearn(), model, X)


def test_a_stock_pipeline_of_pandas_takes_polars():
    model = fitted(frame(TEXT))
    stock = model.to_sklearn()
    rows = pl.from_pandas(frame(TEXT))
    assert_equal_predictions(stock, model, rows)
    assert stock[0].feature_names_in_.tolist() == ["u", "animal", "v"]


def mlp(**params):
    return BatchNormMLPClassifier(**SMALL | params)


ESTIMATORS = {
    "pipeline": make_pipeline(BatchNormalizer(), mlp()),
    "column transformer": make_pipeline(
        make_column_transformer((BatchNormalizer(), [1]), remainder="passthrough"), mlp()
    ),
    "union": make_pipeline(
        FeatureUnion([("ours", BatchNormalizer()), ("s", StandardScaler())]), mlp()
    ),
    "voting": VotingClassifier([("ours", mlp()), ("lr", LogisticRegression())], voting="soft"),
    "stacking": StackingClassifier([("ours", mlp()), ("lr", LogisticRegression())], cv=2),
    "calibrated": CalibratedClassifierCV(mlp(), cv=2),
    "search": GridSearchCV(
        make_pipeline(BatchNormalizer(), mlp()), {"batchnormmlpclassifier__dropout": [0.0]}, cv=2
    ),
    "MLP": mlp(),
}


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS.keys())
def test_every_part_of_an_estimator_becomes_stock(estimator):
    estimator.fit(NUMBERS, Y)
    before = pickle.dumps(estimator)
    stock = to_sklearn(estimator)
    assert not of_skbn(stock)
    assert_equal_predictions(stock, estimator, NUMBERS)
    assert pickle.dumps(estimator) == before


def test_parts_in_lists_become_stock():
    model = MultiOutputClassifier(mlp()).fit(NUMBERS, np.stack([Y, 1 - Y], axis=1))
    stock = to_sklearn(model)
    assert not of_skbn(stock)
    np.testing.assert_array_equal(stock.predict(NUMBERS), model.predict(NUMBERS))


def test_a_regressor_within_another_becomes_stock():
    model = TransformedTargetRegressor(
        BatchNormMLPRegressor(**SMALL), func=np.log1p, inverse_func=np.expm1
    ).fit(NUMBERS, np.exp(NUMBERS[:, 0]))
    stock = to_sklearn(model)
    assert not of_skbn(stock)
    np.testing.assert_allclose(stock.predict(NUMBERS), model.predict(NUMBERS), rtol=1e-9)


def test_parts_that_are_not_fitted_keep_their_parameters():
    network = mlp(alpha=0.5, solver="adam", learning_rate="constant", max_iter=37)
    search = GridSearchCV(make_pipeline(BatchNormalizer(with_mean=False), network), {}, cv=2)
    scaler, network = to_sklearn(search.fit(NUMBERS, Y)).estimator
    assert type(scaler) is StandardScaler
    assert not scaler.with_mean
    assert type(network) is MLPClassifier
    assert network.alpha == 0.5
    assert network.hidden_layer_sizes == 8
    assert network.max_iter == 37


def test_an_estimator_that_is_not_fitted_is_an_error():
    with pytest.raises(NotFittedError):
        to_sklearn(make_pipeline(BatchNormalizer(), mlp()))


def test_a_part_without_a_stock_equivalent_is_an_error():
    model = make_pipeline(BatchNormalizer(), mlp(smooth_clip=3.0)).fit(NUMBERS, Y)
    with pytest.raises(ValueError, match="smooth_clip must be None"):
        to_sklearn(model)


@pytest.mark.parametrize("encoding", [None, "piecewise"])
@pytest.mark.parametrize("values", [TEXT, GAPS], ids=["without gaps", "gaps"])
def test_onnx_gives_the_same_predictions_of_a_table(values, encoding):
    convert = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    kinds = convert.common.data_types
    X = frame(values, object).assign(gap=np.where(np.arange(N) % 3, NUMBERS[:, 0], np.nan))
    model = fitted(X, numeric_encoding=encoding)
    types = [
        (name, (kinds.StringTensorType if name == "animal" else kinds.FloatTensorType)([None, 1]))
        for name in X
    ]
    onnx = convert.to_onnx(to_sklearn(model), initial_types=types, options={"zipmap": False})
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    feed = {name: X[[name]].to_numpy(np.float32) for name in ("u", "v", "gap")}
    feed["animal"] = X[["animal"]].astype(str).to_numpy(object)
    _, probabilities = session.run(None, feed)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=1e-4, atol=1e-5)
