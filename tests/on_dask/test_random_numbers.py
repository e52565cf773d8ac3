"""Partitions of the same rows draw other masks, orders and rows to hold out."""

import numpy as np
import pytest
from on_dask.models import PAIRS, problem
from on_dask.parts import in_parts

from skbn.dask import BatchNormMLPClassifier, _rounds
from skbn.dask._preparing import rows_of_partition
from skbn.dask._workers import PartitionRows, RoundConfig

PLAIN = {
    "hidden_layer_sizes": (16,),
    "solver": "sgd",
    "learning_rate": "constant",
    "batch_norm": False,
    "batch_size": 10,
    "dropout": 0.0,
    "shuffle": False,
    "dtype": "float64",
    "max_iter": 2,
    "random_state": 0,
    "sync_every": 1,
    "numeric_encoding": None,
}
DRAWS = {"masks of dropout": {"dropout": 0.5}, "orders of rows": {"shuffle": True}}


def fitted_twice(name, parameters):
    """The first weights after a fit to rows, and after one to two partitions that have them."""
    X, y = (array[:50] for array in problem(name))
    sets = ((X, y), (np.concatenate([X, X]), np.concatenate([y, y])))
    models = [PAIRS[name][0](**PLAIN | parameters) for _ in sets]
    parts = [[in_parts(array, [50] * (len(array) // 50)) for array in rows] for rows in sets]
    return [model.fit(*rows).coefs_[0] for model, rows in zip(models, parts, strict=True)]


@pytest.mark.parametrize("name", PAIRS)
def test_equal_partitions_that_draw_nothing_are_one(name):
    np.testing.assert_allclose(*fitted_twice(name, {}), rtol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("parameters", DRAWS.values(), ids=DRAWS)
def test_equal_partitions_draw_other(name, parameters):
    one, two = fitted_twice(name, parameters)
    assert abs(one - two).max() > 1e-4


def test_equal_partitions_hold_out_other_rows():
    X, y = problem("classifier")
    model = BatchNormMLPClassifier(max_iter=1, random_state=0).fit(X, y)
    of_both = model, model._targets(), X.dtype, 0.2, 5
    of_parts = [rows_of_partition(*of_both, i, X, y, None) for i in range(2)]
    validation_data = [rows.index_val for rows in of_parts]
    assert [len(index) for index in validation_data] == [40, 40]
    assert not np.array_equal(*validation_data)


def test_epochs_have_other_orders():
    rows = PartitionRows(0, np.arange(50), np.arange(0))
    config = RoundConfig(
        BatchNormMLPClassifier(), None, np.float32, 10, 50, None, seed=0, dropout_seed=0
    )
    first, second = rows.order(config, 0), rows.order(config, 1)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), np.sort(second))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_calls_that_go_on_have_other_orders(monkeypatch, method):
    def recorded(config, rows, state, epoch, *bounds):
        epochs.append(epoch)
        return train_round(config, rows, state, epoch, *bounds)

    epochs, train_round = [], _rounds.train_round
    monkeypatch.setattr(_rounds, "train_round", recorded)
    X, y = problem("regressor")
    model = PAIRS["regressor"][0](**PLAIN | {"warm_start": True, "sync_every": None})
    for _ in range(2):
        getattr(model, method)(in_parts(X, [200]), in_parts(y, [200]))
    n_epochs = {"fit": 2 * PLAIN["max_iter"], "partial_fit": 2}
    assert len(epochs) == len(set(epochs)) == n_epochs[method]
