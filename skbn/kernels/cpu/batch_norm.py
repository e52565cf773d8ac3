"""The batch normalizing transform and its gradient (Ioffe & Szegedy 2015, section 3).

A batch is an array z (n, c) whose rows have weights (n,). ``bounds`` splits it into ghost batches,
each of which is normalized by its own statistics. ``statistics`` is (ghosts, 3, c): the mean μ,
1/√(σ² + ε) and γ/√(σ² + ε) of each ghost batch, which the backward pass reads. ``gamma_beta`` is
(2, c). ``constants`` holds ε and the momentum of the running statistics. All floats have the dtype
of z, except those of the moments tables.
"""

import numpy as np

from .. import formulas
from ..compile import jit
from ..layout import BETA, GAMMA, INVERSE_STD, M2, MEAN, MU, SCALE, WEIGHT, check_shapes
from .layers import relu_dropout, relu_dropout_backward
from .statistics import decay, merge_moments, moments_from_sums

EPSILON, MOMENTUM = range(2)


@jit
def batch_sums(z, weight, reference, sums):
    """sums (3, c) = Σw, Σw(z − reference), Σw(z − reference)² by column of z (n, c)."""
    n, c = z.shape
    total = 0.0
    sums.fill(0.0)
    m = n - n % 4
    for i in range(0, m, 4):
        w0, w1, w2, w3 = weight[i], weight[i + 1], weight[i + 2], weight[i + 3]
        total += w0 + w1 + w2 + w3
        for j in range(c):
            r = reference[j]
            d0, d1, d2, d3 = z[i, j] - r, z[i + 1, j] - r, z[i + 2, j] - r, z[i + 3, j] - r
            sums[1, j] += w0 * d0 + w1 * d1 + w2 * d2 + w3 * d3
            sums[2, j] += w0 * d0 * d0 + w1 * d1 * d1 + w2 * d2 * d2 + w3 * d3 * d3
    for i in range(m, n):
        total += weight[i]
        for j in range(c):
            d = z[i, j] - reference[j]
            sums[1, j] += weight[i] * d
            sums[2, j] += weight[i] * d * d
    sums[0].fill(total)


@jit
def batch_moments(z, weight, moments):
    """Moments table (5, c) of a batch, from sums in float64 about its first row of weight > 0."""
    c = z.shape[1]
    reference = np.empty(c)
    sums = np.empty((3, c))
    first = 0
    while weight[first] == 0.0:
        first += 1
    for j in range(c):
        reference[j] = z[first, j]
    batch_sums(z, weight, reference, sums)
    moments_from_sums(sums, reference, moments)


@jit
def set_statistics(moments, epsilon, gamma_beta, statistics):
    """Compute statistics (3, c) from a moments table (5, c)."""
    for j in range(moments.shape[1]):
        inverse_std = formulas.inverse_std(moments[WEIGHT, j], moments[M2, j], epsilon)
        statistics[MU, j] = moments[MEAN, j]
        statistics[INVERSE_STD, j] = inverse_std
        statistics[SCALE, j] = gamma_beta[GAMMA, j] * inverse_std


@jit
def normalize_batch(z, statistics, gamma_beta, out):
    """out (n, c) = γ·x̂ + β, x̂ = (z − μ)/√(σ² + ε)."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            mean, scale, beta = statistics[MU, j], statistics[SCALE, j], gamma_beta[BETA, j]
            out[i, j] = formulas.normalize(z[i, j], mean, scale, beta)


@jit
def total_weight(weight):
    """Σw, or 0 if fewer than two rows have a weight > 0, because they have no variance."""
    total, count = 0.0, 0
    for i in range(weight.size):
        total += weight[i]
        count += weight[i] > 0.0
    return total if count > 1 else 0.0


@jit
def check_batch(z, weight, bounds, gamma_beta, statistics):
    """Raise if the arrays of a batch differ in rows, columns or ghost batches."""
    n, c = z.shape
    check_shapes(weight.size == bounds[-1] == n)
    check_shapes(gamma_beta.shape == (2, c) and statistics.shape == (bounds.size - 1, 3, c))


@jit
def batch_norm_forward(z, weight, bounds, constants, gamma_beta, running, statistics, out):
    """out (n, c) = BN(z) by ghost batch; the running moments (5, c) are updated.

    A ghost batch whose ``total_weight`` is 0 is normalized by the running moments.
    """
    check_batch(z, weight, bounds, gamma_beta, statistics)
    check_shapes(out.shape == z.shape and running.shape == (5, z.shape[1]))
    check_shapes(constants.size == 2)
    epsilon, momentum = constants[EPSILON], constants[MOMENTUM]
    moments = np.empty(running.shape)
    for ghost in range(bounds.size - 1):
        start, stop = bounds[ghost], bounds[ghost + 1]
        if total_weight(weight[start:stop]) > 0.0:
            batch_moments(z[start:stop], weight[start:stop], moments)
            set_statistics(moments, epsilon, gamma_beta, statistics[ghost])
            decay(running, moments, momentum)
            merge_moments(running, moments)
        else:
            set_statistics(running, epsilon, gamma_beta, statistics[ghost])
        normalize_batch(z[start:stop], statistics[ghost], gamma_beta, out[start:stop])


@jit
def gradient_sums(z, statistics, delta, sums):
    """sums (2, c) = ∂ℓ/∂γ = Σ∂ℓ/∂y·x̂ and ∂ℓ/∂β = Σ∂ℓ/∂y, from delta = ∂ℓ/∂y (n, c).

    Four rows are summed at a time, in float64: 512x512 took 50 µs, and 90 µs row by row.
    """
    n, c = z.shape
    m = n - n % 4
    sums.fill(0.0)
    for i in range(0, m, 4):
        for j in range(c):
            mu = statistics[MU, j]
            z0, z1, z2, z3 = z[i, j], z[i + 1, j], z[i + 2, j], z[i + 3, j]
            d0, d1, d2, d3 = delta[i, j], delta[i + 1, j], delta[i + 2, j], delta[i + 3, j]
            centred = d0 * (z0 - mu) + d1 * (z1 - mu) + d2 * (z2 - mu) + d3 * (z3 - mu)
            sums[GAMMA, j] += centred * statistics[INVERSE_STD, j]
            sums[BETA, j] += d0 + d1 + d2 + d3
    for i in range(m, n):
        for j in range(c):
            centred = delta[i, j] * (z[i, j] - statistics[MU, j])
            sums[GAMMA, j] += centred * statistics[INVERSE_STD, j]
            sums[BETA, j] += delta[i, j]


@jit
def input_gradient(z, row_fraction, statistics, grads, delta):
    """Replace delta (n, c) = ∂ℓ/∂y by ∂ℓ/∂z; grads (2, c) are ∂ℓ/∂γ and ∂ℓ/∂β."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            x_hat = (z[i, j] - statistics[MU, j]) * statistics[INVERSE_STD, j]
            slope, of_gamma, of_beta = statistics[SCALE, j], grads[GAMMA, j], grads[BETA, j]
            delta[i, j] = formulas.input_gradient(
                slope, delta[i, j], row_fraction[i], x_hat, of_gamma, of_beta
            )


@jit
def set_row_fractions(weight, row_fraction):
    """row_fraction (n,) = w/Σw, or 0 if ``total_weight`` is 0."""
    total = total_weight(weight)
    for i in range(weight.size):
        row_fraction[i] = weight[i] / total if total > 0.0 else 0.0


@jit
def batch_norm_backward(z, weight, bounds, statistics, grads, delta):
    """Replace delta (n, c) = ∂ℓ/∂y by ∂ℓ/∂z; write ∂ℓ/∂γ and ∂ℓ/∂β into grads (2, c)."""
    check_batch(z, weight, bounds, grads, statistics)
    check_shapes(delta.shape == z.shape)
    row_fraction, ghost_grads = np.empty_like(weight), np.empty_like(grads)
    sums = np.empty(grads.shape)
    grads.fill(0.0)
    for ghost in range(bounds.size - 1):
        start, stop = bounds[ghost], bounds[ghost + 1]
        rows, ghost_statistics, d = z[start:stop], statistics[ghost], delta[start:stop]
        gradient_sums(rows, ghost_statistics, d, sums)
        for row in range(2):
            for j in range(grads.shape[1]):
                ghost_grads[row, j] = sums[row, j]
                grads[row, j] += sums[row, j]
        set_row_fractions(weight[start:stop], row_fraction[start:stop])
        input_gradient(rows, row_fraction[start:stop], ghost_statistics, ghost_grads, d)


@jit
def batch_norm_relu_dropout_forward(
    z, weight, bounds, constants, gamma_beta, running, statistics, rate, key, out
):
    """out (n, c) = ``relu_dropout`` of ``batch_norm_forward``.

    Two passes over out: rows in blocks, or a mask drawn with the normalization, gained nothing.
    """
    batch_norm_forward(z, weight, bounds, constants, gamma_beta, running, statistics, out)
    relu_dropout(out, rate, key)


@jit
def batch_norm_relu_dropout_backward(z, weight, bounds, statistics, out, rate, grads, delta):
    """``relu_dropout_backward``, then ``batch_norm_backward``; out is that of the forward pass."""
    relu_dropout_backward(out, rate, delta)
    batch_norm_backward(z, weight, bounds, statistics, grads, delta)
