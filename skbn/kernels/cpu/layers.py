"""The operations of a layer between two matrix products, except batch normalization."""

import numpy as np

from .. import formulas
from ..compile import jit
from ..layout import NORM_MEAN, NORM_SCALE, check_shapes


@jit
def gather_rows(x, index, mean_scale, out):
    """out (m, d) = the rows of x (n, d) at the index (m,), normalized in float64.

    ``mean_scale`` (2, d) holds the mean and the scale. (x − mean)·scale is computed before the cast
    to the dtype of out, so that values far from zero, such as timestamps, keep the digits in which
    they differ.
    """
    check_shapes(out.shape == (index.size, x.shape[1]) and mean_scale.shape == (2, x.shape[1]))
    for i in range(index.size):
        row = index[i]
        for j in range(x.shape[1]):
            out[i, j] = formulas.normalize(
                x[row, j], mean_scale[NORM_MEAN, j], mean_scale[NORM_SCALE, j], 0
            )


@jit
def smooth_clip(x, bound, out):
    """out (n, d) = x, smoothly clipped to ±bound, which has the dtype of x."""
    check_shapes(out.shape == x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = formulas.smooth_clip(x[i, j], bound)


@jit
def add_bias(bias, out):
    """out (n, c) += bias (c,)."""
    check_shapes(bias.size == out.shape[1])
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += bias[j]


@jit
def bias_backward(delta, grad_bias):
    """grad_bias (c,) = ∂ℓ/∂bias = Σ∂ℓ/∂out, from delta = ∂ℓ/∂out (n, c)."""
    check_shapes(grad_bias.size == delta.shape[1])
    sums = np.zeros(grad_bias.size)
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            sums[j] += delta[i, j]
    for j in range(grad_bias.size):
        grad_bias[j] = sums[j]


@jit
def dropout(x, rate, key, out):
    """out (n, c) = x / (1 − rate) or 0, by a mask from a counter-based generator.

    The same call computes the gradient. ``rate`` has the dtype of x; ``key`` identifies the layer
    and the step.
    """
    check_shapes(out.shape == x.shape)
    threshold = np.uint32(rate * 4294967296.0)
    scale = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in range(x.shape[0]):
        row = formulas.row_bits(key, i)
        for j in range(x.shape[1]):
            out[i, j] = formulas.dropped(x[i, j], scale, formulas.random_bits(row, j), threshold)
