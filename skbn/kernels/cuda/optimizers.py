"""One step of each optimizer over flat buffers (n,) of one dtype. Parameters are the last argument.

``constants`` are on the host and have this dtype.
"""

import math

from .. import formulas
from ..layout import check_shapes
from .launch import FLAT_BLOCK, cuda, flat_grid, kernel, launch, launch_flat, scratch, tickets
from .reduction import write_grid_sum


@kernel
def _add_scaled(x, factor, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] += factor * x[i]


@kernel
def _sgd_step(rate, momentum, grads, velocity, params):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        v = formulas.average(momentum, velocity[i], -rate, grads[i])
        velocity[i] = v
        params[i] += v


@kernel
def _nesterov_step(rate, momentum, grads, velocity, params):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        g = grads[i]
        v = formulas.average(momentum, velocity[i], -rate, g)
        velocity[i] = v
        params[i] += formulas.nesterov_update(momentum, v, rate, g)


@kernel
def _adam_step(
    rate, beta_1, rest_1, beta_2, rest_2, epsilon, kept, decayed, grads, first, second, params
):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        g = grads[i]
        m = formulas.average(beta_1, first[i], rest_1, g)
        v = formulas.average(beta_2, second[i], rest_2 * g, g)
        first[i] = m
        second[i] = v
        param = kept * params[i] if i < decayed.size else params[i]
        params[i] = param - formulas.adam_change(rate, m, v, epsilon)


@kernel
def _count_non_finite(x, partials, tickets, count):
    n = 0
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        n += not math.isfinite(x[i])
    write_grid_sum(n, partials, tickets, count)


def add_scaled(x, factor, out):
    """out (n,) += factor·x."""
    check_shapes(out.size == x.size)
    launch_flat(_add_scaled, out.size, x, out.dtype.type(factor), out)


def sgd_step(constants, grads, velocity, params):
    """Momentum: v ← μ·v − η·g, θ ← θ + v; constants are η, μ."""
    check_shapes(constants.size == 2 and grads.size == velocity.size == params.size)
    launch_flat(_sgd_step, params.size, *constants, grads, velocity, params)


def nesterov_step(constants, grads, velocity, params):
    """Nesterov's momentum: v ← μ·v − η·g, θ ← θ + μ·v − η·g; constants are η, μ."""
    check_shapes(constants.size == 2 and grads.size == velocity.size == params.size)
    launch_flat(_nesterov_step, params.size, *constants, grads, velocity, params)


def adam_step(constants, decayed, grads, first, second, params):
    """Adam (Kingma & Ba 2015, Algorithm 1) with decoupled decay (Loshchilov & Hutter 2019).

    Constants are η, which includes the bias correction, β₁, 1 − β₁, β₂, 1 − β₂, ε, and the factor
    that the first parameters decay by. ``decayed`` is a view of these parameters.
    """
    check_shapes(constants.size == 7 and decayed.size <= params.size)
    check_shapes(grads.size == first.size == second.size == params.size)
    arrays = decayed, grads, first, second, params
    launch_flat(_adam_step, params.size, *constants, *arrays)


def count_non_finite(x, count):
    """count (1,), which is float64, = the number of values of x (n,) that are NaN or infinite."""
    grid = flat_grid(x.size)
    memory = scratch((grid[0],)), tickets(1)
    launch(_count_non_finite, grid, FLAT_BLOCK, x, *memory, count)
