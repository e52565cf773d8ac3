"""Steps of the optimizers by their formulas, on threads too, and the schedules of their rates."""

from types import SimpleNamespace

import numpy as np
import pytest

from skbn._backends import threads
from skbn._backends.cpu import CPU
from skbn._model import optimizers, schedules
from skbn._statistics import host


def momentum(g, m, _v, _t):
    m[:] = 0.8 * m - g
    return m


def nesterov(g, m, _v, _t):
    return 0.8 * momentum(g, m, _v, _t) - g


def adam(g, m, v, t):
    m[:] = 0.8 * m + 0.2 * g
    v[:] = 0.9 * v + 0.1 * g**2
    return -m / (1 - 0.8**t) * np.sqrt(1 - 0.9**t) / (np.sqrt(v) + 1e-3)


MOMENTS = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}
OPTIMIZERS = {
    "sgd": (optimizers.SGD, {"momentum": 0.8}, momentum),
    "nesterov": (optimizers.NesterovSGD, {"momentum": 0.8}, nesterov),
    "adam": (optimizers.Adam, MOMENTS, adam),
    "adamw": (optimizers.AdamW, MOMENTS | {"weight_decay": 0.5}, adam),
}


def stand_in(n, dtype=float):
    """What an optimizer asks of a network: γ, β and biases are the last third."""
    draw = np.random.default_rng(0)
    params, grads = (draw.normal(size=n).astype(dtype) for _ in range(2))
    k = n - n // 3
    flat = {"params": params, "grads": grads, "decayed": params[:k]}
    return SimpleNamespace(**flat, dtype=params.dtype, device=CPU)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_formulas(name, rng):
    make, constants, direction = OPTIMIZERS[name]
    network = stand_in(12)
    theta, (m, v) = network.params.copy(), np.zeros((2, 12))
    decay = constants.get("weight_decay", 0.0) * (np.arange(12) < network.decayed.size)
    optimizer = make(network, schedules.Constant(0.1), **constants)
    for t in range(1, 6):
        network.grads[:] = rng.normal(size=12)
        optimizer.step(network, network.grads)
        theta += 0.1 * (direction(network.grads, m, v, t) - decay * theta)
        np.testing.assert_allclose(network.params, theta, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_on_threads_give_the_same_bits(name, dtype, monkeypatch):
    make, constants, _ = OPTIMIZERS[name]
    params, size = [], host.MIN_THREADED_VALUES + 12345
    monkeypatch.setattr(threads, "n_threads", lambda: 2)  # also on a machine with one core
    for threshold in (host.MIN_THREADED_VALUES, 1 << 30):
        monkeypatch.setattr(host, "MIN_THREADED_VALUES", threshold)
        network = stand_in(size, dtype)
        optimizer = make(network, schedules.Constant(0.1), **constants)
        for _ in range(3):
            optimizer.step(network, network.grads)
        params.append(network.params)
    np.testing.assert_array_equal(*params)


def test_a_cosine_falls_from_the_first_rate_to_nothing():
    schedule, rates = schedules.Cosine(0.4, 8), []
    for _ in range(10):
        schedule.begin_step(len(rates))
        rates.append(schedule.rate)
    np.testing.assert_allclose(rates[:9], 0.4 * np.cos(np.pi * np.arange(9) / 16) ** 2, atol=1e-16)
    assert rates[0] == 0.4
    assert rates[8:] == [0, 0]


def test_inverse_scaling_counts_rows():
    schedule = schedules.InverseScaling(0.4, power=0.5)
    assert schedule.rate == 0.4
    schedule.end_epoch(99)
    np.testing.assert_allclose(schedule.rate, 0.04, rtol=1e-15)


def test_the_adaptive_rate_is_a_fifth_each_time_until_it_is_too_small():
    schedule = schedules.Adaptive(1e-4)
    ends = [(schedule.on_plateau()[1], schedule.rate) for _ in range(4)]
    assert [is_stopping for is_stopping, _ in ends] == [False, False, False, True]
    np.testing.assert_allclose([rate for _, rate in ends], [2e-5, 4e-6, 8e-7, 8e-7], rtol=1e-12)
