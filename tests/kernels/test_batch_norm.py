"""Batch normalization and its gradient against the oracle."""

from dataclasses import replace

import network_oracle
import numpy as np
import pytest
from kernels.kernel_problems import (
    EPSILON,
    MOMENTUM,
    assert_within,
    batch,
    normal,
    wraps_around,
)

from skbn.kernels.layout import COUNT, M2, MEAN, MEAN_ERROR, WEIGHT

AXES = {"n_ghosts": {"one batch": 1, "2 ghost batches": 2, "5 ghost batches": 5}}


@pytest.fixture
def a_batch(kernels, rng, shape, dtype, weight, n_ghosts):
    return batch(kernels, rng, shape, dtype, weight, n_ghosts)


def assert_running(running, seen, momentum=MOMENTUM):
    mean, variance = network_oracle.running(seen, momentum)
    our_mean = network_oracle.exact(running[MEAN]) + running[MEAN_ERROR]
    our_variance = running[M2] / running[WEIGHT]
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
    assert (a_batch.running[COUNT] == float(total)).all()


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
def test_batch_norm_backward_is_the_slope_of_the_forward_pass(kernels, argument, weight, rng):
    ours = batch(kernels, rng, (9, 2), np.float64, weight, 2)
    delta = rng.normal(size=(9, 2))

    def loss(x):
        return (replace(ours, **{argument: x}).forward() * delta).sum()

    slope = network_oracle.central_differences(loss, getattr(ours, argument), 1e-6)
    ours.forward()
    gradient = ours.backward(delta)[0 if argument == "z" else 1]
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-8)


def test_running_moments_start_without_bias(kernels, rng, dtype, weight):
    first = batch(kernels, rng, (32, 3), dtype, weight)
    first.running[:] = 0.0
    first.forward()
    assert_running(first.running, [(first.z, first.weight)])


@pytest.mark.parametrize("momentum", [0.0625, 0.5, 1.0])
def test_running_moments_forget_old_batches(kernels, momentum, rng, dtype):
    ours = batch(kernels, rng, (20, 3), dtype, n_ghosts=4)
    ours.constants[1] = momentum
    ours.running[:] = 0.0
    seen = []
    for offset in range(3):
        ours.z[:] = normal(rng, (20, 3), dtype, offset=offset)
        ours.forward()
        seen += [(ours.z[i : i + 5].copy(), np.ones(5)) for i in range(0, 20, 5)]
    assert_running(ours.running, seen, momentum)


def test_running_moments_go_on_from_those_of_all_rows(kernels, rng, dtype):
    ours, rows = batch(kernels, rng, (20, 3), dtype), normal(rng, (50, 3), dtype, 3.0)
    kernels.column_moments(rows, ours.running)
    ours.forward()
    # The rows weigh 1 − MOMENTUM against MOMENTUM, as a whole past of batches does.
    mean = (1 - MOMENTUM) * rows.mean(axis=0, dtype=np.longdouble) + MOMENTUM * ours.z.mean(
        axis=0, dtype=np.longdouble
    )
    np.testing.assert_allclose(ours.running[MEAN], mean.astype(float), rtol=1e-13)
    np.testing.assert_allclose(ours.running[WEIGHT], 1.0)


def test_a_batch_without_weight_leaves_the_running_moments_alone(kernels, rng, dtype):
    ours = batch(kernels, rng, (33, 8), dtype, n_ghosts=3)
    ours.weight[:] = 0.0
    before = ours.running.copy()
    ours.forward()
    assert (ours.running == before).all()


def test_a_batch_without_weight_has_no_gradient_through_statistics(kernels, rng, dtype):
    ours = batch(kernels, rng, (33, 8), dtype)
    ours.weight[:] = 0.0
    ours.forward()
    delta = normal(rng, (33, 8), dtype)
    dz, _ = ours.backward(delta)
    variance = network_oracle.running(ours.seen, MOMENTUM)[1]
    expected = ours.gamma_beta[0] / np.sqrt(variance + EPSILON) * delta
    assert_within(3, dz, expected, np.abs(expected), dtype)


def test_a_single_row_with_weight_leaves_the_running_moments_alone(kernels, rng, dtype):
    ours = batch(kernels, rng, (33, 8), dtype)
    ours.weight[:] = np.arange(33) == 5
    before = ours.running.copy()
    out = ours.forward()
    assert (ours.running == before).all()
    ours.weight[:] = 0.0
    assert (out == ours.forward()).all()


def test_rows_without_weight_do_not_move_the_others(kernels, rng, dtype):
    ours = batch(kernels, rng, (33, 8), dtype, "rows of weight 0")
    before, light = ours.forward(), ours.weight == 0
    moved = replace(ours, z=np.where(light[:, None], ours.z * 3 - 1, ours.z)).forward()
    assert_within(16, moved[~light], before[~light], np.abs(before).max(axis=0), dtype)
    assert (moved[light] != before[light]).any()


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_large_mean_leaves_the_running_variance_its_digits(kernels, offset, rng, dtype):
    ours = batch(kernels, rng, (130, 4), dtype, "weights", offset=offset)
    ours.forward()
    assert_running(ours.running, ours.oracle.seen)


def test_nan_is_not_hidden_and_stays_in_its_column_and_ghost_batch(kernels, rng, dtype):
    ours = batch(kernels, rng, (33, 8), dtype, n_ghosts=3)
    ours.z[15, 2] = np.nan
    expected = np.zeros((33, 8), dtype=bool)
    expected[slice(*ours.bounds[1:3]), 2] = True
    assert (np.isnan(ours.forward()) == expected).all()
    assert (np.isnan(ours.running[MEAN]) == (np.arange(8) == 2)).all()
    dz, _ = ours.backward(np.ones((33, 8), dtype))
    assert (np.isnan(dz) == expected).all()


@pytest.mark.parametrize("far", [1e6, 1e8])
def test_a_first_row_without_weight_tells_no_reference(kernels, far, rng, dtype):
    ours = batch(kernels, rng, (130, 4), dtype)
    ours.z[:3], ours.weight[:3] = far, 0.0
    ours.forward()
    assert_running(ours.running, [*ours.seen, (ours.z, ours.weight)])


def test_a_batch_that_weighs_the_momentum_is_no_cumulative_average(kernels, rng, dtype):
    ours = batch(kernels, rng, (8, 3), dtype)
    ours.running[:] = 0.0
    ours.weight[:] = MOMENTUM / 8
    ours.forward()
    first = ours.z.copy()
    ours.z += 3
    ours.forward()
    assert_running(ours.running, [(first, ours.weight), (ours.z, ours.weight)])


@wraps_around
def test_relu_dropout_after_batch_norm_is_that_of_both_kernels(a_batch, kernels, dtype, rng):
    norm, rate, key = a_batch, dtype(0.25), np.uint32(3)
    running = norm.running.copy()
    expected, statistics = norm.forward(), norm.statistics.copy()
    kernels.relu_dropout(expected, rate, key)
    out, new = np.empty_like(expected), np.empty_like(statistics)
    kernels.batch_norm_relu_dropout_forward(*norm.inputs, running, new, rate, key, out)
    for value, of_both in ((out, expected), (new, statistics), (running, norm.running)):
        np.testing.assert_array_equal(value, of_both)

    delta, grads = normal(rng, out.shape, dtype), np.full_like(norm.gamma_beta, np.nan)
    through = delta.copy()
    kernels.relu_dropout_backward(out, rate, through)
    dz, expected_grads = norm.backward(through)
    inputs = norm.z, norm.weight, norm.bounds, statistics, out, rate
    kernels.batch_norm_relu_dropout_backward(*inputs, grads, delta)
    # The simulator computes what a formula has returned in float64.
    assert_within(8, delta, dz, np.abs(dz).max(), dtype)
    assert_within(8, grads, expected_grads, np.abs(expected_grads).max(), dtype)
