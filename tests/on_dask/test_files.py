"""Frames of parquet files, of which Dask reads several as one partition where columns are few."""

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from on_dask.models import PAIRS, SMALL
from on_dask.parts import in_parts
from sklearn.metrics import accuracy_score, r2_score

import skbn
from skbn.dask import BatchNormalizer, BatchNormMLPClassifier
from skbn.dask._partitions import Partitions

# The first feature is the number of the row.
pytestmark = pytest.mark.filterwarnings("ignore:The partitions of X differ")

FEW = {**SMALL, "max_iter": 2}
SIZES = (30, 5, 41, 20, 17, 50, 1, 36)
N = sum(SIZES)
FEATURES = [f"f{j}" for j in range(20)]


def table():
    """The number of the row is its first feature, and tells its label, value and weight."""
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 20)), columns=FEATURES)
    rows["f0"] = np.arange(N, dtype=float)
    labels = {"label": rows.f0.astype(int) % 3, "value": 2 * rows.f0, "weight": rows.f0 + 1}
    labels["name"] = np.array(["blue", "green", "red"])[labels["label"]]
    return rows.assign(**labels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, rows, stops = tmp_path_factory.mktemp("files"), table(), np.cumsum(SIZES)
    for i, (size, stop) in enumerate(zip(SIZES, stops, strict=True)):
        rows[stop - size : stop].to_parquet(path / f"{i}.parquet")
    return path


@pytest.fixture
def files(folder):
    return dd.read_parquet(folder)


def filtered(files):
    return files[files.f1 > 0]


def names_as_categories(files):
    return files.name.astype("category")


def read_apart(files, **options):
    return dd.read_parquet(files.expr.operand("path"), **options)


# How users take X, y and weights out of files.
TAKEN = {
    "columns": lambda d: (d[FEATURES], d.label, d.weight),
    "few columns": lambda d: (d[["f0", "f1"]], d.label, d.weight),
    "frames of one column": lambda d: (d[FEATURES], d[["label"]], d.weight),
    "filter": lambda d: (filtered(d)[FEATURES], filtered(d).label, filtered(d).weight),
    "filter of few": lambda d: (filtered(d)[["f0"]], filtered(d).label, filtered(d).weight),
    "astype": lambda d: (d[FEATURES].astype("float32"), d.label.astype("int8"), d.weight),
    "computed": lambda d: (d[FEATURES] * 1.0, (d.f0 % 3).astype(int), d.weight + 0.0),
    "names": lambda d: (d[FEATURES], d.name, d.weight),
    "categories": lambda d: (d[FEATURES], names_as_categories(d), d.weight),
    "read apart": lambda d: (d[FEATURES], read_apart(d, columns=["label"]).label, d.weight),
    "repartition": lambda d: tuple(
        part.repartition(npartitions=3) for part in (d[FEATURES], d.label, d.weight)
    ),
    "other partitions": lambda d: (d[FEATURES], d.label.repartition(npartitions=3), d.weight),
    "values": lambda d: (d[FEATURES].values, d.label.values, d.weight.values),
    "few values": lambda d: (d[["f0", "f1"]].values, d.label.values, d.weight.values),
    "values of y": lambda d: (d[FEATURES], d.label.values, d.weight),
    "values of X": lambda d: (d[FEATURES].values, d.label, d.weight),
    "values of a column": lambda d: (d[FEATURES].values, d[["label"]].values, d.weight),
    "names for values": lambda d: (d[FEATURES].values, d.name, d.weight),
    "categories for values": lambda d: (d[FEATURES].values, names_as_categories(d), d.weight),
    "known lengths": lambda d: (d[FEATURES].values.compute_chunk_sizes(), d.label, d.weight),
    "an array in memory": lambda d: (d[FEATURES].values.compute_chunk_sizes(), table().label, None),
}
# Its rows come in another order each time that it is computed.
SHUFFLED = {"shuffle": lambda d: (lambda s: (s[FEATURES], s.label, s.weight))(d.shuffle("f1"))}
LABELS = {"blue": 0, "green": 1, "red": 2}


def number(labels):
    """Labels as numbers, in one dimension."""
    return np.array([LABELS.get(label, label) for label in np.ravel(labels)], dtype=int)


@pytest.mark.parametrize("taken", (TAKEN | SHUFFLED).values(), ids=TAKEN | SHUFFLED)
def test_each_row_meets_its_own_label_and_weight(files, taken):
    X, y, weight = taken(files)
    partitions = Partitions(X=X, y=y, sample_weight=weight)
    for X_part, y_part, weight_part in dask.compute(partitions.parts)[0]:
        row = np.asarray(X_part)[:, 0]
        np.testing.assert_array_equal(number(y_part), row.astype(int) % 3)
        if weight is not None:
            np.testing.assert_array_equal(weight_part, row + 1)


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_a_fit_to_files_is_that_to_arrays_of_their_partitions(files, taken):
    X, y, weight = taken(files)
    model = BatchNormMLPClassifier(**FEW).fit(X, y, weight)
    parts = dask.compute(Partitions(X=X, y=y, sample_weight=weight).parts)[0]
    sizes = [len(part[0]) for part in parts]
    arrays = [in_parts(np.concatenate([part[i] for part in parts]), sizes) for i in (0, 1)]
    if weight is not None:
        arrays.append(in_parts(np.concatenate([part[2] for part in parts]), sizes))
    arrays[1] = arrays[1].ravel()
    expected = BatchNormMLPClassifier(**FEW).fit(*arrays)
    assert list(model.classes_) == list(expected.classes_)
    assert all(np.array_equal(a, b) for a, b in zip(model.coefs_, expected.coefs_, strict=True))


def test_partitions_are_those_of_the_frame(files):
    partitions = Partitions(X=files[["f0", "f1"]], y=files.label, sample_weight=files.weight)
    assert len(partitions.parts) == files.npartitions == len(SIZES)
    assert [len(part[1]) for part in dask.compute(partitions.parts)[0]] == list(SIZES)


def test_files_are_read_once_for_all_columns(files):
    partitions = Partitions(X=files[FEATURES], y=files.label, sample_weight=files.weight)
    of_first = dask.delayed(list)(partitions.parts[0])
    keys = dask.optimization.cull(dict(of_first.dask), [of_first.key])[0]
    assert len([key for key in keys if str(key).startswith("('read")]) == 1


@pytest.mark.parametrize("name", PAIRS)
def test_targets_and_weights_of_validation_rows_are_theirs(files, name):
    Ours, _ = PAIRS[name]
    column = "label" if name == "classifier" else "value"
    rows = {"X": files[FEATURES], "y": files[column], "sample_weight": files.weight}
    validation_data = {f"{key}_val": value for key, value in rows.items() if key != "sample_weight"}
    validation_data["sample_weight_val"] = files.weight
    in_memory = dict(zip(validation_data, dask.compute(*validation_data.values()), strict=True))
    ours, expected = (
        Ours(**FEW, early_stopping=True).fit(**rows, **of_rows)
        for of_rows in (validation_data, in_memory)
    )
    assert np.array_equal(ours.coefs_[0], expected.coefs_[0])
    for curve in ("validation_scores_", "validation_loss_curve_"):
        np.testing.assert_allclose(getattr(ours, curve), getattr(expected, curve), rtol=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_rows_that_early_stopping_holds_out_keep_their_targets(files, name):
    column = "label" if name == "classifier" else "value"
    parameters = {**FEW, "early_stopping": True, "validation_fraction": 0.3}
    ours = PAIRS[name][0](**parameters).fit(files[FEATURES], files[column], files.weight)
    arrays = (in_parts(table()[part], SIZES) for part in (FEATURES, column, "weight"))
    expected = PAIRS[name][0](**parameters).fit(*arrays)
    assert ours.validation_scores_ == expected.validation_scores_
    assert np.array_equal(ours.coefs_[0], expected.coefs_[0])


def test_partial_fit_takes_files(files):
    ours, expected = BatchNormMLPClassifier(**FEW), BatchNormMLPClassifier(**FEW)
    arrays = [in_parts(table()[part], SIZES) for part in (FEATURES, "label", "weight")]
    classes = files.label.unique()
    for _ in range(3):
        ours.partial_fit(files[FEATURES], files.label, files.weight, classes=classes)
        expected.partial_fit(*arrays, classes=[0, 1, 2])
    assert np.array_equal(ours.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("name", PAIRS)
def test_files_are_predicted_and_scored(files, name):
    column = "label" if name == "classifier" else "value"
    model = PAIRS[name][0](**FEW).fit(files[FEATURES], files[column])
    rows, metric = table(), accuracy_score if name == "classifier" else r2_score
    predicted = model.predict(rows[FEATURES])
    # The rounding of float32 products depends on the number of rows in a block.
    np.testing.assert_allclose(model.predict(files[FEATURES]), predicted, rtol=1e-5)
    expected = metric(rows[column], predicted, sample_weight=rows.weight)
    for X in (files[FEATURES], rows[FEATURES]):
        score = model.score(X, files[column], sample_weight=files.weight)
        assert score == pytest.approx(expected)


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_statistics_of_files_are_those_of_a_local_fit(files, taken):
    X, _, weight = taken(files)
    ours = BatchNormalizer().fit(X, sample_weight=weight).partial_fit(X, sample_weight=weight)
    rows, weights = (None if a is None else np.asarray(dask.compute(a)[0]) for a in (X, weight))
    local = skbn.BatchNormalizer().fit(rows, sample_weight=weights)
    local.partial_fit(rows, sample_weight=weights)
    np.testing.assert_allclose(ours.mean_, local.mean_, rtol=1e-6)
    np.testing.assert_allclose(ours.var_, local.var_, rtol=1e-6)


@pytest.mark.parametrize("columns", [FEATURES, ["f0", "f1"]])
@pytest.mark.parametrize("method", ["transform", "inverse_transform", "normalize_batch"])
def test_files_are_normalized_row_by_row(files, columns, method):
    normalizer = BatchNormalizer().fit(files[columns])
    local, rows = normalizer.to_local(), table()[columns]
    result = getattr(normalizer, method)(files[columns])
    assert isinstance(result, dd.DataFrame)
    np.testing.assert_allclose(result, getattr(local, method)(rows), atol=1e-9)


def test_weights_of_a_batch_are_those_of_its_rows(files):
    result = BatchNormalizer().normalize_batch(files[["f0", "f1"]], sample_weight=files.weight)
    local = skbn.BatchNormalizer()
    expected = local.normalize_batch(table()[["f0", "f1"]], sample_weight=table().weight)
    np.testing.assert_allclose(result, expected)


def test_normalized_files_are_trained_on(files):
    normalizer = BatchNormalizer().fit(files[FEATURES])
    partitions = Partitions(X=normalizer.transform(files[FEATURES]), y=files.label)
    for X_part, y_part in dask.compute(partitions.parts)[0]:
        row = normalizer.inverse_transform(X_part)[:, 0].round()
        np.testing.assert_array_equal(y_part, row.astype(int) % 3)


def test_frames_that_know_their_divisions_are_taken_row_by_row():
    rows = table()
    X, y = dd.from_pandas(rows[FEATURES], npartitions=3), dd.from_pandas(rows.label, npartitions=5)
    for X_part, y_part in dask.compute(Partitions(X=X, y=y).parts)[0]:
        np.testing.assert_array_equal(y_part, X_part.f0.astype(int) % 3)


def test_a_weight_for_all_rows_needs_no_lengths(files):
    data = files[FEATURES], files.label
    one = BatchNormMLPClassifier(**FEW).fit(*data, 2.0)
    lazy = BatchNormMLPClassifier(**FEW).fit(*data, files.weight.min() * 2)
    each = BatchNormMLPClassifier(**FEW).fit(*data, files.weight * 0 + 2)
    assert np.array_equal(one.coefs_[0], each.coefs_[0])
    assert np.array_equal(lazy.coefs_[0], each.coefs_[0])


FEWER = {
    "filter": lambda part, files: part[files.f1 > 0],
    "values of a filter": lambda part, files: part[files.f1 > 0].values,
    "fewer files": lambda part, files: part.partitions[:-1],
}
OF_ROWS = ("y", "sample_weight", "X_val", "y_val", "sample_weight_val")


def training(files):
    """The arguments of fit."""
    data = {"X": files[FEATURES], "y": files.label, "sample_weight": files.weight}
    return data | {f"{name}_val": value for name, value in data.items()}


@pytest.mark.parametrize("name", OF_ROWS)
@pytest.mark.parametrize("fewer", FEWER.values(), ids=FEWER)
def test_other_numbers_of_rows_are_refused_by_name(files, name, fewer):
    model = BatchNormMLPClassifier(**FEW).fit(files[FEATURES], files.label)
    state, data = dict(vars(model)), training(files)
    data[name] = fewer(data[name], files)
    names = "X_val has .* rows, and y_val" if name == "X_val" else f"X.* rows, and {name}"
    with pytest.raises(ValueError, match=rf"inconsistent numbers of samples: {names} \d+"):
        model.fit(**data)
    assert vars(model) == state


@pytest.mark.parametrize("name", ["y", "sample_weight", "y_val", "sample_weight_val"])
def test_what_is_in_memory_needs_known_lengths(files, name):
    data = training(files)
    data[name] = data[name].compute()
    with pytest.raises(ValueError, match=f"{name} must be a collection of Dask, because .* X"):
        BatchNormMLPClassifier(**FEW).fit(**data)


def test_scores_take_rows_in_memory_beside_files(files):
    model, rows = BatchNormMLPClassifier(**FEW).fit(files[FEATURES], files.label), table()
    expected = model.score(rows[FEATURES], rows.label, rows.weight)
    assert model.score(files[FEATURES], rows.label, files.weight) == expected
    assert model.score(files[FEATURES], files.label, rows.weight) == expected


def test_scores_of_shuffled_files_take_each_row_with_its_label(files):
    labels = files.f0.astype(int)  # each of them once
    model = BatchNormMLPClassifier(**FEW).fit(files[FEATURES], files.label)
    predicted = pd.Series(model.predict(table()[FEATURES]))
    shuffled = files.assign(predicted=labels.map(predicted, meta=("predicted", int)))
    shuffled = shuffled.shuffle("f1")
    assert model.score(shuffled[FEATURES], shuffled.predicted) == 1.0


@pytest.mark.parametrize("persisted", [False, True])
def test_files_are_learned_from_on_processes(client, files, persisted):
    data = files[FEATURES], files.label, files.weight
    expected = BatchNormMLPClassifier(**FEW).fit(*data)
    with client.as_current():
        read = files.persist() if persisted else files
        data = read[FEATURES], read.label, read.weight
        model = BatchNormMLPClassifier(**FEW).fit(*data)
        assert model.score(*data) == expected.score(table()[FEATURES], *dask.compute(*data[1:]))
    assert np.array_equal(model.coefs_[0], expected.coefs_[0])


def test_rows_of_files_are_not_for_recalibrate(files):
    model = BatchNormMLPClassifier(**FEW).fit(files[FEATURES], files.label)
    with pytest.raises(ValueError, match=r"recalibrate needs rows in memory, .* X\.compute\(\)"):
        model.recalibrate(files[FEATURES])
    model.recalibrate(files[FEATURES].compute(), files.weight)
