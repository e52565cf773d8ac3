"""Small partitions are grouped, and a group trains as one partition."""

import numpy as np
import pandas as pd
import pytest
from on_dask.models import PAIRS, SMALL, N, problem
from on_dask.parts import SIZES, in_parts
from scipy import sparse

from skbn.dask import BatchNormMLPClassifier, _grouping
from skbn.dask._workers import PartitionRows

GROUPS = {
    "none": ([], []),
    "one partition": ([3], [[0]]),
    "less than a group": ([3, 4], [[0, 1]]),
    "large ones": ([10, 12, 11], [[0], [1], [2]]),
    "small ones": ([4, 4, 4, 9, 2, 3], [[0, 1, 2], [3, 4, 5]]),
    "a rest": ([10, 10, 3], [[0], [1, 2]]),
}


@pytest.mark.parametrize("n_rows", GROUPS)
def test_neighbours_are_grouped_until_a_group_has_enough_rows(n_rows, monkeypatch):
    monkeypatch.setattr(_grouping, "MIN_ROWS", 10)
    n_rows, expected = GROUPS[n_rows]
    assert [list(group) for group in _grouping.groups_of(n_rows)] == expected


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("sizes", ["equal", "many"])
def test_a_group_of_all_partitions_trains_as_one_partition(name, sizes, monkeypatch):
    monkeypatch.setattr(_grouping, "MIN_ROWS", N)
    X, y = problem(name)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, N)
    grouped, whole = (
        PAIRS[name][0](**SMALL).fit(*(in_parts(a, of) for a in (X, y, weight)))
        for of in (SIZES[sizes], (N,))
    )
    for a, b in zip(grouped.coefs_, whole.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_held_out_rows_stay_those_of_their_partitions(monkeypatch):
    monkeypatch.setattr(_grouping, "MIN_ROWS", N)
    X, y = problem("classifier")
    parts = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
    model = BatchNormMLPClassifier(**SMALL, early_stopping=True).fit(*parts)
    assert len(model.validation_scores_) == SMALL["max_iter"]
    assert model.t_ == SMALL["max_iter"] * N * 9 // 10


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_the_rows_of_a_group_keep_their_order(container):
    X = np.arange(10.0).reshape(5, 2)
    parts = [
        PartitionRows(3, np.array([1]), np.array([0]), container(X[:2]), np.arange(2)),
        PartitionRows(4, np.array([0, 2]), np.array([1]), container(X[2:]), np.arange(2, 5)),
    ]
    rows = _grouping.merged_rows(parts)
    dense = rows.X if container is np.asarray else rows.X.toarray()
    np.testing.assert_array_equal(dense, X)
    np.testing.assert_array_equal(rows.targets, np.arange(5))
    np.testing.assert_array_equal(rows.index, [1, 2, 4])
    np.testing.assert_array_equal(rows.index_val, [0, 3])
    assert rows.weight is None


def test_tables_with_categories_are_grouped(monkeypatch):
    import dask.dataframe as dd

    monkeypatch.setattr(_grouping, "MIN_ROWS", N)
    X, y = problem("classifier")
    frame = pd.DataFrame(X).rename(columns=str).assign(kind=np.where(y > 0, "a", "b"))
    collection = dd.from_pandas(frame, npartitions=4)
    model = BatchNormMLPClassifier(**SMALL).fit(collection, in_parts(y, SIZES["equal"]))
    assert model.score(collection, in_parts(y, SIZES["equal"])) > 0.6
