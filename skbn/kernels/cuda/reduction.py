"""Sums over threads, blocks and the grid, in an order that does not depend on scheduling.

Each block writes its partial sums into scratch memory. The last block that takes a ticket sees the
partial sums of all blocks and adds them in the order of the blocks (threadFenceReduction in
NVIDIA's samples). All threads of a block must call these functions, including those beyond the
last column.
"""

import numpy as np

from .. import formulas
from ..compile import copy_for_formula
from .launch import COLUMNS, ROWS, THREADS, cuda, device_function

formula = None  # copy_for_formula sets it in a copy of the loop


@device_function
def thread_in_block():
    """The index of a thread in a block of COLUMNS x ROWS threads."""
    return cuda.threadIdx.y * COLUMNS + cuda.threadIdx.x


@device_function
def is_last_block(tickets, ticket, n_blocks):
    """Whether all n_blocks blocks that use this ticket have written their partial results."""
    is_last = cuda.shared.array(1, np.int32)
    cuda.threadfence()
    cuda.syncthreads()
    if cuda.threadIdx.x == 0 and cuda.threadIdx.y == 0:
        before = cuda.atomic.inc(tickets, ticket, np.uint32(n_blocks - 1))
        is_last[0] = 1 if before == n_blocks - 1 else 0
    cuda.syncthreads()
    cuda.threadfence()
    return is_last[0] == 1


@device_function
def summed(table, k, start, stop, step):
    """The sum of table[k, start:stop:step], in that order."""
    total = 0.0
    for i in range(start, stop, step):
        total += table[k, i]
    return total


@device_function
def column_total(shared, k):
    """The sum of shared[k] over the threads of a column."""
    return summed(shared, k, cuda.threadIdx.x, THREADS, COLUMNS)


@device_function
def write_column_sums(shared, partials, j, c):
    """Sum shared (k, THREADS) over the rows of threads; write to partials (k, blocks * c)."""
    cuda.syncthreads()
    block = cuda.blockIdx.z * cuda.gridDim.y + cuda.blockIdx.y
    if j < c:
        for k in range(cuda.threadIdx.y, shared.shape[0], ROWS):
            partials[k, block * c + j] = column_total(shared, k)


@device_function
def add_parts(shared, partials, start, stop, step):
    """Sum partials[:, start:stop:step], all threads of a column together, into shared (k, THREADS).

    ``column_total`` then returns the sums. With one thread a column, the last block would wait for
    hundreds of values, one after the other.
    """
    cuda.syncthreads()
    first = start + cuda.threadIdx.y * step
    for k in range(shared.shape[0]):
        shared[k, thread_in_block()] = summed(partials, k, first, stop, ROWS * step)
    cuda.syncthreads()


@device_function
def lane():
    """The index of a thread in its group, which are COLUMNS threads of a block in one row."""
    return cuda.threadIdx.x % COLUMNS


def _reduced(value):
    """The reduction of value by ``formula`` over each group, returned in every thread."""
    shared = cuda.shared.array(THREADS, np.float64)
    thread, half = cuda.threadIdx.x, COLUMNS // 2
    shared[thread] = value
    while half > 0:
        cuda.syncthreads()
        if lane() < half:
            shared[thread] = formula(shared[thread], shared[thread + half])
        half //= 2
    cuda.syncthreads()
    value = shared[thread - lane()]
    cuda.syncthreads()
    return value


@device_function
def _add(x, y):
    return x + y


@device_function
def _larger(x, y):
    return x if x > y else y


group_sum = device_function(copy_for_formula(_reduced, _add))
group_max = device_function(copy_for_formula(_reduced, _larger))


@device_function
def block_sum(value):
    """The sum of value over a block of THREADS threads in one row, returned in every thread."""
    shared = cuda.shared.array(THREADS, np.float64)
    thread = cuda.threadIdx.x
    shared[thread] = value
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            shared[thread] += shared[thread + half]
        half //= 2
    cuda.syncthreads()
    total = shared[0]
    cuda.syncthreads()
    return total


@device_function
def write_grid_sum(value, partials, tickets, out):
    """out (1,) = the sum of value over the threads of all blocks; partials are (blocks,)."""
    total = block_sum(value)
    if cuda.threadIdx.x == 0:
        partials[cuda.blockIdx.x] = total
    if is_last_block(tickets, 0, cuda.gridDim.x):
        value = 0.0
        for block in range(cuda.threadIdx.x, cuda.gridDim.x, THREADS):
            value += partials[block]
        total = block_sum(value)
        if cuda.threadIdx.x == 0:
            out[0] = total


@device_function
def merged(table, start, stop, step):
    """Merge table[:, start:stop:step] (4, ·) in order: weight, mean, its rounding error and M2."""
    weight, mean, error, m2 = 0.0, 0.0, 0.0, 0.0
    for i in range(start, stop, step):
        weight, mean, error, m2 = formulas.merged_moments(
            weight, mean, error, m2, table[0, i], table[1, i], table[2, i], table[3, i]
        )
    return weight, mean, error, m2


@device_function
def set_column(table, i, moments):
    """table[:, i] (4, ·) = weight, mean, its rounding error and M2."""
    table[0, i], table[1, i], table[2, i], table[3, i] = moments
