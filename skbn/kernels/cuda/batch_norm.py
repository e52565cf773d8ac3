"""The batch normalizing transform and its gradient; arrays have the shapes of ``cpu.batch_norm``.

Each of them has two kernels. A block of the first kernel sums one part of the rows (blockIdx.y) of
one ghost batch (blockIdx.z) in one tile of columns (blockIdx.x). The last block of a tile combines
the sums of the ghost batches in their order. The second kernel is elementwise. Copies of these
kernels compute ReLU and dropout in the same pass.
"""

import numpy as np

from .. import formulas
from ..compile import copy_for_formula
from ..layout import (
    BETA,
    COUNT,
    GAMMA,
    INVERSE_STD,
    M2,
    MEAN,
    MEAN_ERROR,
    MU,
    SCALE,
    WEIGHT,
    check_shapes,
)
from .launch import (
    BLOCK,
    LOADS,
    ROWS,
    THREADS,
    column_grid,
    cuda,
    device_function,
    element_grid,
    kernel,
    kernel_for_formula,
    launch,
    scratch,
    tickets,
)
from .layers import mask_constants
from .reduction import (
    add_parts,
    column_total,
    is_last_block,
    thread_in_block,
    write_column_sums,
)

formula = None  # copy_for_formula sets it in a copy of the loop

# Rows of the tables of sums in the forward and in the backward pass.
TOTAL, DEVIATIONS, SQUARES = range(3)
SUM_WEIGHT, SUM_GAMMA, SUM_BETA = range(3)

# Rows of the table from which the gradient of a ghost batch is computed.
INVERSE_WEIGHT, GAMMA_SUM, BETA_SUM = range(3)


@device_function
def _next_weighed(weight, start, stop):
    """The first row from start to stop that has a weight > 0, or stop."""
    i = start
    while i < stop and weight[i] == 0.0:
        i += 1
    return i


@device_function
def _knows_variance(weight, start, stop):
    """Whether at least two rows have a weight > 0, as a variance requires."""
    first = _next_weighed(weight, start, stop)
    return first < stop and _next_weighed(weight, first + 1, stop) < stop


@device_function
def _reference(z, weight, j, start, stop):
    """z in the first row from start to stop that has a weight > 0, or 0."""
    first = _next_weighed(weight, start, stop)
    return np.float64(z[first, j]) if first < stop else np.float64(0.0)


@device_function
def _first_row(start):
    """The first row of a thread; the distance between its rows is gridDim.y * ROWS."""
    return start + cuda.blockIdx.y * ROWS + cuda.threadIdx.y


@device_function
def _batch_sums(z, weight, j, reference, start, stop):
    """Σw, Σw(z − reference) and Σw(z − reference)² of column j over the rows of a thread."""
    step = cuda.gridDim.y * ROWS
    total, deviations, squares = 0.0, 0.0, 0.0
    i = _first_row(start)
    while i + (LOADS - 1) * step < stop:
        for k in range(LOADS):
            w, d = np.float64(weight[i + k * step]), z[i + k * step, j] - reference
            total += w
            deviations += w * d
            squares += w * d * d
        i += LOADS * step
    while i < stop:
        w, d = np.float64(weight[i]), z[i, j] - reference
        total += w
        deviations += w * d
        squares += w * d * d
        i += step
    return total, deviations, squares


@device_function
def _ghost_sums(shared, partials, ghost, j, c):
    """The three sums of column j of a ghost batch over the parts of its rows."""
    width = cuda.gridDim.y * c
    add_parts(shared, partials, ghost * width + j, (ghost + 1) * width, c)
    return column_total(shared, 0), column_total(shared, 1), column_total(shared, 2)


@device_function
def _set_statistics(weight, mean, m2, epsilon, gamma, ghost, j, statistics):
    """Set the statistics of column j of a ghost batch."""
    inverse_std = formulas.inverse_std(weight, m2, epsilon)
    statistics[ghost, MU, j] = mean
    statistics[ghost, INVERSE_STD, j] = inverse_std
    statistics[ghost, SCALE, j] = gamma * inverse_std


@device_function
def _follow(running, j, momentum, weight, mean, error, m2):
    """Decay the running moments of column j and merge the moments of a batch into them."""
    count = running[COUNT, j]
    kept = formulas.kept_fraction(count, running[WEIGHT, j], momentum)
    old_weight, old_m2 = running[WEIGHT, j] * kept, running[M2, j] * kept
    old_mean, old_error = running[MEAN, j], running[MEAN_ERROR, j]
    batch_weight, batch_m2 = formulas.batch_weight(weight, momentum), m2 * (momentum / weight)
    running[COUNT, j] = count + weight
    running[WEIGHT, j], running[MEAN, j], running[MEAN_ERROR, j], running[M2, j] = (
        formulas.merged_moments(
            old_weight, old_mean, old_error, old_m2, batch_weight, mean, error, batch_m2
        )
    )


@device_function
def _finish_ghost(
    z, weight, start, stop, epsilon, momentum, gamma, sums, ghost, j, running, statistics
):
    """Set the statistics of column j of a ghost batch, and update the running moments."""
    if _knows_variance(weight, start, stop):
        total = sums[TOTAL]
        mean, error, m2 = formulas.moments_from_sums(*sums, _reference(z, weight, j, start, stop))
        _set_statistics(total, mean, m2, epsilon, gamma, ghost, j, statistics)
        _follow(running, j, momentum, total, mean, error, m2)
    else:
        total, mean, m2 = running[WEIGHT, j], running[MEAN, j], running[M2, j]
        _set_statistics(total, mean, m2, epsilon, gamma, ghost, j, statistics)


@device_function
def _finish_statistics(
    z, weight, bounds, epsilon, momentum, gamma_beta, shared, partials, j, running, statistics
):
    """Finish column j of all ghost batches in order."""
    c = z.shape[1]
    for ghost in range(bounds.size - 1):
        sums = _ghost_sums(shared, partials, ghost, j, c)
        if cuda.threadIdx.y == 0 and j < c:
            rows = z, weight, bounds[ghost], bounds[ghost + 1]
            parameters = epsilon, momentum, gamma_beta[GAMMA, j]
            _finish_ghost(*rows, *parameters, sums, ghost, j, running, statistics)


@kernel
def _batch_statistics(
    z, weight, bounds, epsilon, momentum, gamma_beta, running, statistics, partials, tickets
):
    c = z.shape[1]
    j, thread = cuda.grid(1), thread_in_block()
    shared = cuda.shared.array((3, THREADS), np.float64)
    if j < c:
        start, stop = bounds[cuda.blockIdx.z], bounds[cuda.blockIdx.z + 1]
        reference = _reference(z, weight, j, start, stop)
        total, deviations, squares = _batch_sums(z, weight, j, reference, start, stop)
        shared[TOTAL, thread] = total
        shared[DEVIATIONS, thread] = deviations
        shared[SQUARES, thread] = squares
    write_column_sums(shared, partials, j, c)
    n_blocks = cuda.gridDim.y * cuda.gridDim.z
    if is_last_block(tickets, cuda.blockIdx.x, n_blocks):
        parameters = epsilon, momentum, gamma_beta
        _finish_statistics(z, weight, bounds, *parameters, shared, partials, j, running, statistics)


@device_function
def _unchanged(y, _i, _j, _scale, _threshold, _key):
    return y


@device_function
def _relu_dropped(y, i, j, scale, threshold, key):
    bits = formulas.random_bits(np.uint32(formulas.row_bits(key, np.uint32(i))), np.uint32(j))
    return formulas.dropped(formulas.relu(y), scale, np.uint32(bits), threshold)


def _normalize(z, bounds, gamma_beta, statistics, scale_kept, threshold, key, out):
    j, ghost, step = cuda.grid(1), cuda.blockIdx.z, cuda.gridDim.y * ROWS
    if j < z.shape[1]:
        mean, scale = statistics[ghost, MU, j], statistics[ghost, SCALE, j]
        beta = gamma_beta[BETA, j]
        i, stop = _first_row(bounds[ghost]), bounds[ghost + 1]
        while i + 3 * step < stop:
            # All loads come first, because the compiler does not move a load above a store, and the
            # thread would wait for each of them.
            z0, z1, z2, z3 = z[i, j], z[i + step, j], z[i + 2 * step, j], z[i + 3 * step, j]
            y0 = formulas.normalize(z0, mean, scale, beta)
            y1 = formulas.normalize(z1, mean, scale, beta)
            y2 = formulas.normalize(z2, mean, scale, beta)
            y3 = formulas.normalize(z3, mean, scale, beta)
            out[i, j] = formula(y0, i, j, scale_kept, threshold, key)
            out[i + step, j] = formula(y1, i + step, j, scale_kept, threshold, key)
            out[i + 2 * step, j] = formula(y2, i + 2 * step, j, scale_kept, threshold, key)
            out[i + 3 * step, j] = formula(y3, i + 3 * step, j, scale_kept, threshold, key)
            i += 4 * step
        while i < stop:
            y = formulas.normalize(z[i, j], mean, scale, beta)
            out[i, j] = formula(y, i, j, scale_kept, threshold, key)
            i += step


_normalize_batches = kernel_for_formula(_normalize, _unchanged)
_normalize_relu_dropout = kernel_for_formula(_normalize, _relu_dropped)


@device_function
def _as_it_is(_out, delta, _scale):
    return delta


@device_function
def _through_relu_dropout(out, delta, scale):
    return formulas.relu_gradient(out, delta * scale)


def _gradient_sums(z, weight, j, mean, out, scale, delta, start, stop):
    """Σw, Σ∂ℓ/∂y(z − μ) and Σ∂ℓ/∂y of column j over the rows of a thread."""
    total, centred, gradient = 0.0, 0.0, 0.0
    for i in range(_first_row(start), stop, cuda.gridDim.y * ROWS):
        d = np.float64(formula(out[i, j], delta[i, j], scale))
        total += np.float64(weight[i])
        centred += d * np.float64(z[i, j] - mean)
        gradient += d
    return total, centred, gradient


@device_function
def _finish_gradients(weight, bounds, shared, partials, j, c, sums, grads):
    """Gradients of γ and β of column j, for each ghost batch and in total."""
    is_first = cuda.threadIdx.y == 0 and j < c
    grad_gamma, grad_beta = 0.0, 0.0
    for ghost in range(bounds.size - 1):
        total, ghost_gamma, ghost_beta = _ghost_sums(shared, partials, ghost, j, c)
        if is_first:
            inverse_weight = 0.0
            if _knows_variance(weight, bounds[ghost], bounds[ghost + 1]):
                inverse_weight = 1.0 / total
            sums[ghost, INVERSE_WEIGHT, j] = inverse_weight
            sums[ghost, GAMMA_SUM, j], sums[ghost, BETA_SUM, j] = ghost_gamma, ghost_beta
            grad_gamma += ghost_gamma
            grad_beta += ghost_beta
    if is_first:
        grads[GAMMA, j], grads[BETA, j] = grad_gamma, grad_beta


def _gradients(z, weight, bounds, statistics, out, scale, delta, partials, tickets, sums, grads):
    c = z.shape[1]
    j, thread = cuda.grid(1), thread_in_block()
    shared = cuda.shared.array((3, THREADS), np.float64)
    if j < c:
        ghost = cuda.blockIdx.z
        mean, start, stop = statistics[ghost, MU, j], bounds[ghost], bounds[ghost + 1]
        total, centred, gradient = formula(z, weight, j, mean, out, scale, delta, start, stop)
        shared[SUM_WEIGHT, thread] = total
        shared[SUM_GAMMA, thread] = centred * np.float64(statistics[ghost, INVERSE_STD, j])
        shared[SUM_BETA, thread] = gradient
    write_column_sums(shared, partials, j, c)
    n_blocks = cuda.gridDim.y * cuda.gridDim.z
    if is_last_block(tickets, cuda.blockIdx.x, n_blocks):
        _finish_gradients(weight, bounds, shared, partials, j, c, sums, grads)


_sums_of_delta = device_function(copy_for_formula(_gradient_sums, _as_it_is))
_sums_through_relu_dropout = device_function(
    copy_for_formula(_gradient_sums, _through_relu_dropout)
)
_batch_gradients = kernel_for_formula(_gradients, _sums_of_delta)
_batch_relu_dropout_gradients = kernel_for_formula(_gradients, _sums_through_relu_dropout)


def _to_inputs(z, weight, bounds, statistics, out, scale, sums, delta):
    j, ghost, step = cuda.grid(1), cuda.blockIdx.z, cuda.gridDim.y * ROWS
    if j < z.shape[1]:
        mean, slope = statistics[ghost, MU, j], statistics[ghost, SCALE, j]
        inverse_std = statistics[ghost, INVERSE_STD, j]
        per_weight = sums[ghost, INVERSE_WEIGHT, j]
        of_gamma, of_beta = sums[ghost, GAMMA_SUM, j], sums[ghost, BETA_SUM, j]
        i, stop = _first_row(bounds[ghost]), bounds[ghost + 1]
        while i < stop:
            # Two rows are loaded before one is stored. At the end both may be the same row.
            k = i + step if i + step < stop else i
            z0, z1 = z[i, j], z[k, j]
            row_fraction0, row_fraction1 = weight[i] * per_weight, weight[k] * per_weight
            d0, d1 = formula(out[i, j], delta[i, j], scale), formula(out[k, j], delta[k, j], scale)
            x0, x1 = (z0 - mean) * inverse_std, (z1 - mean) * inverse_std
            delta[i, j] = formulas.input_gradient(slope, d0, row_fraction0, x0, of_gamma, of_beta)
            delta[k, j] = formulas.input_gradient(slope, d1, row_fraction1, x1, of_gamma, of_beta)
            i += 2 * step


_input_gradient = kernel_for_formula(_to_inputs, _as_it_is)
_relu_dropout_input_gradient = kernel_for_formula(_to_inputs, _through_relu_dropout)


def _check_batch(z, weight, bounds, gamma_beta, statistics):
    """Raise if the arrays of a batch differ in rows, columns or ghost batches."""
    n, c = z.shape
    check_shapes(weight.size == n and gamma_beta.shape == (2, c))
    check_shapes(statistics.shape == (bounds.size - 1, 3, c))


def _launch_statistics(z, weight, bounds, constants, gamma_beta, running, statistics):
    _check_batch(z, weight, bounds, gamma_beta, statistics)
    check_shapes(running.shape == (5, z.shape[1]))
    epsilon, momentum = constants
    (n, c), n_ghosts = z.shape, bounds.size - 1
    grid = column_grid(n // n_ghosts, c, n_ghosts)
    memory = scratch((3, n_ghosts * grid[1] * c)), tickets(grid[0])
    inputs = z, weight, bounds, float(epsilon), float(momentum), gamma_beta
    launch(_batch_statistics, grid, BLOCK, *inputs, running, statistics, *memory)


def _launch_normalize(function, z, bounds, gamma_beta, statistics, mask, out):
    check_shapes(out.shape == z.shape)
    (n, c), n_ghosts = z.shape, bounds.size - 1
    grid = element_grid(n // n_ghosts, c, n_ghosts)
    launch(function, grid, BLOCK, z, bounds, gamma_beta, statistics, *mask, out)


def batch_norm_forward(z, weight, bounds, constants, gamma_beta, running, statistics, out):
    """out (n, c) = BN(z) by ghost batch; the running moments (5, c) are updated.

    A ghost batch with fewer than two rows of weight > 0 is normalized by the running moments.
    """
    _launch_statistics(z, weight, bounds, constants, gamma_beta, running, statistics)
    no_mask = z.dtype.type(1.0), np.uint32(0), np.uint32(0)
    _launch_normalize(_normalize_batches, z, bounds, gamma_beta, statistics, no_mask, out)


def batch_norm_relu_dropout_forward(
    z, weight, bounds, constants, gamma_beta, running, statistics, rate, key, out
):
    """out (n, c) = ``relu_dropout`` of ``batch_norm_forward``."""
    _launch_statistics(z, weight, bounds, constants, gamma_beta, running, statistics)
    mask = *mask_constants(rate, z.dtype), np.uint32(key)
    _launch_normalize(_normalize_relu_dropout, z, bounds, gamma_beta, statistics, mask, out)


def _launch_gradients(functions, z, weight, bounds, statistics, out, scale, grads, delta):
    """Launch the kernels of the sums and of the gradient with respect to z."""
    _check_batch(z, weight, bounds, grads, statistics)
    check_shapes(delta.shape == out.shape == z.shape)
    (n, c), n_ghosts = z.shape, bounds.size - 1
    grid = column_grid(n // n_ghosts, c, n_ghosts)
    memory = scratch((3, n_ghosts * grid[1] * c)), tickets(grid[0])
    sums = scratch((n_ghosts, 3, c), z.dtype)
    inputs = z, weight, bounds, statistics, out, scale
    launch(functions[0], grid, BLOCK, *inputs, delta, *memory, sums, grads)
    launch(functions[1], element_grid(n // n_ghosts, c, n_ghosts), BLOCK, *inputs, sums, delta)


def batch_norm_backward(z, weight, bounds, statistics, grads, delta):
    """Replace delta (n, c) = ∂ℓ/∂y by ∂ℓ/∂z; write ∂ℓ/∂γ and ∂ℓ/∂β into grads (2, c)."""
    functions, no_mask = (_batch_gradients, _input_gradient), (z, z.dtype.type(1.0))
    _launch_gradients(functions, z, weight, bounds, statistics, *no_mask, grads, delta)


def batch_norm_relu_dropout_backward(z, weight, bounds, statistics, out, rate, grads, delta):
    """``relu_dropout_backward``, then ``batch_norm_backward``; out is that of the forward pass."""
    functions = _batch_relu_dropout_gradients, _relu_dropout_input_gradient
    scale, _ = mask_constants(rate, z.dtype)
    _launch_gradients(functions, z, weight, bounds, statistics, out, scale, grads, delta)
