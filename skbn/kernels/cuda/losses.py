"""Losses of the predictions of a batch, and their gradients with respect to the logits.

The functions are those of ``cpu.losses``. In softmax, a group of threads processes one row at a
time; in the other losses, a thread does. The loss stays on the device.
"""

import math

import numpy as np

from .. import formulas
from ..layout import check_shapes
from .launch import (
    COLUMNS,
    FLAT_BLOCK,
    ROWS,
    cuda,
    device_function,
    flat_grid,
    kernel,
    launch,
    scratch,
    tickets,
)
from .reduction import group_max, group_sum, lane, write_grid_sum


@device_function
def _shift_to_max(logits, i, k):
    """Subtract the maximum of row i of the logits, so that exp does not overflow."""
    largest = -math.inf
    for j in range(lane(), k, COLUMNS):
        largest = max(largest, np.float64(logits[i, j]))
    largest = group_max(largest)
    for j in range(lane(), k, COLUMNS):
        logits[i, j] -= largest


@device_function
def _exponentials(shifted, out, i, k):
    """Write exp(shifted) of row i into out, and return its sum."""
    total = 0.0
    for j in range(lane(), k, COLUMNS):
        out[i, j] = math.exp(shifted[i, j])
        total += np.float64(out[i, j])
    return group_sum(total)


@device_function
def _cross_entropy(shifted, label, w, smoothing, prior, lowest, highest, total, out, i, k):
    """Write the gradient of row i, and return the part of its loss that this thread computes."""
    log_total, loss = math.log(total), 0.0
    for j in range(lane(), k, COLUMNS):
        target = smoothing * prior[j] + (1.0 - smoothing if j == label[i] else 0.0)
        out[i, j] = w * (out[i, j] / total - target)
        if target > 0.0:
            loss -= w * target * formulas.clipped(shifted[i, j] - log_total, lowest, highest)
    return loss


@kernel
def _softmax_cross_entropy(
    logits, label, loss_weight, smoothing, prior, lowest, highest, partials, tickets, loss, out
):
    # A group of COLUMNS threads computes a row. All threads of a block must reach the reductions of
    # groups, so that a group beyond the last row has a row of no columns.
    n, value = out.shape[0], 0.0
    for first in range(cuda.blockIdx.x * ROWS, n, cuda.gridDim.x * ROWS):
        i = first + cuda.threadIdx.x // COLUMNS
        k = out.shape[1] if i < n else 0
        _shift_to_max(logits, i, k)
        total = _exponentials(logits, out, i, k)
        if i < n:
            w = np.float64(loss_weight[i])
            value += _cross_entropy(
                logits, label, w, smoothing, prior, lowest, highest, total, out, i, k
            )
    write_grid_sum(value, partials, tickets, loss)


@kernel
def _binary_cross_entropy(
    logits, target, loss_weight, smoothing, prior, lowest, highest, partials, tickets, loss, out
):
    value = 0.0
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        w = np.float64(loss_weight[i])
        for j in range(out.shape[1]):
            t = formulas.smoothed(np.float64(target[i, j]), smoothing, prior[j])
            x = np.float64(logits[i, j])
            value += w * formulas.binary_loss(x, t, lowest, highest)
            out[i, j] = w * (formulas.logistic(x) - t)
    write_grid_sum(value, partials, tickets, loss)


@kernel
def _squared_error(prediction, target, loss_weight, partials, tickets, loss, out):
    value = 0.0
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        for j in range(out.shape[1]):
            error = prediction[i, j] - target[i, j]
            value += 0.5 * np.float64(loss_weight[i]) * error * error
            out[i, j] = loss_weight[i] * error
    write_grid_sum(value, partials, tickets, loss)


@kernel
def _poisson_deviance(mean, target, loss_weight, partials, tickets, loss, out):
    value = 0.0
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        for j in range(out.shape[1]):
            mu, t = mean[i, j], target[i, j]
            if loss_weight[i] == 0.0:  # its mean may be infinite
                out[i, j] = 0.0
            else:
                ratio = formulas.t_log_ratio(np.float64(t), np.float64(mu))
                value += np.float64(loss_weight[i]) * (ratio + (np.float64(mu) - t))
                out[i, j] = loss_weight[i] * (mu - t)
    write_grid_sum(value, partials, tickets, loss)


def _launch(function, n_threads, *arguments):
    """Launch the kernel of a loss with its arguments, scratch memory, and finally loss and out."""
    grid = flat_grid(n_threads)
    memory = scratch((grid[0],)), tickets(1)
    launch(function, grid, FLAT_BLOCK, *arguments[:-2], *memory, *arguments[-2:])


def softmax_cross_entropy(logits, label, loss_weight, smoothing, prior, eps, loss, out):
    """Cross entropy of softmax(logits) and labels (n,).

    The target of class j is smoothing·prior[j], plus 1 − smoothing if j is the label. Each row of
    the logits is replaced by its difference from the maximum.
    """
    n, k = out.shape
    check_shapes(
        logits.shape == out.shape and label.size == loss_weight.size == n and prior.size == k
    )
    constants = float(smoothing), prior, math.log(eps), math.log1p(-eps)
    inputs = logits, label, loss_weight, *constants
    _launch(_softmax_cross_entropy, n * COLUMNS, *inputs, loss, out)


def binary_cross_entropy(logits, target, loss_weight, smoothing, prior, eps, loss, out):
    """Cross entropy of logits and targets (n, k) of 0 and 1, smoothed towards prior (k,)."""
    n, k = out.shape
    check_shapes(
        logits.shape == target.shape == out.shape and loss_weight.size == n and prior.size == k
    )
    constants = float(smoothing), prior, math.log(eps), math.log1p(-eps)
    _launch(_binary_cross_entropy, out.shape[0], logits, target, loss_weight, *constants, loss, out)


def squared_error(prediction, target, loss_weight, loss, out):
    """Half the squared error of predictions and targets (n, k)."""
    check_shapes(prediction.shape == target.shape == out.shape and loss_weight.size == out.shape[0])
    _launch(_squared_error, out.shape[0], prediction, target, loss_weight, loss, out)


def poisson_deviance(mean, target, loss_weight, loss, out):
    """Half the Poisson deviance of predicted means and targets (n, k); the link is log."""
    check_shapes(mean.shape == target.shape == out.shape and loss_weight.size == out.shape[0])
    _launch(_poisson_deviance, out.shape[0], mean, target, loss_weight, loss, out)
