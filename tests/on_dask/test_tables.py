"""Categories, text and missing values in the partitions of Dask's DataFrames."""

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from estimators.test_categories import GAPS, SMALL, TEXT, N, Y, frame

import skbn
from skbn.dask import BatchNormMLPClassifier, BatchNormMLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The partitions of X differ"),
]

MISSING = np.arange(N) % 7 == 3
ORDERED = pd.Categorical(GAPS, ["cow", "ant", "bee", "dog"], ordered=True)
TABLES = {
    "text": frame(TEXT),
    "gaps": frame(GAPS),
    "category": frame(GAPS, "category"),
    "ordered": frame(ORDERED),
    "embedded": frame([f"animal {i % 60}" for i in range(N)]).assign(other=GAPS),
    "missing numbers": frame(TEXT).assign(u=lambda X: X.u.mask(MISSING)),
}
tables = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


def sorted_by_animal(table):
    """The table and labels in an order in which no partition has all categories."""
    animals = table.animal.astype(object).fillna("-").astype(str).to_numpy()
    order = np.argsort(animals, kind="stable")
    return table.iloc[order].reset_index(drop=True), Y[order]


def partitions(table, y, n=4):
    rows = dd.from_pandas(table.assign(y=y), npartitions=n, sort=False)
    return rows.drop(columns="y"), rows["y"]


@tables
def test_what_is_learned_of_the_columns_is_that_of_a_local_fit(table):
    table, y = sorted_by_animal(table)
    model = BatchNormMLPClassifier(**SMALL).fit(*partitions(table, y))
    local = skbn.BatchNormMLPClassifier(**SMALL).fit(table, y)
    assert model.is_ordered_.tolist() == local.is_ordered_.tolist()
    for ours, theirs in zip(model.categories_, local.categories_, strict=True):
        known = [value for value in theirs if value == value] if theirs is not None else None
        assert known is None or ours.tolist()[: len(known)] == known
        assert known is None or len(ours) == len(theirs)
    np.testing.assert_allclose(model.input_means_, local.input_means_, rtol=1e-12)
    np.testing.assert_array_equal(model.input_range_, local.input_range_)


@tables
def test_predictions_of_partitions_are_those_of_the_rows(table):
    X, y = partitions(table, Y)
    model = BatchNormMLPClassifier(**SMALL).fit(X, y)
    local = model.to_local()
    of_rows = local.predict_proba(table)
    np.testing.assert_allclose(model.predict_proba(X).compute(), of_rows, rtol=1e-12)
    assert model.score(X, y) == local.score(table, Y)


def test_the_model_does_not_depend_on_the_number_of_threads():
    X, y = partitions(*sorted_by_animal(TABLES["gaps"]))
    models = []
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            models.append(BatchNormMLPClassifier(**SMALL).fit(X, y))
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])


def test_one_partition_trains_like_a_local_fit():
    X, y = partitions(TABLES["gaps"], Y, n=1)
    model = BatchNormMLPRegressor(**SMALL, shuffle=False, batch_size=N).fit(X, y)
    local = skbn.BatchNormMLPRegressor(**SMALL, shuffle=False, batch_size=N).fit(TABLES["gaps"], Y)
    np.testing.assert_allclose(model.coefs_[0], local.coefs_[0], rtol=1e-6)


def test_parquet_files_with_text_and_gaps(tmp_path):
    table, y = sorted_by_animal(TABLES["gaps"].assign(u=lambda X: X.u.mask(MISSING)))
    for i, part in enumerate(np.array_split(np.arange(N), 4)):
        table.assign(y=y).iloc[part].to_parquet(tmp_path / f"part.{i}.parquet")
    rows = dd.read_parquet(tmp_path)
    X, y = rows.drop(columns="y"), rows["y"]
    model = BatchNormMLPClassifier(**SMALL).fit(X, y)
    assert model.categories_[1][:3].tolist() == ["ant", "bee", "cow"]
    assert np.isfinite(model.predict_proba(X).compute()).all()


def test_categories_that_no_partition_has_in_a_first_call_contribute_nothing():
    dtype = pd.CategoricalDtype(["ant", "bee", "cow", "dog"])
    X, y = partitions(frame(TEXT, dtype), Y)
    model = BatchNormMLPClassifier(**SMALL).partial_fit(X, y, classes=[0, 1])
    assert model.categories_[1].tolist() == ["ant", "bee", "cow", "dog"]
    assert (model.coefs_[0][5] == 0).all()
    other, y = partitions(frame(["dog", "bee"] * (N // 2), dtype), Y)
    model.partial_fit(other, y)
    assert (model.coefs_[0][5] != 0).any()


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}], ids=["weights", "held out"])
def test_categories_that_no_training_row_has_contribute_nothing(params):
    values = ["cow" if i == 17 else "ant" if i % 2 else "bee" for i in range(N)]
    weight = np.array([float(value != "cow") for value in values]) if not params else None
    X, y = partitions(frame(values), Y)
    fraction = {"validation_fraction": 0.5} if params else {}
    for seed in range(6):
        model = BatchNormMLPClassifier(**SMALL | {"random_state": seed}, **params, **fraction)
        given = None if weight is None else dd.from_pandas(pd.Series(weight), npartitions=4)
        model.fit(X, y, sample_weight=given)
        if not (is_zero := (model.coefs_[0][-1] == 0).all()) and params:
            continue  # the row is one of those to train on
        assert is_zero
        break
    else:
        pytest.fail("the category had weights in every fit")


def test_unknown_categoricals_and_empty_partitions():
    X, y = partitions(TABLES["category"].assign(u=np.arange(N)), Y)
    X = X.assign(animal=X.animal.cat.as_unknown())
    model = BatchNormMLPClassifier(**SMALL).fit(X[X.u < 60], y[X.u < 60])
    assert model.categories_[1][:3].tolist() == ["ant", "bee", "cow"]


def test_validation_rows_of_partitions_may_have_other_categories():
    X, y = partitions(TABLES["text"], Y)
    other = frame(["dog", None, "bee"] * (N // 3))
    model = BatchNormMLPClassifier(**SMALL).fit(X, y, X_val=partitions(other, Y)[0], y_val=y)
    local = BatchNormMLPClassifier(**SMALL).fit(X, y, X_val=other, y_val=Y)
    np.testing.assert_allclose(model.validation_scores_, local.validation_scores_, rtol=1e-12)


def test_pilots_take_tables():
    X, y = partitions(TABLES["gaps"], Y)
    model = BatchNormMLPClassifier(8, random_state=0).fit(X, y)
    assert len(model.pilots_) >= 2


def test_a_partition_of_another_kind_is_an_error_that_names_the_column():
    X, y = partitions(TABLES["text"], Y)
    model = BatchNormMLPClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="categories of column 'animal' of X were text"):
        model.predict(X.assign(animal=1.0)).compute()


def test_a_column_that_names_the_rows_gives_a_warning():
    X, y = partitions(frame([f"row {i}" for i in range(N)]), Y)
    with pytest.warns(UserWarning, match=f"'animal' of X has {N} different categories in {N} rows"):
        BatchNormMLPClassifier(**SMALL).fit(X, y)
