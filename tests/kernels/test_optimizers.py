"""Steps of optimizers against the oracle and scikit-learn."""

import network_oracle
import numpy as np
import pytest
from kernels.kernel_problems import (
    assert_within,
    normal,
)
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

RATE, BETA_1, BETA_2 = 0.1, 0.9, 0.99
N_STEPS = 10


@pytest.fixture
def grads(rng, shape, dtype):
    return normal(rng, (N_STEPS, shape[0] * shape[1]), dtype)


@pytest.fixture
def params(rng, grads):
    return normal(rng, grads.shape[1], grads.dtype)


def descend(kernels, grads, params, nesterov):
    params, velocity = params.copy(), np.zeros_like(params)
    step = kernels.nesterov_step if nesterov else kernels.sgd_step
    for g in grads:
        step(np.array([RATE, BETA_1], params.dtype), g, velocity, params)
    return params


def descend_by_adam(kernels, grads, params, epsilon, kept=1.0, n_decayed=0):
    params, first, second = params.copy(), np.zeros_like(params), np.zeros_like(params)
    decayed = params[:n_decayed]
    for t, g in enumerate(grads, 1):
        rate = RATE * np.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        constants = [rate, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, epsilon, kept]
        kernels.adam_step(np.array(constants, params.dtype), decayed, g, first, second, params)
    return params


def descend_by_scikit_learn(optimizer, grads, params):
    params = params.copy()
    for g in grads:
        optimizer.update_params([params], [g])
    return params


@pytest.mark.parametrize("nesterov", [False, True], ids=["sgd", "nesterov"])
def test_momentum_descends_as_the_oracle(kernels, nesterov, grads, params):
    expected = network_oracle.momentum_descent(grads, params, RATE, BETA_1, nesterov)
    scale = 1 + np.abs(params)
    assert_within(12, descend(kernels, grads, params, nesterov), expected, scale, params.dtype)


@pytest.mark.parametrize("nesterov", [False, True], ids=["sgd", "nesterov"])
def test_momentum_descends_as_scikit_learn(kernels, nesterov, rng):
    grads, params = rng.normal(size=(N_STEPS, 7)), rng.normal(size=7)
    optimizer = SGDOptimizer([params], RATE, "constant", BETA_1, nesterov)
    expected = descend_by_scikit_learn(optimizer, grads, params)
    np.testing.assert_allclose(descend(kernels, grads, params, nesterov), expected, rtol=1e-13)


@pytest.mark.parametrize("epsilon", [1e-8, 0.5])
def test_adam_descends_as_the_oracle(kernels, epsilon, grads, params):
    expected = network_oracle.adam(grads, params, RATE, BETA_1, BETA_2, epsilon)
    scale = 1 + np.abs(params)
    assert_within(
        4, descend_by_adam(kernels, grads, params, epsilon), expected, scale, params.dtype
    )


def test_adam_decays_the_first_parameters_only(kernels, grads, params):
    n_decayed = params.size // 2
    kept = np.where(np.arange(params.size) < n_decayed, 0.75, 1.0)
    expected = network_oracle.adam(grads, params, RATE, BETA_1, BETA_2, 0.5, kept)
    found = descend_by_adam(kernels, grads, params, 0.5, 0.75, n_decayed)
    assert_within(8, found, expected, 1 + np.abs(params), params.dtype)


@pytest.mark.parametrize("epsilon", [1e-8, 0.5])
def test_adam_descends_as_scikit_learn(kernels, epsilon, rng):
    grads, params = rng.normal(size=(N_STEPS, 7)), rng.normal(size=7)
    optimizer = AdamOptimizer([params], RATE, BETA_1, BETA_2, epsilon)
    expected = descend_by_scikit_learn(optimizer, grads, params)
    np.testing.assert_allclose(
        descend_by_adam(kernels, grads, params, epsilon), expected, rtol=1e-13
    )


def test_adam_stays_where_there_was_never_a_gradient(kernels, params):
    stayed = descend_by_adam(kernels, np.zeros((2, params.size), params.dtype), params, 1e-8)
    assert (stayed == params).all()


# The kernel, its constants, the arrays before the gradients, and the number of its states.
OPTIMIZERS = {
    "sgd": ("sgd_step", [RATE, BETA_1], [], 1),
    "nesterov": ("nesterov_step", [RATE, BETA_1], [], 1),
    "adam": (
        "adam_step",
        [RATE, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, 1e-8, 1.0],
        [np.empty(0)],
        2,
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_do_not_hide_a_gradient_that_is_nan(kernels, name, dtype):
    step, constants, decayed, n_states = OPTIMIZERS[name]
    step, decayed = getattr(kernels, step), [array.astype(dtype) for array in decayed]
    states, params = np.zeros((n_states, 2), dtype), np.ones(2, dtype)
    for first in (np.nan, 1.0):
        grads = np.array([first, 1], dtype)
        step(np.array(constants, dtype), *decayed, grads, *states, params)
        assert (np.isnan(params) == [True, False]).all()
        assert (np.isnan(states) == [True, False]).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_averages_of_gradients_that_have_ended_reach_0(kernels, name, dtype):
    step, constants, decayed, n_states = OPTIMIZERS[name]
    step, decayed = getattr(kernels, step), [array.astype(dtype) for array in decayed]
    states, params = np.full((n_states, 1), 1e-36, dtype), np.ones(1, dtype)
    for _ in range(500):
        step(np.array(constants, dtype), *decayed, np.zeros(1, dtype), *states, params)
    assert (states == 0).all()
    assert params == 1


def test_add_scaled_adds_a_multiple(kernels, params, rng):
    x, out = normal(rng, params.size, params.dtype), params.copy()
    kernels.add_scaled(x, params.dtype.type(0.3), out)
    expected = network_oracle.exact(params) + network_oracle.exact(params.dtype.type(0.3)) * x
    assert_within(1, out, expected, np.abs(params) + np.abs(x), params.dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted_wherever_they_are(kernels, value, dtype, rng):
    x, count = normal(rng, 1000, dtype), np.full(1, np.nan)
    kernels.count_non_finite(x, count)
    assert count == 0
    x[[0, 517, 999]] = value
    kernels.count_non_finite(x, count)
    assert count == 3
