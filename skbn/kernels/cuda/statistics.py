"""Moments of columns, and normalization by them; tables are those of ``cpu.statistics``.

A row of threads processes neighbouring columns of x (n, c). If c is small, ``rows`` rows are joined
to one, so that warps are full. A thread reads the flat x from element e on with a stride, and the
weights of the rows from k on with ``weight_stride``.
"""

import numpy as np

from .. import formulas
from ..layout import COUNT, M2, MEAN, MEAN_ERROR, WEIGHT, check_shapes, rows_per_vector
from .launch import (
    BLOCK,
    COLUMNS,
    LOADS,
    ROWS,
    THREADS,
    column_grid,
    cuda,
    device_function,
    element_grid,
    kernel,
    launch,
    ones,
    scratch,
    tickets,
)
from .reduction import is_last_block, merged, set_column, thread_in_block


@device_function
def _first_value(x, weight, e, stride, k, weight_stride):
    """The first value of weight > 0 that is not NaN, or 0."""
    while e < x.size:
        if x[e] == x[e] and weight[k] > 0.0:
            return np.float64(x[e])
        e += stride
        k += weight_stride
    return np.float64(0.0)


@device_function
def _present_sums(x, weight, e, stride, k, weight_stride, reference):
    """Σw, Σw(x − reference), Σw(x − reference)² over the x that are not NaN."""
    total, deviations, squares = 0.0, 0.0, 0.0
    while e + (LOADS - 1) * stride < x.size:
        for _ in range(LOADS):
            w = formulas.present(x[e], np.float64(weight[k]))
            d = formulas.present(x[e], x[e] - reference)
            total += w
            deviations += w * d
            squares += w * d * d
            e += stride
            k += weight_stride
    while e < x.size:
        w = formulas.present(x[e], np.float64(weight[k]))
        d = formulas.present(x[e], x[e] - reference)
        total += w
        deviations += w * d
        squares += w * d * d
        e += stride
        k += weight_stride
    return total, deviations, squares


@device_function
def _thread_moments(x, weight, e, stride, k, weight_stride):
    """Weight, mean, its rounding error and M2 of the values that a thread reads.

    If the squares about the first value lose digits, the sums are computed again about the mean.
    """
    reference = _first_value(x, weight, e, stride, k, weight_stride)
    total, deviations, squares = _present_sums(x, weight, e, stride, k, weight_stride, reference)
    if formulas.lose_digits(total, deviations, squares):
        reference += deviations / total
        total, deviations, squares = _present_sums(
            x, weight, e, stride, k, weight_stride, reference
        )
    mean, error, m2 = formulas.moments_from_sums(total, deviations, squares, reference)
    return total, mean, error, m2


@device_function
def _merge_threads(shared, partial, v, width, table, i):
    """Merge what the threads of column v computed into table[:, i] (4, ·)."""
    set_column(shared, thread_in_block(), partial)
    cuda.syncthreads()
    if v < width and cuda.threadIdx.y == 0:
        set_column(table, i, merged(shared, cuda.threadIdx.x, THREADS, COLUMNS))
    cuda.syncthreads()


@device_function
def _merge_parts(shared, partials, v, width):
    """Merge partials (4, parts * width) of column v over the parts into its first part."""
    partial = merged(partials, cuda.threadIdx.y * width + v, partials.shape[1], ROWS * width)
    _merge_threads(shared, partial, v, width, partials, v)


@device_function
def _set_moments(partials, j, width, moments):
    """Merge the joined rows of column j into its moments."""
    weight, mean, error, m2 = merged(partials, j, width, moments.shape[1])
    moments[COUNT, j], moments[WEIGHT, j] = weight, weight
    moments[MEAN, j], moments[MEAN_ERROR, j], moments[M2, j] = mean, error, m2


@kernel
def _column_moments(x, weight, weight_step, rows, partials, tickets, moments):
    c = moments.shape[1]
    v, i = cuda.grid(2)
    n_rows, width = cuda.gridDim.y * ROWS, rows * c
    shared = cuda.shared.array((4, THREADS), np.float64)
    partial = 0.0, 0.0, 0.0, 0.0
    if v < width:
        k = (i * rows + v // c) * weight_step
        partial = _thread_moments(
            x, weight, i * width + v, n_rows * width, k, n_rows * rows * weight_step
        )
    _merge_threads(shared, partial, v, width, partials, cuda.blockIdx.y * width + v)
    if is_last_block(tickets, cuda.blockIdx.x, cuda.gridDim.y):
        _merge_parts(shared, partials, v, width)
        if rows == 1 and v < c and cuda.threadIdx.y == 0:
            _set_moments(partials, v, width, moments)
        if rows > 1 and is_last_block(tickets, cuda.gridDim.x, cuda.gridDim.x):
            for j in range(thread_in_block(), c, THREADS):
                _set_moments(partials, j, width, moments)


@kernel
def _normalize(x, mean, scale, offset, rows, infinite, out):
    v, i = cuda.grid(2)
    width, n_infinite = rows * mean.size, 0
    if v < width:
        j = v % mean.size
        mu, a, b = mean[j], scale[j], offset[j]
        e, stride = i * width + v, cuda.gridDim.y * ROWS * width
        while e + 3 * stride < x.size:
            # All loads come first, because the compiler does not move a load above a store, and the
            # thread would wait for each of them.
            x0, x1, x2, x3 = x[e], x[e + stride], x[e + 2 * stride], x[e + 3 * stride]
            n_infinite += formulas.is_infinite(x0) + formulas.is_infinite(x1)
            n_infinite += formulas.is_infinite(x2) + formulas.is_infinite(x3)
            out[e] = formulas.normalize(x0, mu, a, b)
            out[e + stride] = formulas.normalize(x1, mu, a, b)
            out[e + 2 * stride] = formulas.normalize(x2, mu, a, b)
            out[e + 3 * stride] = formulas.normalize(x3, mu, a, b)
            e += 4 * stride
        while e < x.size:
            n_infinite += formulas.is_infinite(x[e])
            out[e] = formulas.normalize(x[e], mu, a, b)
            e += stride
    if n_infinite > 0:
        cuda.atomic.add(infinite, 0, n_infinite)


def _moments(x, weight, weight_step, moments):
    """Moments of x (n, c), where row i has weight[i * weight_step]."""
    n, c = x.shape
    check_shapes(moments.shape == (5, c) and weight.size == (n if weight_step else 1))
    rows = rows_per_vector(n, c)
    grid = column_grid(-(-n // rows), rows * c)
    memory = scratch((4, grid[1] * rows * c)), tickets(grid[0] + 1)
    launch(_column_moments, grid, BLOCK, x.reshape(-1), weight, weight_step, rows, *memory, moments)


def weighted_column_moments(x, weight, moments):
    """Moments (5, c) of the columns of x (n, c) with row weights (n,); NaN is skipped."""
    _moments(x, weight, 1, moments)


def column_moments(x, moments):
    """Moments (5, c) of the columns of x (n, c); NaN is skipped."""
    _moments(x, ones(x.dtype), 0, moments)


def normalize(x, mean, scale, offset, infinite, out):
    """out (n, c) = scale·(x − mean) + offset by column; infinite (1,) += number of infinite x.

    The inverse has the same form: x = (y − offset)·(1/scale) + mean.
    """
    n, c = x.shape
    check_shapes(out.shape == x.shape and mean.size == scale.size == offset.size == c)
    rows = rows_per_vector(n, c)
    grid, vectors = element_grid(-(-n // rows), rows * c), (mean, scale, offset)
    launch(_normalize, grid, BLOCK, x.reshape(-1), *vectors, rows, infinite, out.reshape(-1))
