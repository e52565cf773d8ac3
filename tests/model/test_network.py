"""The numerical core: gradients by central differences, buffers, inference."""

import pickle
from itertools import pairwise

import helpers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_iris

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._backends.cpu import CPU
from skbn._model import ACTIVATIONS, Network, Workspace, near_equal_bounds
from skbn._model import folded as folded_module
from skbn._model.folded import FoldedNetwork
from skbn._model.input_norm import InputNorm
from skbn._model.inputs import rows_of
from skbn._model.layers import BatchNormReluDropout, Dropout
from skbn._model.losses import (
    BinaryCrossEntropy,
    PoissonDeviance,
    SoftmaxCrossEntropy,
    SquaredError,
)
from skbn._statistics import host
from skbn._statistics.moments import RunningMoments

N, UNITS = 23, [4, 6, 5, 3]
IDENTITY = InputNorm.unchanged(4)
NORMS = {"plain": {"batch_norm": False}, "batch_norm": {}, "ghosts": {"virtual_batch_size": 6}}
X = np.random.default_rng(1).normal(size=(N, UNITS[0]))
LABELS = np.arange(N) % UNITS[-1]
# Of the rows in the statistics and in the loss, which class weights set apart.
WEIGHT = np.random.default_rng(2).random(N) * (np.arange(N) % 4 != LABELS)
WEIGHTS = WEIGHT, WEIGHT * (1 + LABELS) / (WEIGHT @ (1 + LABELS))
ONES = np.random.default_rng(3).integers(0, 2, (N, UNITS[-1])).astype(float)
TARGETS = np.random.default_rng(4).random((N, UNITS[-1])) * (ONES + 1)


def of_labels(smoothing):
    prior = np.arange(1, UNITS[-1] + 1) / np.arange(1, UNITS[-1] + 1).sum()
    return {"dtype": np.float64, "label_smoothing": smoothing, "prior": prior}


# Class, settings and targets of each.
LOSSES = {
    "softmax": (SoftmaxCrossEntropy, of_labels(0.0), LABELS),
    "smoothed softmax": (SoftmaxCrossEntropy, of_labels(0.1), LABELS),
    "binary": (BinaryCrossEntropy, of_labels(0.0), ONES),
    "smoothed binary": (BinaryCrossEntropy, of_labels(0.2), ONES),
    "squared_error": (SquaredError, {"n_outputs": UNITS[-1]}, TARGETS),
    "poisson": (PoissonDeviance, {"n_outputs": UNITS[-1]}, TARGETS * ONES),
}


class Problem:
    """A network on a batch of X, and its loss; parameters are drawn from a seed."""

    def __init__(self, loss="softmax", X=X, *, virtual_batch_size=None, alpha=0.0, **settings):
        settings = {"activation": "tanh", "dtype": np.float64, "device": CPU} | settings
        self.network = Network(UNITS, **settings)
        draw = np.random.RandomState(5)
        self.network.initialize(draw)
        self.network.params += 0.2 * draw.normal(size=self.network.params.size)
        self.rows = rows_of(X, IDENTITY, self.network.dtype)
        self.workspace = Workspace(self.network, self.rows, len(X), virtual_batch_size)
        make_loss, of_loss, self.all_targets = LOSSES[loss]
        self.loss, self.alpha = make_loss(CPU, **of_loss), alpha
        self.take(np.arange(len(X)))

    def take(self, index):
        self.batch, self.targets = self.workspace.batch(len(index)), self.all_targets[index]
        self.batch.take(index)
        return self

    def weigh(self, weight, share):
        self.batch.weight[:], self.batch.loss_weight[:] = weight, share
        return self

    def __call__(self):
        logits, batch = self.network.forward(self.batch), self.batch
        loss = np.empty(1)
        self.loss(logits, self.targets, batch.loss_weight, loss, batch.delta)
        return loss[0] + self.penalty()

    def penalty(self):
        return 0.5 * self.alpha * sum(np.sum(layer.weight**2) for layer in self.network.dense)

    def gradients(self):
        """Of the loss, with respect to all parameters and to the inputs."""
        self()
        self.network.backward(self.batch)
        self.network.add_penalty(self.alpha, np.empty(1), self.workspace.grads)
        first, buffers = self.batch.layers[0]
        return self.workspace.grads.copy(), buffers.delta @ first.weight.T

    def grads(self, layer):
        """The gradients of the parameters of a layer, by their names."""
        return next(buffers.grads for other, buffers in self.batch.layers if other is layer)

    def results(self):
        """Loss, gradients and running statistics of one step."""
        return self(), *self.gradients(), *self.network.state()[1]


def central_differences(function, values, step=1e-5):
    """∂function/∂values, an array that the function reads."""
    gradient = np.empty_like(values)
    for i in np.ndindex(values.shape):
        value = values[i]
        values[i] = value + step
        above = function()
        values[i] = value - step
        gradient[i] = (above - function()) / (2 * step)
        values[i] = value
    return gradient


def assert_close(value, expected, rtol):
    """To a relative error of the largest of the values."""
    np.testing.assert_allclose(value, expected, rtol=0, atol=rtol * np.abs(expected).max())


def assert_gradients(problem, rtol=1e-6):
    of_params, of_inputs = problem.gradients()
    assert_close(of_params, central_differences(problem, problem.network.params), rtol)
    assert_close(of_inputs, central_differences(problem, problem.batch.inputs), rtol)


@pytest.fixture(params=NORMS)
def norm(request):
    return NORMS[request.param]


# Gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    *helpers.pairwise(
        activation=list(ACTIVATIONS),
        loss=list(LOSSES),
        norm=NORMS,
        weighted={"": False, "weighted": True},
    )
)
def test_gradients_are_those_of_central_differences(activation, loss, norm, weighted):
    problem = Problem(loss, activation=activation, **norm)
    assert_gradients(problem.weigh(*WEIGHTS) if weighted else problem)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_with_penalty_and_the_dropout_of_one_step(activation, norm):
    problem = Problem(activation=activation, dropout=0.3, alpha=0.3, **norm).weigh(*WEIGHTS)
    problem.batch.seed, problem.batch.step = 7, 2
    assert_gradients(problem)
    with_dropout = Dropout, BatchNormReluDropout
    layers = problem.batch.layers
    dropped = [buffers.out for layer, buffers in layers if isinstance(layer, with_dropout)]
    assert all((out == 0).any() for out in dropped)
    assert len(dropped) == 2
    problem.network.add_penalty(0.3, penalty := np.empty(1), problem.workspace.grads)
    np.testing.assert_allclose(penalty, [problem.penalty()], rtol=1e-13)


def test_gradients_of_a_row_that_is_normalized_by_running_statistics():
    problem = Problem()
    problem()
    alone = Problem(X=X[:1])
    for layer, known in zip(alone.network.batch_norms, problem.network.batch_norms, strict=True):
        layer.running = known.running
    assert_gradients(alone)


# What batch normalization does not see --------------------------------------------------------


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("sign", [1, -1], ids=["positive", "negative"])
def test_the_size_of_the_weights_does_not_matter_their_sign_can_be_undone(layer, sign, rng):
    problem = Problem(epsilon=1e-200)
    dense, norm = problem.network.dense[layer], problem.network.batch_norms[layer]
    loss, _ = problem(), problem.gradients()
    of_weight, of_affine = problem.grads(dense)["weight"], problem.grads(norm)["affine"]
    weight_before, affine_before = of_weight.copy(), of_affine.copy()
    factor = sign * (0.1 + 10 * rng.random(UNITS[layer + 1]))
    dense.weight *= factor
    norm.affine[0] *= sign
    np.testing.assert_allclose(problem(), loss, rtol=1e-13)
    problem.gradients()
    assert_close(of_weight, weight_before / factor, 1e-11)
    assert_close(of_affine, affine_before * [[sign], [1]], 1e-11)


def test_gradients_are_orthogonal_to_the_weights_of_each_unit():
    problem = Problem(epsilon=1e-200)
    problem.gradients()
    for layer in problem.network.dense[:-1]:
        weight, grad = layer.weight, problem.grads(layer)["weight"]
        sizes = np.linalg.norm(weight, axis=0) * np.linalg.norm(grad, axis=0)
        assert (np.abs((weight * grad).sum(axis=0)) <= 1e-12 * sizes).all()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_weight_is_a_number_of_repetitions(batch_norm):
    rows, weight = np.arange(12), np.arange(12) % 4
    weighted = Problem(batch_norm=batch_norm).take(rows).weigh(weight, weight / 18)
    repeated = Problem(batch_norm=batch_norm).take(np.repeat(rows, weight))
    np.testing.assert_allclose(weighted(), repeated(), rtol=1e-13)
    assert_close(weighted.gradients()[0], repeated.gradients()[0], 1e-12)


def test_rows_without_weight_teach_nothing_even_in_a_ghost_batch_of_their_own():
    more, fewer = (Problem(virtual_batch_size=6).take(np.arange(n)) for n in (18, 12))
    weight = np.repeat([1.0, 0.0], [12, 6])
    more.weigh(weight, weight / 12)
    (_, _, grad, *values), (_, _, expected_grad, *expected) = more.results(), fewer.results()
    assert_close(grad[:12], expected_grad, 1e-12)
    assert (grad[12:] == 0).all()
    for value, other in zip(values, expected, strict=True):
        assert_close(value, other, 1e-12)


def test_running_statistics_forget_old_ghost_batches():
    problem = Problem(virtual_batch_size=6, momentum=0.3).weigh(*WEIGHTS)
    expected = RunningMoments.empty(UNITS[1])
    for _ in range(3):
        problem()
        bounds, z = problem.batch.bounds, problem.batch.layers[0][1].out
        for start, stop in pairwise(bounds):
            part = RunningMoments.of(z[start:stop], WEIGHTS[0][start:stop])
            expected = expected.forget(part, 0.3)
    running = RunningMoments(problem.network.batch_norms[0].running)
    np.testing.assert_allclose(running.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(running.variance(0), expected.variance(0), rtol=1e-12)


# Buffers --------------------------------------------------------------------------------------


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_parts_are_near_equal_and_not_smaller_than_asked_for(n, size):
    bounds = near_equal_bounds(n, size)
    parts = np.diff(bounds)
    assert (bounds[0], bounds[-1]) == (0, n)
    assert parts.max() - parts.min() <= 1
    assert parts.min() >= min(n, size)
    assert n <= size or parts.max() < 2 * size


@pytest.mark.parametrize("batch_norm", [False, True])
def test_parameters_are_views_that_fill_one_buffer(batch_norm):
    network = Network(UNITS, activation="relu", dtype=float, device=CPU, batch_norm=batch_norm)
    hidden = network.batch_norms or network.dense[:-1]
    arrays = [layer.weight for layer in network.dense]
    arrays += [layer.affine if batch_norm else layer.bias for layer in hidden]
    arrays.append(network.dense[-1].bias)
    network.params[:] = np.arange(network.params.size)
    assert all(np.shares_memory(array, network.params) for array in arrays)
    in_order = np.concatenate([array.ravel() for array in arrays])
    np.testing.assert_array_equal(in_order, network.params)
    assert network.decayed.size == sum(layer.weight.size for layer in network.dense)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_small_batch_in_used_buffers_is_computed_as_in_new_ones(norm, dropout):
    used, new = (Problem(X=rows, dropout=dropout, **norm) for rows in (X, X[:13]))
    start = used.network.state()
    used.gradients()
    used.network.restore(start)
    for value, expected in zip(used.take(np.arange(13)).results(), new.results(), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_sparse_and_dense_rows_give_the_same(norm):
    zeros = X * (np.abs(X) > 0.7)
    input_norm = InputNorm(np.stack([zeros.mean(axis=0), 1 / zeros.std(axis=0)]))
    dense, of_csr = (Problem(**norm).weigh(*WEIGHTS) for _ in range(2))
    dtype = dense.network.dtype
    dense.batch.rows = rows_of(zeros, input_norm, dtype)
    of_csr.batch.rows = rows_of(sparse.csr_array(zeros), input_norm, dtype)
    pair = (problem.take(np.arange(N)).results() for problem in (dense, of_csr))
    for value, expected in zip(*pair, strict=True):
        assert_close(value, expected, 1e-12)


# Inference ------------------------------------------------------------------------------------


def folded(problem):
    network = problem.network
    return FoldedNetwork(network.fold(), network.activation, "softmax", IDENTITY)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_folded_network_normalizes_by_running_statistics(activation, norm):
    problem = Problem(activation=activation, **norm)
    problem()
    problem.batch.weight[:] = 0.0  # a batch without weight has no statistics of its own
    logits = problem.network.forward(problem.batch)
    assert_close(folded(problem).logits(X), logits, 1e-13)


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_chunks_and_single_rows_give_what_the_whole_gives(activation, to_format, monkeypatch):
    problem = Problem(activation=activation)
    problem()
    network, given_rows = folded(problem), to_format(X)
    whole = network(given_rows)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-14)
    alone = np.concatenate([network(given_rows[i : i + 1]) for i in range(N)])
    assert_close(alone, whole, 1e-14)
    monkeypatch.setattr(host.HostPasses, "inference_values", 7 * network.width)
    monkeypatch.setattr(folded_module, "MIN_ROWS", 1)
    assert len(folded_module.row_chunks(N, network.width, CPU)) == 4
    assert_close(network(given_rows), whole, 1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_prediction_compiles_nothing(run_python, tmp_path):
    models = []
    for activation in ACTIVATIONS:
        settings = {"hidden_layer_sizes": 8, "activation": activation, "max_iter": 1}
        models.append(BatchNormMLPClassifier(**settings).fit(*load_iris(return_X_y=True)))
        models.append(BatchNormMLPClassifier(**settings).fit(np.eye(4), [0, 1, 0, 1]))
        models.append(BatchNormMLPRegressor("poisson", **settings).fit(np.eye(4), range(4)))
    path = tmp_path / "models.pickle"
    path.write_bytes(pickle.dumps(models))
    code = f"""
        import pickle, sys
        import numpy as np
        from scipy import sparse
        from skbn.kernels import cpu
        for model in pickle.load(open({str(path)!r}, "rb")):
            for X in (np.ones((300, 4)), np.ones((1, 4), np.float32), sparse.eye_array(4).tocsr()):
                model.predict(X)
        modules = [m for name, m in sys.modules.items() if name.startswith("skbn.kernels")]
        functions = [f for m in modules for f in vars(m).values()]
        functions += [f for formulas in cpu.ACTIVATIONS.values() for f in formulas]
        functions = [f for f in functions if hasattr(f, "signatures")]
        print(len(functions) > 30, [f.__name__ for f in functions if f.signatures])
    """
    assert run_python(code) == "True []\n"
