"""Losses of the predictions of a batch, and their gradients with respect to the logits.

The functions are those of ``cpu.losses``. A thread processes one row at a time, and the loss stays
on the device.
"""

import math

import cupy
import numpy as np

from .. import formulas
from ..layout import check_shapes
from .launch import THREADS, cuda, device_function, flat_grid, kernel, launch, tickets
from .reduction import write_grid_sum


@kernel
def _shift_to_max(logits, out):
    n, k = out.shape
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        largest = logits[i, 0]
        for j in range(1, k):
            # Not max(), which on CUDA would skip NaN in the first column.
            if logits[i, j] > largest:
                largest = logits[i, j]
        for j in range(k):
            out[i, j] = logits[i, j] - largest


@device_function
def _softmax_row(shifted, label, loss_weight, smoothing, prior, lowest, highest, out, i):
    """Write the gradient of row i and return its loss."""
    k = out.shape[1]
    total = 0.0
    for j in range(k):
        total += np.float64(out[i, j])
    log_total, w = math.log(total), np.float64(loss_weight[i])
    log_probability = formulas.clipped(shifted[i, label[i]] - log_total, lowest, highest)
    loss = -w * (1.0 - smoothing) * log_probability
    for j in range(k):
        label_target = 1.0 - smoothing if j == label[i] else 0.0
        out[i, j] = w * (out[i, j] / total - smoothing * prior[j] - label_target)
        if smoothing > 0.0:
            log_p = formulas.clipped(shifted[i, j] - log_total, lowest, highest)
            loss -= w * smoothing * prior[j] * log_p
    return loss


@kernel
def _softmax_cross_entropy(
    shifted, label, loss_weight, smoothing, prior, lowest, highest, partials, tickets, loss, out
):
    value = 0.0
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        value += _softmax_row(
            shifted, label, loss_weight, smoothing, prior, lowest, highest, out, i
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


def _launch(function, *arguments):
    """Launch the kernel of a loss with its arguments, scratch memory, and finally loss and out."""
    grid = flat_grid(arguments[-1].shape[0])
    scratch = cupy.empty(grid, np.float64), tickets(1)
    launch(function, grid, THREADS, *arguments[:-2], *scratch, *arguments[-2:])


def shift_to_max(logits, out):
    """out (n, k) = logits minus the maximum of each row, so that exp does not overflow."""
    check_shapes(out.shape == logits.shape)
    launch(_shift_to_max, flat_grid(out.shape[0]), THREADS, logits, out)


def softmax_cross_entropy(shifted, label, loss_weight, smoothing, prior, eps, loss, out):
    """Cross entropy of softmax(shifted) and labels (n,); out is exp(shifted) before the call.

    The target of class j is smoothing·prior[j], plus 1 − smoothing if j is the label.
    """
    n, k = out.shape
    check_shapes(
        shifted.shape == out.shape and label.size == loss_weight.size == n and prior.size == k
    )
    constants = float(smoothing), prior, math.log(eps), math.log1p(-eps)
    _launch(_softmax_cross_entropy, shifted, label, loss_weight, *constants, loss, out)


def binary_cross_entropy(logits, target, loss_weight, smoothing, prior, eps, loss, out):
    """Cross entropy of logits and targets (n, k) of 0 and 1, smoothed towards prior (k,)."""
    n, k = out.shape
    check_shapes(
        logits.shape == target.shape == out.shape and loss_weight.size == n and prior.size == k
    )
    constants = float(smoothing), prior, math.log(eps), math.log1p(-eps)
    _launch(_binary_cross_entropy, logits, target, loss_weight, *constants, loss, out)


def squared_error(prediction, target, loss_weight, loss, out):
    """Half the squared error of predictions and targets (n, k)."""
    check_shapes(prediction.shape == target.shape == out.shape and loss_weight.size == out.shape[0])
    _launch(_squared_error, prediction, target, loss_weight, loss, out)


def poisson_deviance(mean, target, loss_weight, loss, out):
    """Half the Poisson deviance of predicted means and targets (n, k); the link is log."""
    check_shapes(mean.shape == target.shape == out.shape and loss_weight.size == out.shape[0])
    _launch(_poisson_deviance, mean, target, loss_weight, loss, out)
