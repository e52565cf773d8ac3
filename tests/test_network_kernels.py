"""Every kernel of networks against NumPy, on arrays small enough for the interpreter.

Run with test_kernels under NUMBA_DISABLE_JIT=1 these tests reach every line of the kernels.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import network_oracle
import numpy as np
import pytest
from scipy.special import expit
from sklearn.neural_network._base import LOSS_FUNCTIONS
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from skbn.kernels import cpu, formulas

SHAPES = [(2, 1), (5, 3), (33, 8), (130, 40)]

# Exact in float32: the interpreter computes with these in the dtype of the arrays.
EPSILON, MOMENTUM = 2.0**-10, 0.25

# Hashes wrap around, of which the interpreter warns.
wraps_around = pytest.mark.filterwarnings(
    "ignore:overflow encountered in scalar (add|multiply):RuntimeWarning"
)


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[0.0, -np.inf], ids=["relu", "identity"])
def floor(request):
    return request.param


def normal(rng, shape, dtype, scale=1.0, offset=0.0):
    return (rng.normal(size=shape) * scale + offset).astype(dtype)


def assert_within(units, value, expected, scale, dtype):
    """That value errs by at most so many units in the last place of numbers such as scale."""
    error = np.abs(value - expected)
    assert (error <= units * np.finfo(dtype).eps * scale).all()


# Batch normalization


def dyadic(rng, n):
    """Weights of which float32 adds all digits."""
    return rng.integers(1, 64, n) / 16


WEIGHTS = {
    "no weights": lambda rng, n: np.ones(n),
    "weights": dyadic,
    "rows of weight 0": lambda rng, n: dyadic(rng, n) * (np.arange(n) % 2),
    "ghost batches of weight 0": lambda rng, n: dyadic(rng, n) * (np.arange(n) >= n // 2),
}


@pytest.fixture(params=WEIGHTS)
def weight(request):
    return request.param


@dataclass
class Batch:
    """A batch to normalize, after one that has been ``seen``."""

    z: np.ndarray
    weight: np.ndarray
    bounds: np.ndarray
    constants: np.ndarray
    gamma_beta: np.ndarray
    seen: list

    def __post_init__(self):
        self.inputs = self.z, self.weight, self.bounds, self.constants, self.gamma_beta
        self.oracle = network_oracle.BatchNorm(*self.inputs, self.seen)
        self.running = np.zeros((5, self.z.shape[1]))
        for rows, weight in self.seen:
            whole = np.array([0, len(rows)])
            self._forward(rows, weight, whole, self.constants, self.gamma_beta)

    def _forward(self, z, weight, bounds, constants, gamma_beta):
        self.statistics = np.empty((len(bounds) - 1, 3, z.shape[1]), z.dtype)
        out = np.empty_like(z)
        inputs = z, weight, bounds, constants, gamma_beta
        cpu.batch_norm_forward(*inputs, self.running, self.statistics, out)
        return out

    def forward(self):
        return self._forward(*self.inputs)

    def backward(self, delta):
        """∂ℓ/∂z and ∂ℓ/∂(γ, β) from ∂ℓ/∂out."""
        dz, grads = delta.copy(), np.full_like(self.gamma_beta, np.nan)
        cpu.batch_norm_backward(*self.inputs, self.statistics, grads, dz)
        return dz, grads


def batch(rng, shape, dtype, weight="no weights", n_ghosts=1, floor=-np.inf, offset=1.0):
    n, c = shape
    return Batch(
        normal(rng, shape, dtype, 2.0, offset),
        WEIGHTS[weight](rng, n).astype(dtype),
        np.linspace(0, n, min(n, n_ghosts) + 1).round().astype(np.int64),
        np.array([EPSILON, MOMENTUM, floor], dtype),
        normal(rng, (2, c), dtype),
        [(normal(rng, (7, c), dtype, 2.0, offset), dyadic(rng, 7).astype(dtype))],
    )


@pytest.fixture(params=[1, 2, 5], ids=["one batch", "2 ghost batches", "5 ghost batches"])
def a_batch(request, rng, shape, dtype, weight, floor):
    return batch(rng, shape, dtype, weight, request.param, floor)


def assert_running(running, seen, momentum=MOMENTUM):
    mean, variance = network_oracle.running(seen, momentum)
    our_mean = network_oracle.exact(running[cpu.MEAN]) + running[cpu.MEAN_ERROR]
    our_variance = running[cpu.M2] / running[cpu.WEIGHT]
    assert_within(32, our_mean, mean, np.sqrt(variance), np.float64)
    assert_within(32, our_variance, variance, variance, np.float64)


def digits_lost(oracle):
    """How many times squares about the first row of a ghost batch are those about its mean."""
    lost = np.empty_like(oracle.x_hat)
    for part in oracle.parts:
        lost[part] = 1 + oracle.x_hat[part][0] ** 2
    return lost


def x_hat_size(oracle):
    """What the rounding errors of x̂ are relative to."""
    return np.abs(oracle.x_hat) * digits_lost(oracle) + oracle.inverse_std * np.abs(oracle.z)


def test_batch_norm_forward_is_the_oracles(a_batch):
    expected, (gamma, beta) = a_batch.oracle, np.abs(a_batch.gamma_beta)
    scale = gamma * x_hat_size(expected) + beta
    assert_within(8, a_batch.forward(), expected.out, scale, a_batch.z.dtype)


def test_running_moments_follow_every_ghost_batch_that_has_weight(a_batch):
    a_batch.forward()
    assert_running(a_batch.running, a_batch.oracle.seen)
    total = sum(weight.sum() for _, weight in a_batch.oracle.seen)
    assert (a_batch.running[cpu.COUNT] == float(total)).all()


def test_batch_norm_backward_is_section_3_of_the_paper(a_batch, rng):
    expected, dtype = a_batch.oracle, a_batch.z.dtype
    delta = normal(rng, a_batch.z.shape, dtype)
    a_batch.forward()
    dz, (d_gamma, d_beta) = a_batch.backward(delta)
    expected_dz, (expected_gamma, expected_beta) = expected.gradient(delta)
    slope = np.abs(a_batch.gamma_beta[0]) * expected.inverse_std * digits_lost(expected)
    scale = slope * (1 + np.abs(expected.x_hat).max(axis=0)) ** 2
    assert_within(4, dz, expected_dz, scale, dtype)
    scale = (x_hat_size(expected) * np.abs(delta)).sum(axis=0)
    assert_within(2, d_gamma, expected_gamma, scale, dtype)
    assert_within(1, d_beta, expected_beta, np.abs(delta).sum(axis=0), dtype)


@pytest.mark.parametrize("argument", ["z", "gamma_beta"])
def test_batch_norm_backward_is_the_slope_of_the_forward_pass(argument, weight, floor, rng):
    ours = batch(rng, (9, 2), np.float64, weight, 2, floor)
    delta = rng.normal(size=(9, 2))

    def loss(x):
        return (replace(ours, **{argument: x}).forward() * delta).sum()

    slope = network_oracle.central_differences(loss, getattr(ours, argument), 1e-6)
    ours.forward()
    gradient = ours.backward(delta)[0 if argument == "z" else 1]
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-8)


def test_running_moments_start_without_bias(rng, dtype, weight):
    first = batch(rng, (32, 3), dtype, weight)
    first.running[:] = 0.0
    first.forward()
    assert_running(first.running, [(first.z, first.weight)])


@pytest.mark.parametrize("momentum", [0.0625, 0.5, 1.0])
def test_running_moments_forget_old_batches(momentum, rng, dtype):
    ours = batch(rng, (20, 3), dtype, n_ghosts=4)
    ours.constants[1] = momentum
    ours.running[:] = 0.0
    seen = []
    for offset in range(3):
        ours.z[:] = normal(rng, (20, 3), dtype, offset=offset)
        ours.forward()
        seen += [(ours.z[i : i + 5].copy(), np.ones(5)) for i in range(0, 20, 5)]
    assert_running(ours.running, seen, momentum)


def test_running_moments_go_on_from_those_of_all_rows(rng, dtype):
    ours, rows = batch(rng, (20, 3), dtype), normal(rng, (50, 3), dtype, 3.0)
    cpu.column_moments(rows, ours.running)
    ours.forward()
    # The rows weigh 1 − MOMENTUM against MOMENTUM, as a whole past of batches does.
    mean = (1 - MOMENTUM) * rows.mean(axis=0, dtype=np.longdouble) + MOMENTUM * ours.z.mean(
        axis=0, dtype=np.longdouble
    )
    np.testing.assert_allclose(ours.running[cpu.MEAN], mean.astype(float), rtol=1e-13)
    np.testing.assert_allclose(ours.running[cpu.WEIGHT], 1.0)


def test_a_batch_without_weight_leaves_the_running_moments_alone(rng, dtype):
    ours = batch(rng, (33, 8), dtype, n_ghosts=3)
    ours.weight[:] = 0.0
    before = ours.running.copy()
    ours.forward()
    assert (ours.running == before).all()


def test_a_batch_without_weight_has_no_gradient_through_statistics(rng, dtype):
    ours = batch(rng, (33, 8), dtype)
    ours.weight[:] = 0.0
    ours.forward()
    delta = normal(rng, (33, 8), dtype)
    dz, _ = ours.backward(delta)
    variance = network_oracle.running(ours.seen, MOMENTUM)[1]
    expected = ours.gamma_beta[0] / np.sqrt(variance + EPSILON) * delta
    assert_within(3, dz, expected, np.abs(expected), dtype)


def test_rows_without_weight_do_not_move_the_others(rng, dtype):
    ours = batch(rng, (33, 8), dtype, "rows of weight 0")
    before, light = ours.forward(), ours.weight == 0
    moved = replace(ours, z=np.where(light[:, None], ours.z * 3 - 1, ours.z)).forward()
    assert_within(16, moved[~light], before[~light], np.abs(before).max(axis=0), dtype)
    assert (moved[light] != before[light]).any()


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_large_mean_leaves_the_running_variance_its_digits(offset, rng, dtype):
    ours = batch(rng, (130, 4), dtype, "weights", offset=offset)
    ours.forward()
    assert_running(ours.running, ours.oracle.seen)


def test_nan_is_not_hidden_and_stays_in_its_column_and_ghost_batch(rng, dtype, floor):
    ours = batch(rng, (33, 8), dtype, n_ghosts=3, floor=floor)
    ours.z[15, 2] = np.nan
    expected = np.zeros((33, 8), dtype=bool)
    expected[slice(*ours.bounds[1:3]), 2] = True
    assert (np.isnan(ours.forward()) == expected).all()
    assert (np.isnan(ours.running[cpu.MEAN]) == (np.arange(8) == 2)).all()
    dz, _ = ours.backward(np.ones((33, 8), dtype))
    assert (np.isnan(dz) == expected).all()


# Layers


def test_at_least_keeps_nan(floor):
    assert np.isnan(formulas.at_least(floor, np.nan))


def test_no_gradient_passes_the_corner_of_the_rectifier(rng, dtype):
    ours = batch(rng, (5, 3), dtype, floor=0.0)
    ours.gamma_beta[:] = 0.0
    assert (ours.forward() == 0).all()
    assert (ours.backward(np.ones((5, 3), dtype))[1] == 0).all()


@pytest.mark.parametrize("given", [np.float32, np.float64], ids=["of float32", "of float64"])
def test_gather_rows_normalizes_the_rows_of_the_index(shape, given, dtype, rng):
    x, index = normal(rng, shape, given), rng.integers(0, shape[0], 2 * shape[0])
    mean_scale, out = rng.normal(size=(2, shape[1])), np.empty((len(index), shape[1]), dtype)
    cpu.gather_rows(x, index, mean_scale, out)
    mean, scale = network_oracle.exact(mean_scale)
    expected = (x[index] - mean) * scale
    assert_within(1, out, expected, np.abs(expected), dtype)


def test_gather_rows_keeps_the_digits_in_which_timestamps_differ(rng):
    seconds = rng.random((50, 1))
    x, mean_scale = 1.6e9 + seconds, np.array([[1.6e9], [1.0]])
    out = np.empty((50, 1), np.float32)
    cpu.gather_rows(x, np.arange(50), mean_scale, out)
    assert np.abs(out - seconds).max() <= 2.0**-22


def test_gather_rows_keeps_nan(dtype):
    out = np.empty((2, 2), dtype)
    cpu.gather_rows(np.array([[0.0, np.nan]]), np.zeros(2, int), np.ones((2, 2)), out)
    assert (np.isnan(out) == [False, True]).all()


def test_add_bias_is_the_oracles(shape, floor, dtype, rng):
    z, bias, out = normal(rng, shape, dtype), normal(rng, shape[1], dtype), np.empty(shape, dtype)
    cpu.add_bias(z, bias, dtype(floor), out)
    expected = network_oracle.exact(z) + bias
    assert_within(0.51, out, np.maximum(expected, floor), np.abs(expected), dtype)


def test_add_bias_keeps_nan(floor, dtype):
    out = np.empty((1, 2), dtype)
    cpu.add_bias(np.array([[0, np.nan]], dtype), np.ones(2, dtype), dtype(floor), out)
    assert (np.isnan(out) == [False, True]).all()


def test_bias_backward_is_the_gradient_of_the_rectifier_and_its_sum(shape, floor, dtype, rng):
    out = np.maximum(normal(rng, shape, dtype), dtype(floor))
    delta, grad = normal(rng, shape, dtype), np.full(shape[1], np.nan, dtype)
    expected = np.where(out > floor, delta, 0)
    cpu.bias_backward(out, dtype(floor), grad, delta)
    assert (delta == expected).all()
    total = network_oracle.exact(expected).sum(axis=0)
    assert_within(2, grad, total, np.abs(expected).sum(axis=0), dtype)


def test_bias_backward_keeps_nan(floor, dtype):
    delta, grad = np.array([[1, np.nan]], dtype), np.empty(2, dtype)
    cpu.bias_backward(np.ones((1, 2), dtype), dtype(floor), grad, delta)
    assert (np.isnan(delta) == [False, True]).all()
    assert (np.isnan(grad) == [False, True]).all()


def test_logistic_backward_is_the_derivative(shape, dtype, rng):
    out, delta = expit(normal(rng, shape, dtype, 3.0)), normal(rng, shape, dtype)
    p = network_oracle.exact(out)
    expected, scale = delta * p * (1 - p), np.abs(delta) * p
    cpu.logistic_backward(out, delta)
    assert_within(2, delta, expected, scale, dtype)


def test_tanh_backward_is_the_derivative(shape, dtype, rng):
    out, delta = np.tanh(normal(rng, shape, dtype, 2.0)), normal(rng, shape, dtype)
    expected, scale = delta * (1 - network_oracle.exact(out) ** 2), np.abs(delta)
    cpu.tanh_backward(out, delta)
    assert_within(2, delta, expected, scale, dtype)


ACTIVATIONS = {
    "logistic": (network_oracle.logistic, cpu.logistic_backward),
    "tanh": (np.tanh, cpu.tanh_backward),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_descend_along_their_slope(name, rng):
    activation, backward = ACTIVATIONS[name]
    x, delta = rng.normal(size=(4, 3)), np.ones((4, 3))
    slope = network_oracle.central_differences(lambda x: activation(x).sum(), x, 1e-6)
    backward(activation(x).astype(float), delta)
    np.testing.assert_allclose(delta, slope, rtol=1e-7)


# Dropout

SIGMAS = 5


def drop(x, rate, key=1):
    out = np.empty_like(x)
    cpu.dropout(x, x.dtype.type(rate), np.uint32(key), out)
    return out


def kept(shape, rate, key=1, dtype=np.float32):
    return drop(np.ones(shape, dtype), rate, key) != 0


@wraps_around
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_dropout_leaves_out_the_rate_of_values_and_keeps_their_mean(rate, dtype):
    ones = np.ones((150, 130), dtype)
    out = drop(ones, rate)
    sigma = np.sqrt(rate * (1 - rate) / out.size)
    assert abs((out == 0).mean() - rate) <= SIGMAS * sigma
    assert abs(out.mean(dtype=float) - 1) <= SIGMAS * sigma / (1 - rate)


@wraps_around
def test_dropout_scales_what_it_keeps(shape, dtype, rng):
    rate, x = 0.3, normal(rng, shape, dtype)
    mask = kept(shape, rate, dtype=dtype)
    expected = np.where(mask, x / (1 - network_oracle.exact(dtype(rate))), 0)
    assert_within(1, drop(x, rate), expected, np.abs(expected), dtype)


@wraps_around
def test_dropout_of_a_tiny_rate_keeps_everything(dtype, rng):
    x = normal(rng, (33, 8), dtype)
    np.testing.assert_allclose(drop(x, 1e-12), x, rtol=max(2e-12, np.finfo(dtype).eps))


@wraps_around
def test_dropout_of_a_rate_next_to_1_keeps_nothing_and_stays_finite(dtype):
    rate = np.nextafter(dtype(1), dtype(0))
    assert not drop(np.ones((33, 8), dtype), rate).any()


@wraps_around
def test_dropout_of_a_gradient_has_the_mask_of_the_forward_pass(shape, dtype, rng):
    x, delta = normal(rng, shape, dtype), normal(rng, shape, dtype)
    out, gradient = drop(x, 0.5), drop(delta, 0.5)
    cpu.dropout(delta, dtype(0.5), np.uint32(1), delta)
    assert (delta == gradient).all()
    assert ((out == 0) == (delta == 0)).all()


@wraps_around
def test_dropout_does_not_look_at_the_values(dtype):
    mask = kept((33, 8), 0.5, dtype=dtype)
    out = drop(np.full((33, 8), np.nan, dtype), 0.5)
    assert (np.isnan(out) == mask).all()
    assert (out[~mask] == 0).all()


@wraps_around
def test_dropout_of_a_part_is_the_part_of_the_whole():
    assert (kept((33, 8), 0.5) == kept((130, 40), 0.5)[:33, :8]).all()
    assert (kept((33, 8), 0.5, dtype=np.float64) == kept((33, 8), 0.5)).all()


KEYS = [0, 1, 2, 3, 2**31, 2**32 - 2, 2**32 - 1]


@pytest.fixture(scope="module")
def signs():
    """1 where a value is kept at rate 1/2, else −1, by key."""
    return {key: kept((150, 130), 0.5, key) * 2.0 - 1 for key in KEYS}


def assert_uncorrelated(a, b):
    assert abs((a * b).mean()) <= SIGMAS / np.sqrt(a.size)


@wraps_around
def test_masks_of_different_keys_are_uncorrelated(signs):
    for a, b in combinations(KEYS, 2):
        assert_uncorrelated(signs[a], signs[b])
        assert_uncorrelated(signs[a][1:], signs[b][:-1])


@wraps_around
@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8, 16, 32, 64, 128])
def test_neighbouring_rows_and_columns_of_a_mask_are_uncorrelated(lag, signs):
    for mask in signs.values():
        assert_uncorrelated(mask[lag:], mask[:-lag])
        assert_uncorrelated(mask[:, lag:], mask[:, :-lag])
        assert_uncorrelated(mask[lag:, lag:], mask[:-lag, :-lag])


@wraps_around
def test_no_two_rows_or_columns_of_a_mask_are_alike(signs):
    for mask in signs.values():
        for vectors in (mask, mask.T):
            n, length = vectors.shape
            correlations = vectors @ vectors.T / np.sqrt(length) - np.sqrt(length) * np.eye(n)
            assert np.abs(correlations).max() <= SIGMAS + 1


@wraps_around
def test_a_hash_is_lowbias32_and_can_be_undone():
    for x in [*range(300), 2**31, 2**32 - 1, *range(5, 2**32, 2**32 // 300)]:
        ours = int(formulas.scrambled(np.uint32(x)))
        assert ours == network_oracle.scrambled(x)
        assert network_oracle.unscrambled(ours) == x


@wraps_around
def test_hashes_of_neighbours_do_not_collide():
    assert len({int(formulas.scrambled(np.uint32(x))) for x in range(2**16)}) == 2**16


def bits_of(x):
    return np.unpackbits(np.array([x], np.uint32).view(np.uint8))


# And how many bits the input has.
HASHES = {
    "scrambled": (lambda x: formulas.scrambled(x), 32),
    "row_bits by key": (lambda x: formulas.row_bits(x, 3), 32),
    "row_bits by row": (lambda x: formulas.row_bits(np.uint32(3), x), 32),
    "random_bits by column": (lambda x: formulas.random_bits(np.uint32(0x9E3779B9), x), 16),
}


@wraps_around
@pytest.mark.parametrize("name", HASHES)
def test_a_changed_bit_changes_half_of_the_bits_of_a_hash(name, rng):
    bits_of_hash, n_bits = HASHES[name]
    inputs = rng.integers(0, 2**n_bits, 100, dtype=np.uint32)
    for bit in np.uint32(1) << np.arange(n_bits, dtype=np.uint32):
        pairs = [(bits_of_hash(x), bits_of_hash(x ^ bit)) for x in inputs]
        changed = np.mean([bits_of(a ^ b) for a, b in pairs], axis=0)
        assert abs(changed.mean() - 0.5) <= SIGMAS * 0.5 / np.sqrt(3200)
        assert np.abs(changed - 0.5).max() <= SIGMAS * 0.5 / np.sqrt(100)


@wraps_around
def test_rows_whose_bits_differ_in_one_share_no_sequence():
    row = np.uint32(0x9E3779B9)
    for bit in range(7, 16):
        near = row ^ np.uint32(1 << bit)
        for j in range(32):
            assert formulas.random_bits(row, j) != formulas.random_bits(near, j ^ 1 << bit)


# Losses


def shift_to_max(logits):
    shifted = np.empty_like(logits)
    cpu.shift_to_max(logits, shifted)
    return shifted


def softmax_cross_entropy(shifted, label, share, smoothing, eps):
    out = np.exp(shifted)
    return cpu.softmax_cross_entropy(shifted, label, share, smoothing, eps, out), out


def binary_cross_entropy(p, target, share, smoothing, eps):
    out = np.empty_like(p)
    return cpu.binary_cross_entropy(p, target, share, smoothing, eps, out), out


def squared_error(prediction, target, share, smoothing, eps):
    out = np.empty_like(prediction)
    return cpu.squared_error(prediction, target, share, out), out


def poisson_deviance(mean, target, share, smoothing, eps):
    out = np.empty_like(mean)
    return cpu.poisson_deviance(mean, target, share, out), out


def draw_labels(rng, n, k):
    return rng.integers(0, k, n)


def draw_binary(rng, n, k):
    return rng.integers(0, 2, (n, k)).astype(float)


def draw_counts(rng, n, k):
    return rng.poisson(1.0, (n, k)).astype(float)


@dataclass
class Loss:
    """A loss, what the predictions are that it is called with, and its oracle."""

    ours: callable
    predict: callable
    oracle: callable
    draw_target: callable
    smoothings: tuple = (0.0,)


LOSSES = {
    "softmax": Loss(
        softmax_cross_entropy,
        shift_to_max,
        network_oracle.softmax_cross_entropy,
        draw_labels,
        (0.0, 0.25),
    ),
    "binary": Loss(
        binary_cross_entropy,
        expit,
        network_oracle.binary_cross_entropy,
        draw_binary,
        (0.0, 0.25),
    ),
    "squared": Loss(
        squared_error,
        np.copy,
        lambda p, t, share, smoothing, eps: network_oracle.squared_error(p, t, share),
        lambda rng, n, k: rng.normal(size=(n, k)),
    ),
    "poisson": Loss(
        poisson_deviance,
        np.exp,
        lambda p, t, share, smoothing, eps: network_oracle.poisson_deviance(p, t, share),
        draw_counts,
    ),
}
CASES = [(name, smoothing) for name, loss in LOSSES.items() for smoothing in loss.smoothings]


@pytest.fixture(params=CASES, ids=str)
def smoothed(request):
    name, smoothing = request.param
    return LOSSES[name], smoothing


def shares(rng, n, weight, dtype):
    w = WEIGHTS[weight](rng, n)
    return (w / w.sum()).astype(dtype)


def targets(loss, rng, n, k, dtype):
    target = loss.draw_target(rng, n, k)
    return target if target.ndim == 1 else target.astype(dtype)


def test_losses_and_their_gradients_are_the_oracles(smoothed, shape, weight, dtype, rng):
    (loss, smoothing), (n, k), eps = smoothed, shape, float(np.finfo(dtype).eps)
    prediction = loss.predict(normal(rng, shape, dtype))
    share, target = shares(rng, n, weight, dtype), targets(loss, rng, n, k, dtype)
    value, gradient = loss.ours(prediction, target, share, smoothing, eps)
    expected, slope = loss.oracle(prediction, target, share, smoothing, eps)
    assert_within(1, value, expected, (expected + 1) * np.sqrt(n * k), dtype)
    size = np.abs(prediction).max() + np.abs(target).max() + 1
    assert_within(1, gradient, slope, share[:, None] * size, dtype)


def test_gradients_of_losses_are_their_slope(smoothed, weight, rng):
    (loss, smoothing), eps = smoothed, float(np.finfo(np.float64).eps)
    logits, target = rng.normal(size=(5, 3)), targets(loss, rng, 5, 3, np.float64)
    share = shares(rng, 5, weight, np.float64)

    def value(x):
        return loss.ours(loss.predict(x), target, share, smoothing, eps)[0]

    slope = network_oracle.central_differences(value, logits, 1e-6)
    gradient = loss.ours(loss.predict(logits), target, share, smoothing, eps)[1]
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-9)


def test_losses_do_not_hide_nan(smoothed, dtype, rng):
    (loss, smoothing), eps = smoothed, float(np.finfo(dtype).eps)
    share, target = shares(rng, 5, "no weights", dtype), targets(loss, rng, 5, 3, dtype)
    for column in range(3):
        logits = normal(rng, (5, 3), dtype)
        logits[2, column] = np.nan
        value, gradient = loss.ours(loss.predict(logits), target, share, smoothing, eps)
        assert np.isnan(value)
        assert np.isnan(gradient[2, column])
        assert not np.isnan(np.delete(gradient, 2, axis=0)).any()


IN_PLACE = {
    "binary": lambda p, *rest: cpu.binary_cross_entropy(p, *rest, p),
    "squared": lambda p, target, share, *_: cpu.squared_error(p, target, share, p),
    "poisson": lambda p, target, share, *_: cpu.poisson_deviance(p, target, share, p),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_gradients_may_overwrite_the_predictions(name, dtype, rng):
    loss, eps = LOSSES[name], float(np.finfo(dtype).eps)
    prediction, target = loss.predict(normal(rng, (5, 3), dtype)), targets(loss, rng, 5, 3, dtype)
    rest = target, shares(rng, 5, "weights", dtype), 0.25, eps
    value, gradient = loss.ours(prediction, *rest)
    assert IN_PLACE[name](prediction, *rest) == value
    assert (prediction == gradient).all()


def test_shift_to_max_leaves_differences(shape, dtype, rng):
    logits = normal(rng, shape, dtype, 100.0)
    shifted = shift_to_max(logits)
    assert (shifted == logits - logits.max(axis=1, keepdims=True)).all()
    cpu.shift_to_max(logits, logits)
    assert (logits == shifted).all()


# Of rows that are all but certain, right and wrong, the losses are held.
LOGITS = np.array([[0, 1, 2], [1000, 0, -1000], [1000, 0, -1000], [-40, 40, 0], [25, -25, 0]])
LABELS = np.array([2, 0, 2, 1, 1])


@pytest.mark.parametrize("weight", ["no weights", "weights"])
@pytest.mark.parametrize("name", ["softmax", "binary"])
def test_losses_are_held_as_in_scikit_learn(name, weight, dtype, rng):
    loss, w = LOSSES[name], WEIGHTS[weight](rng, 5)
    logits, eps = LOGITS.astype(dtype), float(np.finfo(dtype).eps)
    indicators = network_oracle.one_hot(LABELS, 3).astype(dtype)
    share = (w / w.sum()).astype(dtype)
    if name == "softmax":
        theirs = LOSS_FUNCTIONS["log_loss"]
        p, target = network_oracle.softmax(logits).astype(dtype), LABELS
    else:
        theirs, p, target = LOSS_FUNCTIONS["binary_log_loss"], expit(logits), indicators
    expected = theirs(indicators, p, w)
    value, _ = loss.ours(loss.predict(logits), target, share, 0.0, eps)
    assert_within(4, value, expected, expected, dtype)


CLASSIFICATION = [case for case in CASES if case[0] in ("softmax", "binary")]


@pytest.mark.parametrize(("name", "smoothing"), CLASSIFICATION)
def test_losses_are_held_as_the_oracles(name, smoothing, dtype, rng):
    loss, eps = LOSSES[name], float(np.finfo(dtype).eps)
    prediction, share = loss.predict(LOGITS.astype(dtype)), np.full(5, 0.25, dtype)
    target = LABELS if name == "softmax" else network_oracle.one_hot(LABELS, 3).astype(dtype)
    value, gradient = loss.ours(prediction, target, share, smoothing, eps)
    expected, slope = loss.oracle(prediction, target, share, smoothing, eps)
    assert_within(4, value, expected, expected, dtype)
    assert_within(1, gradient, slope, 0.25, dtype)


@pytest.mark.parametrize("name", ["softmax", "binary"])
def test_predictions_that_are_right_and_certain_have_no_gradient(name, dtype):
    loss, eps = LOSSES[name], float(np.finfo(dtype).eps)
    prediction = loss.predict(np.array([[1000, -1000, -1000]], dtype))
    target = np.array([0]) if name == "softmax" else np.array([[1, 0, 0]], dtype)
    value, gradient = loss.ours(prediction, target, np.ones(1, dtype), 0.0, eps)
    assert 0 < value <= 3.01 * eps
    assert (gradient == 0).all()


@pytest.mark.parametrize("weight", ["no weights", "weights"])
@pytest.mark.parametrize(("name", "theirs"), [("squared", "squared_error"), ("poisson",) * 2])
def test_losses_of_regression_are_scikit_learns(name, theirs, weight, dtype, rng):
    loss, w = LOSSES[name], WEIGHTS[weight](rng, 33)
    prediction = loss.predict(normal(rng, (33, 8), dtype))
    target = targets(loss, rng, 33, 8, dtype)
    share = (w / w.sum()).astype(dtype)
    expected = LOSS_FUNCTIONS[theirs](target, prediction, w)
    # scikit-learn averages squared errors over outputs, we sum all losses.
    expected *= 8 if name == "squared" else 1
    value, _ = loss.ours(prediction, target, share, 0.0, 0.0)
    assert_within(8, value, expected, expected, dtype)


# Optimizers

RATE, BETA_1, BETA_2 = 0.1, 0.9, 0.99
N_STEPS = 10


@pytest.fixture
def grads(rng, shape, dtype):
    return normal(rng, (N_STEPS, shape[0] * shape[1]), dtype)


@pytest.fixture
def params(rng, grads):
    return normal(rng, grads.shape[1], grads.dtype)


def descend(grads, params, nesterov):
    params, velocity = params.copy(), np.zeros_like(params)
    step = cpu.nesterov_step if nesterov else cpu.sgd_step
    for g in grads:
        step(np.array([RATE, BETA_1], params.dtype), g, velocity, params)
    return params


def descend_by_adam(grads, params, epsilon):
    params, first, second = params.copy(), np.zeros_like(params), np.zeros_like(params)
    for t, g in enumerate(grads, 1):
        rate = RATE * np.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        constants = [rate, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, epsilon]
        cpu.adam_step(np.array(constants, params.dtype), g, first, second, params)
    return params


def descend_by_scikit_learn(optimizer, grads, params):
    params = params.copy()
    for g in grads:
        optimizer.update_params([params], [g])
    return params


@pytest.mark.parametrize("nesterov", [False, True], ids=["sgd", "nesterov"])
def test_momentum_descends_as_the_oracle(nesterov, grads, params):
    expected = network_oracle.momentum_descent(grads, params, RATE, BETA_1, nesterov)
    scale = 1 + np.abs(params)
    assert_within(12, descend(grads, params, nesterov), expected, scale, params.dtype)


@pytest.mark.parametrize("nesterov", [False, True], ids=["sgd", "nesterov"])
def test_momentum_descends_as_scikit_learn(nesterov, rng):
    grads, params = rng.normal(size=(N_STEPS, 7)), rng.normal(size=7)
    optimizer = SGDOptimizer([params], RATE, "constant", BETA_1, nesterov)
    expected = descend_by_scikit_learn(optimizer, grads, params)
    np.testing.assert_allclose(descend(grads, params, nesterov), expected, rtol=1e-13)


@pytest.mark.parametrize("epsilon", [1e-8, 0.5])
def test_adam_descends_as_the_oracle(epsilon, grads, params):
    expected = network_oracle.adam(grads, params, RATE, BETA_1, BETA_2, epsilon)
    scale = 1 + np.abs(params)
    assert_within(4, descend_by_adam(grads, params, epsilon), expected, scale, params.dtype)


@pytest.mark.parametrize("epsilon", [1e-8, 0.5])
def test_adam_descends_as_scikit_learn(epsilon, rng):
    grads, params = rng.normal(size=(N_STEPS, 7)), rng.normal(size=7)
    optimizer = AdamOptimizer([params], RATE, BETA_1, BETA_2, epsilon)
    expected = descend_by_scikit_learn(optimizer, grads, params)
    np.testing.assert_allclose(descend_by_adam(grads, params, epsilon), expected, rtol=1e-13)


def test_adam_stays_where_there_was_never_a_gradient(params):
    stayed = descend_by_adam(np.zeros((2, params.size), params.dtype), params, 1e-8)
    assert (stayed == params).all()


def test_averages_of_gradients_that_have_ended_reach_0(dtype):
    params, gone = np.ones(1, dtype), np.zeros(1, dtype)
    velocity, looking_ahead, first, second = (np.full(1, 1e-36, dtype) for _ in range(4))
    for _ in range(500):
        cpu.sgd_step(np.array([RATE, BETA_1], dtype), gone, velocity, params)
        cpu.nesterov_step(np.array([RATE, BETA_1], dtype), gone, looking_ahead, params)
        constants = [RATE, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, 1e-8]
        cpu.adam_step(np.array(constants, dtype), gone, first, second, params)
    assert velocity == looking_ahead == first == second == 0
    assert params == 1


def test_add_scaled_adds_a_multiple(params, rng):
    x, out = normal(rng, params.size, params.dtype), params.copy()
    cpu.add_scaled(x, params.dtype.type(0.3), out)
    expected = network_oracle.exact(params) + network_oracle.exact(params.dtype.type(0.3)) * x
    assert_within(1, out, expected, np.abs(params) + np.abs(x), params.dtype)
