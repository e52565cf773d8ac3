"""One step of each optimizer over flat buffers (n,) of one dtype. Parameters are the last argument.

``constants`` have this dtype too, because a float64 among float32 would halve the SIMD width.
"""

import math

from .. import formulas
from ..compile import jit
from ..layout import check_shapes


@jit
def add_scaled(x, factor, out):
    """out += factor·x."""
    check_shapes(out.size == x.size)
    for i in range(x.size):
        out[i] += factor * x[i]


@jit
def sgd_step(constants, grads, velocity, params):
    """Momentum: v ← μ·v − η·g, θ ← θ + v; constants are η, μ."""
    check_shapes(constants.size == 2 and grads.size == velocity.size == params.size)
    rate, momentum = constants[0], constants[1]
    for i in range(params.size):
        velocity[i] = formulas.average(momentum, velocity[i], -rate, grads[i])
        params[i] += velocity[i]


@jit
def nesterov_step(constants, grads, velocity, params):
    """Nesterov's momentum: v ← μ·v − η·g, θ ← θ + μ·v − η·g; constants are η, μ."""
    check_shapes(constants.size == 2 and grads.size == velocity.size == params.size)
    rate, momentum = constants[0], constants[1]
    for i in range(params.size):
        velocity[i] = formulas.average(momentum, velocity[i], -rate, grads[i])
        params[i] += formulas.nesterov_update(momentum, velocity[i], rate, grads[i])


@jit
def adam_step(constants, decayed, grads, first, second, params):
    """Adam (Kingma & Ba 2015, Algorithm 1) with decoupled decay (Loshchilov & Hutter 2019).

    Constants are η, which includes the bias correction, β₁, 1 − β₁, β₂, 1 − β₂, ε, and the factor
    that the first parameters decay by. ``decayed`` is a view of these parameters.
    """
    check_shapes(constants.size == 7 and decayed.size <= params.size)
    check_shapes(grads.size == first.size == second.size == params.size)
    rate, epsilon, kept, n_decayed = constants[0], constants[5], constants[6], decayed.size
    beta_1, rest_1, beta_2, rest_2 = constants[1], constants[2], constants[3], constants[4]
    for i in range(params.size):
        first[i] = formulas.average(beta_1, first[i], rest_1, grads[i])
        second[i] = formulas.average(beta_2, second[i], rest_2 * grads[i], grads[i])
        param = kept * params[i] if i < n_decayed else params[i]
        params[i] = param - formulas.adam_change(rate, first[i], second[i], epsilon)


@jit
def count_non_finite(x, count):
    """count (1,), which is float64, = the number of values of x (n,) that are NaN or infinite."""
    n = 0
    for i in range(x.size):
        n += not math.isfinite(x[i])
    count[0] = n
