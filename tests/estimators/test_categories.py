"""Columns of categories in tables of any library: their inputs, and what is built on them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 120
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(N, 2))
TEXT = RNG.choice(["ant", "bee", "cow"], N).tolist()
GAPS = [None if i % 5 == 0 else value for i, value in enumerate(TEXT)]
Y = ((np.array(TEXT) == "bee") | (NUMBERS[:, 0] > 1)).astype(int)
SMALL = {"hidden_layer_sizes": 8, "max_iter": 4, "random_state": 0, "numeric_encoding": None}
SMALL |= {"dtype": "float64"}


def frame(values, dtype=None):
    """A DataFrame of two columns of numbers with one of these values between them."""
    columns = {"u": NUMBERS[:, 0], "animal": pd.Series(values, dtype=dtype), "v": NUMBERS[:, 1]}
    return pd.DataFrame(columns)


def polars(values, dtype=pl.String):
    series = pl.Series(values, dtype=dtype)
    return pl.DataFrame({"u": NUMBERS[:, 0], "animal": series, "v": NUMBERS[:, 1]})


def rows_of(values):
    return np.stack([NUMBERS[:, 0], np.array(values, object), NUMBERS[:, 1]], axis=1)


def arrow(column):
    return pa.table({"u": NUMBERS[:, 0], "animal": column, "v": NUMBERS[:, 1]})


def in_chunks(values):
    parts = [pa.array(part).dictionary_encode() for part in (values[:7], values[7:50], values[50:])]
    return arrow(pa.chunked_array(parts))


TABLES = {
    "pandas, objects": lambda values: frame(values, object),
    "pandas, str": lambda values: frame(values, "str"),
    "pandas, nullable": lambda values: frame(values, "string"),
    "pandas, Arrow": lambda values: frame(values, pd.ArrowDtype(pa.string())),
    "pandas, category": lambda values: frame(values, "category"),
    "pandas, category of nullable": lambda v: frame(pd.Series(v, dtype="string"), "category"),
    "polars": polars,
    "polars, Categorical": lambda values: polars(values, pl.Categorical),
    "polars, Enum": lambda values: polars(values, pl.Enum(["ant", "bee", "cow", "dog"])),
    "arrow": lambda values: arrow(pa.array(values)),
    "arrow, dictionary": lambda values: arrow(pa.array(values).dictionary_encode()),
    "arrow, chunks": in_chunks,
}
tables = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
gaps = pytest.mark.parametrize("values", [TEXT, GAPS], ids=["without gaps", "gaps"])


def fitted(X, y=Y, **params):
    return BatchNormMLPClassifier(**SMALL | params).fit(X, y)


def one_hot(values, categories):
    return np.array([[value == category for category in categories] for value in values], float)


@gaps
@tables
def test_categories_are_the_same_in_every_library(table, values):
    model = fitted(table(values))
    expected = ["ant", "bee", "cow"]
    u, animal, v = model.categories_
    assert u is None
    assert v is None
    assert animal[:3].tolist() == expected
    assert len(animal) == 3 + (values is GAPS)
    reference = fitted(frame(values, object))
    np.testing.assert_array_equal(model.coefs_[0], reference.coefs_[0])
    np.testing.assert_array_equal(
        model.predict_proba(table(values)), reference.predict_proba(frame(values, object))
    )


@pytest.mark.parametrize("params", [{}, {"batch_norm": False}, {"solver": "lbfgs"}])
def test_training_is_that_of_explicit_one_hot_columns(params):
    categories = ["ant", "bee", "cow", None]
    standardized = (NUMBERS - NUMBERS.mean(axis=0)) / NUMBERS.std(axis=0)
    columns = np.hstack([standardized, one_hot(GAPS, categories)])
    explicit = fitted(columns, normalize_inputs=False, clip_inputs=False, **params)
    model = fitted(frame(GAPS), clip_inputs=False, **params)
    for ours, theirs in zip(model.coefs_, explicit.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        model.predict_proba(frame(GAPS)), explicit.predict_proba(columns), rtol=1e-8
    )


def test_a_category_that_fit_has_not_seen_contributes_nothing():
    model = fitted(frame(TEXT))
    rows = frame(["dog", None, "ant"] * 40)
    known = one_hot(["?", "?", "ant"] * 40, ["ant", "bee", "cow"])
    mean, scale = (values[[0, 2]] for values in (model.input_norm_.mean_, model.input_norm_.scale_))
    columns = np.hstack([(rows[["u", "v"]] - mean) / scale, known])
    explicit = columns @ model.coefs_[0]
    hidden = model.batch_norms_[0].transform(explicit)
    logits = np.maximum(hidden, 0) @ model.coefs_[1] + model.intercepts_[1]
    expected = 1 / (1 + np.exp(-logits[:, 0]))
    np.testing.assert_allclose(model.predict_proba(rows)[:, 1], expected, rtol=1e-9)


def test_an_ordered_dtype_has_the_rank_as_a_number():
    order = ["low", "mid", "high"]
    values = RNG.choice(order, N).tolist()
    ordered = pd.Categorical([None, *values[1:]], categories=order, ordered=True)
    model = fitted(frame(ordered))
    assert model.is_ordered_.tolist() == [False, True, False]
    assert model.categories_[1][:3].tolist() == order
    ranks = [order.index(value) for value in values[1:]]
    assert model.input_means_[1] == pytest.approx(np.mean(ranks), rel=1e-12)
    assert model.input_range_[:, 1].tolist() == [0, 2]
    assert model.coefs_[0].shape[0] == 3 + 4
    of_arrow = pa.DictionaryArray.from_arrays(
        pa.array([None, *ranks]), pa.array(order), ordered=True
    )
    same = fitted(arrow(of_arrow))
    np.testing.assert_array_equal(same.coefs_[0], model.coefs_[0])
    unordered = fitted(frame(ordered.as_unordered()))
    assert unordered.coefs_[0].shape[0] == 2 + 4


@pytest.mark.parametrize(
    "features", [[1], ["animal"], [False, True, False], np.array([1])], ids=str
)
def test_columns_are_selected_by_index_name_or_mask(features):
    codes = frame(np.array(TEXT) == "bee").astype({"animal": float})
    model = fitted(codes, categorical_features=features)
    assert [values is not None for values in model.categories_] == [False, True, False]
    assert model.categories_[1].tolist() == [0.0, 1.0]


def test_columns_of_an_array_are_selected_by_index():
    codes = np.column_stack([NUMBERS[:, 0], RNG.integers(0, 4, N), NUMBERS[:, 1]])
    codes[::9, 1] = np.nan
    model = fitted(codes, categorical_features=[1])
    np.testing.assert_array_equal(model.categories_[1], [0.0, 1.0, 2.0, 3.0, np.nan])
    same = fitted(pd.DataFrame(codes), categorical_features=[1])
    np.testing.assert_array_equal(model.coefs_[0], same.coefs_[0])
    objects = fitted(codes.astype(object), categorical_features=[1])
    np.testing.assert_array_equal(model.coefs_[0], objects.coefs_[0])
    of_lists = fitted(codes.tolist(), categorical_features=[1])
    np.testing.assert_array_equal(model.coefs_[0], of_lists.coefs_[0])


def test_all_columns_are_numbers_without_categorical_features():
    as_numbers = frame((np.array(TEXT) == "bee").astype(int), "category")
    model = BatchNormMLPClassifier(**SMALL, categorical_features=None)
    model.fit(as_numbers, Y, X_val=as_numbers, y_val=Y)
    assert model.categories_ is None
    plain = as_numbers.astype({"animal": float})
    np.testing.assert_array_equal(model.predict_proba(as_numbers), model.predict_proba(plain))
    assert fitted(as_numbers).categories_[1].tolist() == [0, 1]


@pytest.mark.parametrize("kind", [int, float, np.float32, "Int64", "category"])
def test_values_are_compared_by_value(kind):
    codes = RNG.integers(0, 3, N)
    model = fitted(frame(codes, "category"))
    expected = model.predict_proba(frame(codes, "category"))
    np.testing.assert_array_equal(model.predict_proba(frame(codes, kind)), expected)


def test_boolean_columns_are_numbers():
    model = fitted(frame(np.array(TEXT) == "bee"))
    assert model.categories_ is None
    assert model.input_range_[:, 1].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([True, False], r"boolean mask must have shape \(n_features,\) = \(3,\), got \(2,\)"),
        ([3], r"must be in \[0, n_features - 1\] = \[0, 2\], got 3"),
        ([-1], r"must be in \[0, n_features - 1\] = \[0, 2\], got -1"),
        (["beast"], r"'beast', which is not a column of X.*'animal'"),
        ([1.5], "must be 'from_dtype', None or a one-dimensional array-like of bool, int or str"),
        ("animal", "The 'categorical_features' parameter"),
    ],
)
def test_a_bad_selection_is_an_error_that_says_what_is_accepted(features, message):
    with pytest.raises(ValueError, match=message):
        fitted(frame(TEXT), categorical_features=features)


def test_names_cannot_select_columns_of_an_array():
    with pytest.raises(ValueError, match="names, but the columns of X have none"):
        fitted(NUMBERS, categorical_features=["x1"])


def test_sparse_rows_have_no_categories():
    with pytest.raises(ValueError, match="categorical_features needs dense X"):
        fitted(sparse.csr_array(NUMBERS), categorical_features=[1])


def numbers_for_text(X):
    return X.assign(animal=1.0)


BAD_TABLES = {
    "numbers for text": (numbers_for_text, "categories of column 'animal' of X were text in fit"),
    "categories for numbers": (
        lambda X: X.assign(v=pd.Categorical(X.v > 0)),
        "Column 'v' of X had numbers or no values in fit",
    ),
    "text for numbers": (
        lambda X: X.assign(v="low"),
        "Column 'v' of X had numbers or no values in fit",
    ),
    "moved": (lambda X: X[["animal", "u", "v"]], "feature names should match"),
    "a column less": (lambda X: X[["u", "animal"]], "feature names should match"),
    "dates": (lambda X: X.assign(v=pd.Timestamp("2026-01-01")), "dates or times.*column 'v'"),
    "infinity": (lambda X: X.assign(v=np.inf), "contains infinity.*column 'v'"),
    "lists": (lambda X: X.assign(animal=pd.Series([[]] * N)), "Column 'animal' of X has values"),
}


@pytest.mark.parametrize("call", ["predict", "fit", "partial_fit"])
@pytest.mark.parametrize(("change", "message"), BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_a_table_of_another_kind_is_an_error_that_names_the_column(change, message, call):
    model = fitted(frame(TEXT), warm_start=True)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        getattr(model, call)(change(frame(TEXT)), *(() if call == "predict" else (Y,)))
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


def test_names_that_repeat_are_an_error():
    with pytest.raises(ValueError, match=r"must differ, got 'u' twice"):
        fitted(frame(TEXT).set_axis(["u", "animal", "u"], axis=1))


@pytest.mark.filterwarnings("ignore:Column .* different categories:UserWarning")
def test_more_categories_than_rows_and_columns_without_values_are_fitted():
    many = pd.Categorical(
        ["a", "b"] * (N // 2), categories=[f"c{i}" for i in range(500)] + ["a", "b"]
    )
    empty = pd.Series([None] * N, dtype=object)
    X = frame(many).assign(empty=empty, none=pd.Categorical(empty), nan=np.nan, one="same")
    model = fitted(X)
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.categories_[1].tolist() == ["a", "b"]
    assert np.isnan(model.input_means_[[1, 3, 5]]).all()
    unique = fitted(frame([f"row {i}" for i in range(N)]))
    assert len(unique.categories_[1]) == N


def test_a_table_of_categories_alone_is_fitted():
    X = pd.DataFrame({"animal": TEXT, "other": GAPS})
    for params in (
        {},
        {"numeric_encoding": "piecewise"},
        {"max_iter": "auto"},
        {"solver": "lbfgs"},
    ):
        model = fitted(X, **params)
        assert model.coefs_[0].shape[0] == 3 + 4
        assert np.isfinite(model.predict_proba(X)).all()


def test_partial_fit_has_the_categories_of_the_dtype():
    dtype = pd.CategoricalDtype(["ant", "bee", "cow", "dog"])
    model = BatchNormMLPClassifier(**SMALL)
    model.partial_fit(frame(TEXT, dtype), Y, classes=[0, 1])
    assert model.categories_[1].tolist() == ["ant", "bee", "cow", "dog"]
    assert (model.coefs_[0][5] == 0).all()
    assert (model.coefs_[0][2:5] != 0).all()
    model.partial_fit(frame(["dog"] * N, dtype), Y)
    assert (model.coefs_[0][5] != 0).any()


@pytest.mark.parametrize("table", [frame, polars, rows_of])
def test_a_column_that_names_the_rows_gives_a_warning(table):
    model = BatchNormMLPClassifier(categorical_features=[1], **SMALL)
    with pytest.warns(UserWarning, match=r"has 120 different categories in 120 rows"):
        model.fit(table([f"row {i}" for i in range(N)]), Y)


def test_a_column_of_numbers_as_text_gives_a_warning_that_says_so():
    with pytest.warns(UserWarning, match=r"numbers as text: .* pandas\.to_numeric"):
        BatchNormMLPClassifier(**SMALL).fit(frame([f"{i / 4}" for i in range(N)]), Y)


def test_partial_fit_has_the_categories_of_the_first_call():
    model = BatchNormMLPClassifier(**SMALL).partial_fit(frame(TEXT), Y, classes=[0, 1])
    with pytest.warns(UserWarning, match=r"40 of 120 values of column 'animal' .* example 'dog'"):
        model.partial_fit(frame(["dog", None, "ant"] * 40), Y)
    assert model.categories_[1].tolist() == ["ant", "bee", "cow"]


@pytest.mark.parametrize(
    "table",
    [frame, polars, lambda v: arrow(pa.array(v)), rows_of],
    ids=["pandas", "polars", "Arrow", "array"],
)
def test_a_warning_of_unknown_categories_in_a_stream_that_is_an_error_changes_nothing(table):
    categorical = {"categorical_features": [1]}
    model = BatchNormMLPClassifier(**SMALL | categorical).partial_fit(
        table(TEXT), Y, classes=[0, 1]
    )
    before = model.predict_proba(table(TEXT))
    with pytest.raises(UserWarning, match=r"1 of 120 values of column .* 'dog'"):
        model.partial_fit(table([*TEXT[:-1], "dog"]), Y)
    np.testing.assert_array_equal(model.predict_proba(table(TEXT)), before)


def test_rows_of_weight_0_have_no_say_in_the_weights_of_categories():
    weight = np.array([float(value != "cow") for value in TEXT])
    model = BatchNormMLPClassifier(**SMALL).fit(frame(TEXT), Y, weight)
    assert (model.coefs_[0][-1] == 0).all()
    unknown, cow = (model.predict_proba(frame([value] * N)) for value in ("dog", "cow"))
    np.testing.assert_array_equal(unknown, cow)


def test_ranks_do_not_depend_on_the_rows():
    order = ["ant", "bee", "cow"]
    ordered = frame(pd.Categorical(TEXT, order, ordered=True))
    kept = np.array(TEXT) != "bee"
    model = fitted(ordered[kept], Y[kept])
    weighted = BatchNormMLPClassifier(**SMALL).fit(ordered, Y, kept.astype(float))
    assert model.categories_[1].tolist() == order
    assert model.input_range_[:, 1].tolist() == [0, 2]
    np.testing.assert_allclose(weighted.input_norm_.scale_, model.input_norm_.scale_, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categorical_features": None}, r"previous call to fit: columns \[1\], got \[\]"),
        ({"categorical_features": ["v"]}, r"previous call to fit: columns \[1\], got \[2\]"),
        ({"categorical_features": ["beast"]}, "'beast', which is not a column"),
    ],
)
def test_training_goes_on_with_the_same_columns_alone(change, message):
    model = BatchNormMLPClassifier(**SMALL).partial_fit(frame(TEXT), Y, classes=[0, 1])
    with pytest.raises(ValueError, match=message):
        model.set_params(**change).partial_fit(frame(TEXT), Y)


def test_large_integers_with_gaps_keep_all_digits():
    ids = [2**60 + i % 3 if i % 4 else None for i in range(N)]
    model = fitted(frame(pd.array(ids, dtype="Int64")), categorical_features=["animal"])
    assert model.categories_[1].tolist()[:3] == [2**60, 2**60 + 1, 2**60 + 2]
    assert np.isnan(model.categories_[1][3])


def test_masked_values_are_missing_categories():
    codes = np.column_stack([NUMBERS[:, 0], np.arange(N) % 3, NUMBERS[:, 1]])
    mask = np.zeros(codes.shape, bool)
    mask[::6, 1] = True
    masked = fitted(np.ma.masked_array(codes, mask), categorical_features=[1])
    gaps = fitted(np.where(mask, np.nan, codes), categorical_features=[1])
    np.testing.assert_array_equal(masked.coefs_[0], gaps.coefs_[0])


def test_numbers_and_batches_of_arrow_are_categories_by_value():
    values = [1.0, 2.0, float("nan"), None] * (N // 4)
    table = arrow(pa.array(values))
    model = fitted(table, categorical_features=["animal"])
    np.testing.assert_array_equal(model.categories_[1], [1.0, 2.0, np.nan])
    batch = table.to_batches()[0]
    np.testing.assert_array_equal(model.predict_proba(batch), model.predict_proba(table))
    text = arrow(pa.array(TEXT))
    of_text = fitted(text)
    np.testing.assert_array_equal(
        of_text.predict_proba(text.to_batches()[0]), of_text.predict_proba(text)
    )


@pytest.mark.parametrize("column", [0, 1])
def test_infinity_is_an_error_that_names_the_column(column):
    codes = np.column_stack([NUMBERS[:, 0], np.arange(N) % 3, NUMBERS[:, 1]])
    codes[5, column] = np.inf
    with pytest.raises(ValueError, match=f"infinity.*column 'x{column}'"):
        fitted(codes, categorical_features=[1])


def test_rows_to_predict_have_two_dimensions_and_are_dense():
    model = fitted(frame(TEXT))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.predict(np.array(TEXT, dtype=object))
    with pytest.raises(ValueError, match="needs dense X"):
        model.predict(sparse.csr_array(NUMBERS))


def test_recalibrate_adds_no_filled_values_to_the_range():
    X = frame(TEXT).assign(empty=np.nan)
    model = fitted(X).recalibrate(X)
    assert np.isnan(model.input_range_[:, 3]).all()


@pytest.mark.filterwarnings("ignore:Column .* different categories:UserWarning")
def test_many_columns_and_categories_are_looked_up_once():
    X = pd.DataFrame(NUMBERS.repeat(150, axis=1)).assign(text=[f"row {i}" for i in range(N)])
    model = fitted(X.set_axis(X.columns.astype(str), axis=1))
    kept = model._categories
    model.predict(X.set_axis(X.columns.astype(str), axis=1))
    assert model._categories is kept


def test_validation_rows_may_have_other_categories():
    model = fitted(frame(TEXT))
    watched = BatchNormMLPClassifier(**SMALL).fit(
        frame(TEXT), Y, X_val=frame(["dog", None, "bee"] * 40), y_val=Y
    )
    np.testing.assert_array_equal(watched.coefs_[0], model.coefs_[0])
    known = frame(["bee" if i % 3 == 2 else "?" for i in range(N)])
    same = BatchNormMLPClassifier(**SMALL).fit(frame(TEXT), Y, X_val=known, y_val=Y)
    assert watched.validation_loss_curve_ == same.validation_loss_curve_


def test_recalibrate_takes_tables():
    model = fitted(frame(TEXT))
    mean = model.batch_norms_[0].mean_
    model.recalibrate(frame(["bee"] * N))
    assert not np.allclose(model.batch_norms_[0].mean_, mean)
    model.recalibrate(frame(TEXT))
    np.testing.assert_allclose(model.batch_norms_[0].mean_, mean, rtol=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressors_take_categories(n_outputs):
    targets = np.stack([NUMBERS[:, 0] + Y, NUMBERS[:, 1] - Y], axis=1)[:, :n_outputs].squeeze()
    params = SMALL | {"hidden_layer_sizes": 32, "max_iter": 200}
    model = BatchNormMLPRegressor(**params).fit(frame(TEXT), targets)
    assert model.score(frame(TEXT), targets) > 0.9


VALUES = {
    "number": st.floats(-3, 3),
    "text": st.sampled_from(["a", "b", "c"]),
    "gaps": st.sampled_from(["a", "b", None]),
    "missing": st.sampled_from([1.0, 2.0, None]),
    "bool": st.booleans(),
}


@settings(max_examples=25, deadline=None)
@given(kinds=st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5), data=st.data())
def test_tables_of_mixed_columns_in_any_order_and_library_give_one_model(kinds, data):
    n = 12
    columns = {
        f"c{j}": data.draw(st.lists(VALUES[kind], min_size=n, max_size=n))
        for j, kind in enumerate(kinds)
    }
    y = np.arange(n) % 2
    model = BatchNormMLPClassifier(**SMALL | {"max_iter": 2})
    table = pl.DataFrame(columns, schema={f"c{j}": _dtype(kind) for j, kind in enumerate(kinds)})
    of_polars = model.fit(table, y).predict_proba(table)
    assert np.isfinite(of_polars).all()
    for other in (table.to_pandas(), table.to_arrow()):
        np.testing.assert_array_equal(model.fit(other, y).predict_proba(other), of_polars)
        np.testing.assert_array_equal(model.predict_proba(table), of_polars)
    order = data.draw(st.permutations(table.columns))
    moved = model.fit(table.select(order), y)
    assert sorted(_shapes(moved)) == sorted(_shapes(model.fit(table, y)))


def _dtype(kind):
    kinds = {"text": pl.String, "gaps": pl.String, "bool": pl.Boolean}
    return kinds.get(kind, pl.Float64)


def _shapes(model):
    values = model.categories_ or []
    return [0 if of_column is None else len(of_column) for of_column in values]
