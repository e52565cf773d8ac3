"""The operations of a layer between two matrix products, except batch normalization."""

from functools import lru_cache

import cupy
import numpy as np
from numba import config

from .. import formulas
from ..layout import HALF_LOWER, INVERSE_HALF_WIDTH, NORM_MEAN, NORM_SCALE, check_shapes
from .launch import (
    BLOCK,
    FLAT_BLOCK,
    MAX_GROUPS,
    ROWS,
    THREADS,
    column_grid,
    cuda,
    device_function,
    element_grid,
    kernel,
    launch,
    launch_flat,
    max_blocks,
    scratch,
    tickets,
)
from .reduction import (
    add_parts,
    column_total,
    is_last_block,
    thread_in_block,
    write_column_sums,
)

# Rows of a batch whose gradients a thread adds, and maximum number of values of their sums.
ROWS_PER_PART = 4 if config.ENABLE_CUDASIM else 32
MAX_PARTIAL_VALUES = 1 << 24

# Columns of a sparse row that a block makes dense at a time, as float64 in shared memory.
SPARSE_TILE = 8 if config.ENABLE_CUDASIM else 2048


@kernel
def _gather_rows(x, index, mean_scale, out):
    j, start = cuda.grid(2)
    if j < x.shape[1]:
        mean, scale = mean_scale[NORM_MEAN, j], mean_scale[NORM_SCALE, j]
        for i in range(start, out.shape[0], cuda.gridDim.y * ROWS):
            out[i, j] = formulas.normalize(x[index[i], j], mean, scale, 0.0)


@kernel
def _encode_bins(x, index, column, edges, out):
    t, start = cuda.grid(2)
    if t < column.size:
        half_lower, inverse = edges[HALF_LOWER, t], edges[INVERSE_HALF_WIDTH, t]
        for i in range(start, out.shape[0], cuda.gridDim.y * ROWS):
            value = formulas.bin_value(x[index[i], column[t]], half_lower, inverse)
            out[i, x.shape[1] + t] = value


@kernel
def _one_hot_forward(codes, weight, out):
    j, start = cuda.grid(2)
    if j < out.shape[1]:
        for i in range(start, out.shape[0], cuda.gridDim.y * ROWS):
            total = out[i, j]
            for c in range(codes.shape[1]):
                k = codes[i, c]
                if k >= 0 and k < weight.shape[0]:
                    total += weight[k, j]
            out[i, j] = total


@device_function
def _rows_of_part(n):
    """The first row of a part of n rows, which are the blocks of blockIdx.z, and its end."""
    rows = (n + cuda.gridDim.z - 1) // cuda.gridDim.z
    start = cuda.blockIdx.z * rows
    return start, min(start + rows, n)


@kernel
def _one_hot_backward(codes, delta, partials):
    # A thread adds the rows of a part in their order, without atomic operations: no two columns of
    # codes select the same row of the weight.
    j, first = cuda.grid(2)
    start, stop = _rows_of_part(delta.shape[0])
    if j < delta.shape[1]:
        for c in range(first, codes.shape[1], cuda.gridDim.y * ROWS):
            for i in range(start, stop):
                k = codes[i, c]
                if k >= 0 and k < partials.shape[1]:
                    partials[cuda.blockIdx.z, k, j] += delta[i, j]


@kernel
def _embed_forward(codes, first, embedding, out):
    k, e = embedding.shape
    t, start = cuda.grid(2)
    if t < out.shape[1]:
        column = codes.shape[1] - out.shape[1] // e + t // e
        for i in range(start, out.shape[0], cuda.gridDim.y * ROWS):
            row = codes[i, column] - first
            out[i, t] = 0.0
            if row >= 0 and row < k:
                out[i, t] = embedding[row, t % e]


@kernel
def _embed_backward(codes, first, delta, partials):
    # A thread adds the rows of a part, as in _one_hot_backward.
    _, k, e = partials.shape
    t, first_column = cuda.grid(2)
    start, stop = _rows_of_part(delta.shape[0])
    c = delta.shape[1] // e
    if t < e:
        for j in range(first_column, c, cuda.gridDim.y * ROWS):
            column = codes.shape[1] - c + j
            for i in range(start, stop):
                row = codes[i, column] - first
                if row >= 0 and row < k:
                    partials[cuda.blockIdx.z, row, t] += delta[i, j * e + t]


@kernel
def _add_parts(partials, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        for part in range(partials.shape[0]):
            out[i] += partials[part, i]


@kernel
def _gather_sparse_rows(data, indices, indptr, index, mean_scale, out):
    values = cuda.shared.array(SPARSE_TILE, np.float64)
    thread, start = cuda.threadIdx.x, cuda.blockIdx.x * SPARSE_TILE
    width = min(SPARSE_TILE, out.shape[1] - start)
    for i in range(cuda.blockIdx.y, out.shape[0], cuda.gridDim.y):
        for j in range(thread, width, THREADS):
            values[j] = 0.0
        cuda.syncthreads()
        for k in range(indptr[index[i]] + thread, indptr[index[i] + 1], THREADS):
            j = indices[k] - start
            if j >= 0 and j < width:
                cuda.atomic.add(values, j, np.float64(data[k]))
        cuda.syncthreads()
        for j in range(thread, width, THREADS):
            mean, scale = mean_scale[NORM_MEAN, start + j], mean_scale[NORM_SCALE, start + j]
            out[i, start + j] = formulas.normalize(values[j], mean, scale, 0.0)


@kernel
def _smooth_clip(x, bound, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = formulas.smooth_clip(x[i], bound)


@kernel
def _add_bias(bias, out):
    j, start = cuda.grid(2)
    if j < out.shape[1]:
        b = bias[j]
        for i in range(start, out.shape[0], cuda.gridDim.y * ROWS):
            out[i, j] += b


@kernel
def _bias_backward(delta, partials, tickets, grad_bias):
    n, c = delta.shape
    j, start = cuda.grid(2)
    shared = cuda.shared.array((1, THREADS), np.float64)
    total = 0.0
    if j < c:
        for i in range(start, n, cuda.gridDim.y * ROWS):
            total += np.float64(delta[i, j])
    shared[0, thread_in_block()] = total
    write_column_sums(shared, partials, j, c)
    if is_last_block(tickets, cuda.blockIdx.x, cuda.gridDim.y):
        add_parts(shared, partials, j, partials.shape[1], c)
        if cuda.threadIdx.y == 0 and j < c:
            grad_bias[j] = column_total(shared, 0)


@kernel
def _dropout(x, scale, threshold, key, out):
    j, start = cuda.grid(2)
    if j < out.shape[1]:
        for i in range(start, out.shape[0], cuda.gridDim.y * ROWS):
            row = np.uint32(formulas.row_bits(key, np.uint32(i)))
            bits = np.uint32(formulas.random_bits(row, np.uint32(j)))
            out[i, j] = formulas.dropped(x[i, j], scale, bits, threshold)


@kernel
def _relu_dropout(x, scale, threshold, key):
    j, start = cuda.grid(2)
    if j < x.shape[1]:
        for i in range(start, x.shape[0], cuda.gridDim.y * ROWS):
            row = np.uint32(formulas.row_bits(key, np.uint32(i)))
            bits = np.uint32(formulas.random_bits(row, np.uint32(j)))
            x[i, j] = formulas.dropped(formulas.relu(x[i, j]), scale, bits, threshold)


@kernel
def _relu_dropout_backward(out, scale, delta):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        delta[i] = formulas.relu_gradient(out[i], delta[i] * scale)


def gather_rows(x, index, mean_scale, out):
    """The first d columns of out (m, ≥ d) = the rows of x (n, d) at the index (m,), normalized.

    ``mean_scale`` is (2, d), float64.
    """
    m, d = index.size, x.shape[1]
    check_shapes(out.shape[0] == m and out.shape[1] >= d and mean_scale.shape == (2, d))
    launch(_gather_rows, element_grid(m, d), BLOCK, x, index, mean_scale, out)


def encode_bins(x, index, column, edges, out):
    """The last k columns of out (m, d + k) = the bins of the rows of x (n, d) at the index (m,).

    ``column`` (k,) and ``edges`` (2, k) are those of the kernel of the host.
    """
    m, d, k = index.size, x.shape[1], column.size
    check_shapes(out.shape == (m, d + k) and edges.shape == (2, k))
    launch(_encode_bins, element_grid(m, k), BLOCK, x, index, column, edges, out)


def one_hot_forward(codes, weight, out):
    """out (n, h) += the sum of the rows of weight (k, h) that each row of codes (n, c) selects.

    A code below 0 selects no row, nor does one from k on.
    """
    check_shapes(out.shape == (codes.shape[0], weight.shape[1]))
    launch(_one_hot_forward, element_grid(*out.shape), BLOCK, codes, weight, out)


def one_hot_backward(codes, delta, grad_weight):
    """grad_weight (k, h) += ∂ℓ/∂weight of ``one_hot_forward``, from delta = ∂ℓ/∂out (n, h).

    No two columns of codes may select the same row of the weight.
    """
    check_shapes(delta.shape == (codes.shape[0], grad_weight.shape[1]))
    _launch_parts(_one_hot_backward, (codes, delta), codes.shape[1], grad_weight)


def embed_forward(codes, first, embedding, out):
    """out (n, c·e) = the rows of the embedding (k, e) that the last c codes of each row select.

    ``first`` is the code of the first row. A code that has no row gives zeros.
    """
    _check_embedding(codes, embedding, out)
    launch(_embed_forward, element_grid(*out.shape), BLOCK, codes, first, embedding, out)


def embed_backward(codes, first, delta, grad):
    """grad (k, e) += ∂ℓ/∂embedding of ``embed_forward``, from delta = ∂ℓ/∂out (n, c·e).

    No two columns of codes may select the same row of the embedding.
    """
    _check_embedding(codes, grad, delta)
    _launch_parts(_embed_backward, (codes, first, delta), delta.shape[1] // grad.shape[1], grad)


def _launch_parts(function, inputs, n_columns, grad):
    """Add the sums over parts of the rows of a batch to the gradient of a table of rows.

    With one part, 8192 rows of 10 columns took 3 ms on an H200, because each thread waits for each
    of its values.
    """
    n = len(inputs[0])
    n_parts = max(1, min(n // ROWS_PER_PART, MAX_PARTIAL_VALUES // grad.size, MAX_GROUPS))
    partials = cupy.zeros((n_parts, *grad.shape), grad.dtype)
    n_tiles, n_blocks, _ = element_grid(n_columns, grad.shape[1])
    launch(function, (n_tiles, n_blocks, n_parts), BLOCK, *inputs, partials)
    launch_flat(_add_parts, grad.size, partials.reshape(n_parts, -1), grad.reshape(-1))


def _check_embedding(codes, embedding, out):
    """Raise unless codes and the array of embedded columns have the shapes of the embedding."""
    e = embedding.shape[1]
    c = out.shape[1] // e
    check_shapes(out.shape == (codes.shape[0], c * e) and codes.shape[1] >= c)


def gather_sparse_rows(data, indices, indptr, index, mean_scale, out):
    """out (m, d) = the rows of a CSR matrix at the index (m,), made dense, then normalized.

    Values that are not stored are 0 before normalization, and duplicates are summed.
    """
    m, d = out.shape
    check_shapes(index.size == m and mean_scale.shape == (2, d) and data.size == indices.size)
    n_tiles = -(-d // SPARSE_TILE)
    grid = n_tiles, max(1, min(m, 8 * max_blocks() // n_tiles)), 1
    arguments = data, indices, indptr, index, mean_scale, out
    launch(_gather_sparse_rows, grid, FLAT_BLOCK, *arguments)


def smooth_clip(x, bound, out):
    """out (n, d) = x, smoothly clipped to ±bound."""
    check_shapes(out.shape == x.shape)
    bound = x.dtype.type(bound)
    launch_flat(_smooth_clip, x.size, x.reshape(-1), bound, out.reshape(-1))


def add_bias(bias, out):
    """out (n, c) += bias (c,)."""
    check_shapes(bias.size == out.shape[1])
    launch(_add_bias, element_grid(*out.shape), BLOCK, bias, out)


def bias_backward(delta, grad_bias):
    """grad_bias (c,) = ∂ℓ/∂bias = Σ∂ℓ/∂out, from delta = ∂ℓ/∂out (n, c)."""
    n, c = delta.shape
    check_shapes(grad_bias.size == c)
    grid = column_grid(n, c)
    memory = scratch((1, grid[1] * c)), tickets(grid[0])
    launch(_bias_backward, grid, BLOCK, delta, *memory, grad_bias)


def dropout(x, rate, key, out):
    """out (n, c) = x / (1 − rate) or 0, by a mask from a counter-based generator.

    The same call computes the gradient. ``key`` identifies the layer and the step.
    """
    check_shapes(out.shape == x.shape)
    scale, threshold = mask_constants(rate, x.dtype)
    launch(_dropout, element_grid(*x.shape), BLOCK, x, scale, threshold, np.uint32(key), out)


def relu_dropout(x, rate, key):
    """Replace x (n, c) by ``dropout`` of max(0, x), by the same mask."""
    scale, threshold = mask_constants(rate, x.dtype)
    launch(_relu_dropout, element_grid(*x.shape), BLOCK, x, scale, threshold, np.uint32(key))


def relu_dropout_backward(out, rate, delta):
    """Replace delta (n, c) = ∂ℓ/∂out by ∂ℓ/∂x; ``out`` (n, c) is the result of ``relu_dropout``."""
    check_shapes(out.shape == delta.shape)
    scale, _ = mask_constants(rate, out.dtype)
    arguments = out.reshape(-1), scale, delta.reshape(-1)
    launch_flat(_relu_dropout_backward, out.size, *arguments)


@lru_cache(maxsize=64)
def mask_constants(rate, dtype):
    """The factor of what a dropout keeps, and the smallest 32 random bits that keep a value."""
    rate = dtype.type(rate)
    scale = dtype.type(1.0) / (dtype.type(1.0) - rate)
    return scale, np.uint32(float(rate) * 4294967296.0)
