"""What a fit to partitions asks of Dask: the number of tasks, and what each round computes."""

import dask
import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback
from on_dask.models import SMALL, problem
from on_dask.parts import SIZES, collection, in_parts

from skbn.dask import BatchNormalizer, BatchNormMLPClassifier, _workers

X, y = problem("classifier")
N_PARTS = len(SIZES["many"])


def n_tasks(function, *arguments):
    """How many tasks a function computes on threads."""
    keys = set()
    with Callback(pretask=lambda key, *_: keys.add(key)):
        function(*arguments)
    return len(keys)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_reading_a_partition_is_no_task_of_its_own(kind):
    rows, labels = (collection(array, SIZES["many"], kind) for array in (X, y))
    weight = collection(np.ones(len(X)), SIZES["many"], kind)
    # A pass over all partitions, and a tree that merges groups of 8.
    assert n_tasks(BatchNormalizer().fit, rows, weight) == N_PARTS + 3 + 1
    model = BatchNormMLPClassifier(**SMALL).fit(rows, labels)
    assert n_tasks(model.score, rows, labels) == N_PARTS


def test_tasks_that_several_partitions_need_run_once():
    read = []

    def rows_of_all():
        read.append(1)
        return X

    everything = dask.delayed(rows_of_all, pure=True)()
    blocks = [da.from_delayed(everything[50 * i : 50 * i + 50], (50, 6), float) for i in range(4)]
    BatchNormalizer().fit(da.concatenate(blocks))
    assert len(read) == 1


def test_weights_are_scaled_once_and_not_in_each_round(monkeypatch):
    scaled, scale = [], _workers.scaled_weights
    monkeypatch.setattr(_workers, "scaled_weights", lambda w: scaled.append(len(w)) or scale(w))
    parts = [in_parts(array, SIZES["equal"]) for array in (X, y, np.ones(len(X)))]
    BatchNormMLPClassifier(**SMALL | {"batch_size": 10, "sync_every": 1}).fit(*parts)
    assert scaled == list(SIZES["equal"])
