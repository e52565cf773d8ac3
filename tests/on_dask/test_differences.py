"""Partitions that differ in kind: the warning, and the exchange of rows that it recommends."""

import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from on_dask.models import PAIRS, SMALL, problem
from on_dask.parts import KINDS, SIZES, collection, in_parts, unknown
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification

from skbn.dask import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn.dask._exchange import exchange_rows, stages
from skbn.dask._partitions import Partitions

FEW = {**SMALL, "max_iter": 1}
N = 600
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 5))
CLASSES = RNG.integers(0, 6, N)
REMEDY = r"Set exchange_rows=True, or shuffle"


def warnings_of(fit, *arguments, **options):
    """The UserWarnings of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(*arguments, **options)
    return [str(warning.message) for warning in caught if warning.category is UserWarning]


def parts_of(*arrays, n=6):
    return [da.from_array(array, chunks=(N // n, *array.shape[1:])) for array in arrays]


def sorted_by(key, *arrays):
    order = np.argsort(key, kind="stable")
    return parts_of(*(array[order] for array in arrays))


def test_partitions_sorted_by_class_are_told_once_with_the_classes_of_one():
    (message,) = warnings_of(BatchNormMLPClassifier(**FEW).fit, *sorted_by(CLASSES, X, CLASSES))
    assert message.startswith("The partitions of X differ: partition ")
    assert " of 6 classes. Training in rounds learns less" in message
    assert REMEDY in message


def test_the_partition_with_the_fewest_classes_is_named():
    y = CLASSES.copy()
    y[100:200] = 3
    (message,) = warnings_of(BatchNormMLPClassifier(**FEW).fit, *parts_of(X, y))
    assert "partition 1 has 1 of 6 classes" in message


def test_other_fractions_of_all_classes_are_told():
    y = CLASSES % 2
    y[300:] = RNG.random(300) < 0.95
    y[:300] = RNG.random(300) < 0.05
    (message,) = warnings_of(BatchNormMLPClassifier(**FEW).fit, *parts_of(X, y))
    assert " of the variance of the classes is between partitions. " in message


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_partitions_sorted_by_target_are_told(loss):
    y = np.exp(X[:, 0])
    model = BatchNormMLPRegressor(**FEW, loss=loss)
    (message,) = warnings_of(model.fit, *sorted_by(y, X[:, 1:], y))
    assert "% of the variance of y is between partitions. " in message


def test_the_output_or_label_that_differs_is_named():
    y = np.column_stack([X[:, 1], X[:, 0]])
    (message,) = warnings_of(BatchNormMLPRegressor(**FEW).fit, *sorted_by(X[:, 0], X[:, 2:], y))
    assert "% of the variance of y[:, 1] is between partitions. " in message
    rows, labels = make_multilabel_classification(N, 5, n_classes=3, random_state=0)
    (message,) = warnings_of(
        BatchNormMLPClassifier(**FEW).fit, *sorted_by(labels[:, 2], rows, labels)
    )
    assert "% of the variance of y[:, 2] is between partitions" in message


def test_the_column_that_differs_most_is_named():
    table = pd.DataFrame(X, columns=list("abcde")).sort_values("d", ignore_index=True)
    table["c"] += table.d / 3
    rows = dd.from_pandas(table.assign(text="red"), npartitions=6)
    y = dd.from_pandas(pd.Series(CLASSES), npartitions=6)
    (message,) = warnings_of(BatchNormMLPClassifier(**FEW).fit, rows, y)
    assert "% of the variance of column 'd' is between partitions. " in message


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_random_partitions_are_not_told(sizes, seed):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(200, 40)), rng.lognormal(sigma=3, size=(200, 40))]
    rows = np.hstack([*rows, rng.random((200, 40)) < 0.02])
    weight = rng.exponential(size=200)
    for name, y in (("classifier", rng.integers(0, 20, 200)), ("regressor", rows[:, 41])):
        model = PAIRS[name][0](**FEW)
        data = [in_parts(array, sizes) for array in (rows, y, weight)]
        assert not warnings_of(model.fit, *data[:2])
        assert not warnings_of(model.fit, *data)


def test_a_difference_that_is_small_is_not_told_though_it_is_not_by_chance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20_000, 2)) + np.repeat([0.0, 0.4], 10_000)[:, None]
    y = (rng.random(20_000) < np.repeat([0.4, 0.6], 10_000)).astype(int)
    data = [in_parts(array, (10_000, 10_000)) for array in (rows, y)]
    assert not warnings_of(BatchNormMLPClassifier(**FEW).fit, *data)


def test_labels_of_rows_without_weight_are_no_difference():
    weight = np.ones(N)
    weight[:100] = 0.0
    y = CLASSES.copy()
    data = parts_of(X, y, weight)
    assert not warnings_of(BatchNormMLPClassifier(**FEW).fit, *data)
    assert not warnings_of(BatchNormMLPRegressor(**FEW).fit, *data)


def test_partial_fit_warns_as_fit_does():
    data = sorted_by(CLASSES, X, CLASSES)
    model = BatchNormMLPClassifier(**FEW)
    (message,) = warnings_of(model.partial_fit, *data, classes=range(6))
    assert "partition 0 has 1 of 6 classes" in message


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_exchange_of_rows_ends_the_difference(name, kind):
    y = CLASSES if name == "classifier" else X[:, 0]
    order = np.argsort(y, kind="stable")
    data = [collection(a[order], (100,) * 6, kind) for a in (X[:, 1:], y, np.abs(X[:, 1]))]
    model = PAIRS[name][0](**FEW, exchange_rows=True)
    assert not warnings_of(model.fit, *data)
    assert model.input_norm_.n_samples_seen_ == pytest.approx(np.abs(X[:, 1]).sum())
    assert warnings_of(model.set_params(exchange_rows=False).fit, *data)


def test_an_exchange_of_rows_restores_the_accuracy():
    centres = 2.0 * RNG.normal(size=(6, 5))
    rows = X + centres[CLASSES]
    unsorted, ordered = parts_of(rows, CLASSES), sorted_by(CLASSES, rows, CLASSES)
    model = BatchNormMLPClassifier(**{**SMALL, "max_iter": 20}, batch_size=20)
    expected = model.fit(*unsorted).score(rows, CLASSES)
    restored = model.set_params(exchange_rows=True).fit(*ordered).score(rows, CLASSES)
    assert restored > expected - 0.03


TAKEN = {
    "array": lambda table: (in_parts(table[["f0", "f1"]], SIZES["unequal"]),) * 2,
    "frame": lambda table: (dd.from_pandas(table, npartitions=4)[["f0", "f1"]],) * 2,
    "unknown": lambda table: (unknown(in_parts(table[["f0", "f1"]], SIZES["unequal"])),) * 2,
}


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_each_row_keeps_its_columns_and_comes_once(taken):
    table = pd.DataFrame({"f0": np.arange(200.0), "f1": -np.arange(200.0)})
    rows, targets = taken(table)
    before = Partitions(X=rows, y=targets, sample_weight=2.0)
    after = exchange_rows(before, seed=0)
    parts = da.compute(after.parts)[0]
    assert all(np.array_equal(X_part, y_part) for X_part, y_part, _ in parts)
    assert {weight for *_, weight in parts} == {2.0}
    found = np.concatenate([np.asarray(X_part)[:, 0] for X_part, *_ in parts])
    np.testing.assert_array_equal(np.sort(found), np.arange(200.0))


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_partitions_stay_of_one_size_and_have_rows_of_all(n):
    source = np.repeat(np.arange(n), 13)
    rows = da.from_array(source[:, None], chunks=(13, 1))
    parts = da.compute(exchange_rows(Partitions(X=rows), seed=1).parts)[0]
    sizes = [len(part) for (part,) in parts]
    assert min(sizes) >= 9
    assert max(sizes) <= 17
    n_sources = [len(np.unique(part)) for (part,) in parts]
    assert min(n_sources) >= min(n, 7)


@pytest.mark.parametrize("n", [33, 36, 37, 43, 50, 1000])
def test_two_stages_bring_each_partition_to_all(n):
    reached = [{i} for i in range(n)]
    for groups in stages(n):
        assert sorted(i for group in groups for i in group) == list(range(n))
        assert max(map(len, groups)) <= np.sqrt(n) + 1
        for group in groups:
            together = set.union(*(reached[i] for i in group))
            for i in group:
                reached[i] = together
    assert min(map(len, reached)) > 0.8 * n
    of_source = [sum(i in sources for sources in reached) for i in range(n)]
    assert min(of_source) > 0.8 * n


def test_the_same_rows_on_any_scheduler_and_on_processes(client):
    data = sorted_by(CLASSES, X, CLASSES)
    model = BatchNormMLPClassifier(**FEW, exchange_rows=True)
    expected = clone(model).fit(*data)
    with client.as_current():
        model.fit(*data)
    assert all(np.array_equal(a, b) for a, b in zip(model.coefs_, expected.coefs_, strict=True))


def test_errors_of_reading_name_the_partition_that_is_read():
    def fails(rows, block_id=None):
        if block_id[0] == 2:
            raise OSError("The disk is gone")
        return rows

    rows, y = parts_of(X, CLASSES)
    model = BatchNormMLPClassifier(**FEW, exchange_rows=True)
    with pytest.raises(OSError, match=r"In partition 2: The disk is gone"):
        model.fit(rows.map_blocks(fails, meta=rows._meta), y)


def test_errors_of_rows_say_that_rows_were_exchanged():
    rows = X.copy()
    rows[170, 0] = np.inf
    model = BatchNormMLPClassifier(**FEW, exchange_rows=True)
    with pytest.raises(ValueError, match=r"In partition \d after the exchange of rows: Input X"):
        model.fit(*parts_of(rows, CLASSES))


@pytest.mark.parametrize("name", PAIRS)
def test_the_parameter_is_one_of_the_estimators_for_collections_alone(name):
    Ours, Local = PAIRS[name]
    model = Ours(exchange_rows=True, sync_every=4)
    assert clone(model).get_params()["exchange_rows"] is True
    assert "exchange_rows=True" in repr(model)
    assert "exchange_rows" not in Local().get_params()
    rows, y = problem(name)
    local = model.set_params(**FEW).fit(in_parts(rows, [200]), in_parts(y, [200])).to_local()
    assert not {"exchange_rows", "sync_every"} & vars(local).keys()


def test_the_parameter_is_a_bool():
    with pytest.raises(ValueError, match="'exchange_rows' parameter"):
        BatchNormMLPClassifier(exchange_rows="no").fit(*parts_of(X, CLASSES))
