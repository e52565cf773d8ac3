"""The operations of a layer between two matrix products, except batch normalization."""

import numpy as np

from .. import formulas
from ..compile import jit
from ..layout import HALF_LOWER, INVERSE_HALF_WIDTH, NORM_MEAN, NORM_SCALE, check_shapes


@jit
def gather_rows(x, index, mean_scale, out):
    """The first d columns of out (m, ≥ d) = the rows of x (n, d) at the index (m,), normalized.

    ``mean_scale`` (2, d), float64, holds the mean and the scale. (x − mean)·scale is computed
    before the cast to the dtype of out, so that values far from zero, such as timestamps, keep the
    digits in which they differ.
    """
    d = x.shape[1]
    check_shapes(out.shape[0] == index.size and out.shape[1] >= d and mean_scale.shape == (2, d))
    for i in range(index.size):
        row = index[i]
        for j in range(d):
            out[i, j] = formulas.normalize(
                x[row, j], mean_scale[NORM_MEAN, j], mean_scale[NORM_SCALE, j], 0
            )


@jit
def encode_bins(x, index, column, edges, out):
    """The last k columns of out (m, d + k) = the bins of the rows of x (n, d) at the index (m,).

    ``column`` (k,) is the column of x that a bin belongs to. ``edges`` (2, k), float64, holds half
    of its lower edge and the inverse of half its width.
    """
    d, k = x.shape[1], column.size
    check_shapes(out.shape == (index.size, d + k) and edges.shape == (2, k))
    for i in range(index.size):
        row = index[i]
        for t in range(k):
            out[i, d + t] = formulas.bin_value(
                x[row, column[t]], edges[HALF_LOWER, t], edges[INVERSE_HALF_WIDTH, t]
            )


@jit
def one_hot_forward(codes, weight, out):
    """out (n, h) += the sum of the rows of weight (k, h) that each row of codes (n, c) selects.

    It is the product of the weight and the one-hot columns of the codes. A code below 0 selects no
    row, nor does one from k on.
    """
    check_shapes(out.shape == (codes.shape[0], weight.shape[1]))
    for i in range(codes.shape[0]):
        for c in range(codes.shape[1]):
            k = codes[i, c]
            if k >= 0 and k < weight.shape[0]:
                for j in range(out.shape[1]):
                    out[i, j] += weight[k, j]


@jit
def one_hot_backward(codes, delta, grad_weight):
    """grad_weight (k, h) += ∂ℓ/∂weight of ``one_hot_forward``, from delta = ∂ℓ/∂out (n, h)."""
    check_shapes(delta.shape == (codes.shape[0], grad_weight.shape[1]))
    for i in range(codes.shape[0]):
        for c in range(codes.shape[1]):
            k = codes[i, c]
            if k >= 0 and k < grad_weight.shape[0]:
                for j in range(delta.shape[1]):
                    grad_weight[k, j] += delta[i, j]


@jit
def embed_forward(codes, first, embedding, out):
    """out (n, c·e) = the rows of the embedding (k, e) that the last c codes of each row select.

    ``first`` is the code of the first row. A code that has no row gives zeros.
    """
    k, e = embedding.shape
    c = out.shape[1] // e
    skipped = codes.shape[1] - c
    check_shapes(out.shape == (codes.shape[0], c * e) and skipped >= 0)
    for i in range(codes.shape[0]):
        for j in range(c):
            row = codes[i, skipped + j] - first
            for t in range(j * e, (j + 1) * e):
                out[i, t] = 0.0
            if row >= 0 and row < k:
                for t in range(e):
                    out[i, j * e + t] = embedding[row, t]


@jit
def embed_backward(codes, first, delta, grad):
    """grad (k, e) += ∂ℓ/∂embedding of ``embed_forward``, from delta = ∂ℓ/∂out (n, c·e)."""
    k, e = grad.shape
    c = delta.shape[1] // e
    skipped = codes.shape[1] - c
    check_shapes(delta.shape == (codes.shape[0], c * e) and skipped >= 0)
    for i in range(codes.shape[0]):
        for j in range(c):
            row = codes[i, skipped + j] - first
            if row >= 0 and row < k:
                for t in range(e):
                    grad[row, t] += delta[i, j * e + t]


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


@jit
def relu_dropout(x, rate, key):
    """Replace x (n, c) by ``dropout`` of max(0, x), by the same mask."""
    threshold = np.uint32(rate * 4294967296.0)
    scale = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in range(x.shape[0]):
        row = formulas.row_bits(key, i)
        for j in range(x.shape[1]):
            value = formulas.relu(x[i, j])
            x[i, j] = formulas.dropped(value, scale, formulas.random_bits(row, j), threshold)


@jit
def relu_dropout_backward(out, rate, delta):
    """Replace delta (n, c) = ∂ℓ/∂out by ∂ℓ/∂x; ``out`` (n, c) is the result of ``relu_dropout``.

    No mask is drawn: a value that is 0 was dropped, or its derivative is 0.
    """
    check_shapes(out.shape == delta.shape)
    scale = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] = formulas.relu_gradient(out[i, j], delta[i, j] * scale)
