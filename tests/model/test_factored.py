"""A first layer of two factors, against the weights that their products are."""

import numpy as np
import pytest
from model.test_network import central_differences

from skbn._backends.cpu import CPU
from skbn._model import Network, Workspace
from skbn._model.factored import N_DIMENSIONS
from skbn._model.input_norm import InputNorm
from skbn._model.inputs import rows_of
from skbn._model.tables import Table

N, N_NUMBERS, SIZES = 23, 2, (3, 7, 5)
EMBEDDED = {"none is one-hot": SIZES, "some are": SIZES[1:]}
embedded = pytest.mark.parametrize("embedded", EMBEDDED.values(), ids=EMBEDDED.keys())


def codes(rng):
    """Codes of columns of SIZES categories, some of them unknown."""
    starts = np.cumsum([0, *SIZES[:-1]])
    of_columns = [start + rng.integers(0, k, N) for start, k in zip(starts, SIZES, strict=True)]
    codes = np.stack(of_columns, axis=1).astype(np.int32)
    codes[rng.random(codes.shape) < 0.1] = -1
    return codes


class Problem:
    """A network on a batch of a Table, whose loss is a fixed sum of the logits."""

    def __init__(self, embedded, n_numbers=N_NUMBERS):
        rng = np.random.default_rng(0)
        norm = InputNorm.unchanged(n_numbers)._replace(n_categories=sum(SIZES), embedded=embedded)
        units, settings = [norm.n_inputs, 6, 2], {"activation": "tanh", "embedded": embedded}
        self.network = Network(units, dtype=np.float64, device=CPU, **settings)
        self.network.initialize(np.random.RandomState(0))
        self.table = Table(rng.normal(size=(N, n_numbers)), codes(rng))
        rows = rows_of(self.table, norm, self.network.dtype)
        self.workspace = Workspace(self.network, rows, N)
        self.batch, self.delta = self.workspace.batch(N), rng.normal(size=(N, 2))
        self.batch.take(np.arange(N))

    def __call__(self):
        return float((self.network.forward(self.batch) * self.delta).sum())

    def gradients(self):
        self()
        self.batch.delta[...] = self.delta
        self.network.backward(self.batch)
        return self.workspace.grads

    def inputs(self):
        """The numbers, and beside them the one-hot columns."""
        is_one = self.table.codes[:, :, None] == np.arange(sum(SIZES))
        return np.hstack([self.table.numbers, is_one.sum(axis=1)])


@embedded
@pytest.mark.parametrize("n_numbers", [N_NUMBERS, 0])
def test_gradients_are_the_central_differences(embedded, n_numbers):
    problem = Problem(embedded, n_numbers)
    gradients = problem.gradients().copy()
    expected = central_differences(problem, problem.network.params)
    np.testing.assert_allclose(gradients, expected, rtol=1e-6, atol=1e-7)


@embedded
def test_the_output_is_the_product_with_all_weights(embedded):
    problem = Problem(embedded)
    problem()
    first, buffers = problem.batch.layers[0]
    weights = first.all_weights()
    assert weights.shape == (N_NUMBERS + sum(SIZES), 6)
    np.testing.assert_allclose(buffers.out, problem.inputs() @ weights, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(problem.network.fold(1)[0][0], weights)


@embedded
def test_dropped_inputs_have_no_weights(embedded):
    problem = Problem(embedded)
    first = problem.network.dense[0]
    before, is_dropped = first.all_weights(), np.arange(sum(SIZES)) % 3 == 1
    problem.network.drop_last_inputs(is_dropped)
    kept = np.concatenate([np.ones(N_NUMBERS), ~is_dropped])
    np.testing.assert_array_equal(first.all_weights(), before * kept[:, None])


def test_factors_and_weights_that_are_loaded_are_returned():
    first, other = (Problem(SIZES[1:]).network.dense[0] for _ in range(2))
    first.embedding *= 3.0
    first.weight += 1.0
    other.load(first.all_weights(), first.factors())
    np.testing.assert_array_equal(other.all_weights(), first.all_weights())
    for ours, theirs in zip(other.factors(), first.factors(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_both_factors_decay():
    network = Problem(SIZES[1:]).network
    factors = network.dense[0].factors()
    n_one_hot = (N_NUMBERS + SIZES[0]) * 6
    assert [factor.shape for factor in factors] == [(12, N_DIMENSIONS), (2 * N_DIMENSIONS, 6)]
    assert network.decayed.size == n_one_hot + sum(f.size for f in factors) + 6 * 2


def test_without_hidden_layers_nothing_is_embedded():
    network = Network([17, 2], activation="tanh", dtype=np.float64, device=CPU, embedded=(7, 5))
    assert network.dense[0].weight.shape == (17, 2)
    assert network.dense[0].factors() is None
