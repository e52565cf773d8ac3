"""One step of each optimizer over flat buffers (n,) of one dtype. Parameters are the last argument.

``constants`` are on the host and have this dtype.
"""

from .. import formulas
from ..layout import check_shapes
from .launch import THREADS, cuda, flat_grid, kernel, launch


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
def _adam_step(rate, beta_1, rest_1, beta_2, rest_2, epsilon, grads, first, second, params):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        g = grads[i]
        m = formulas.average(beta_1, first[i], rest_1, g)
        v = formulas.average(beta_2, second[i], rest_2 * g, g)
        first[i] = m
        second[i] = v
        params[i] -= formulas.adam_change(rate, m, v, epsilon)


def add_scaled(x, factor, out):
    """out (n,) += factor·x."""
    check_shapes(out.size == x.size)
    launch(_add_scaled, flat_grid(out.size), THREADS, x, out.dtype.type(factor), out)


def sgd_step(constants, grads, velocity, params):
    """Momentum: v ← μ·v − η·g, θ ← θ + v; constants are η, μ."""
    check_shapes(constants.size == 2 and grads.size == velocity.size == params.size)
    launch(_sgd_step, flat_grid(params.size), THREADS, *constants, grads, velocity, params)


def nesterov_step(constants, grads, velocity, params):
    """Nesterov's momentum: v ← μ·v − η·g, θ ← θ + μ·v − η·g; constants are η, μ."""
    check_shapes(constants.size == 2 and grads.size == velocity.size == params.size)
    launch(_nesterov_step, flat_grid(params.size), THREADS, *constants, grads, velocity, params)


def adam_step(constants, grads, first, second, params):
    """Adam (Kingma & Ba 2015, Algorithm 1).

    Constants are η, which includes the bias correction, β₁, 1 − β₁, β₂, 1 − β₂ and ε.
    """
    check_shapes(constants.size == 6 and grads.size == first.size == second.size == params.size)
    launch(_adam_step, flat_grid(params.size), THREADS, *constants, grads, first, second, params)
