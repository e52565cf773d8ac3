"""Passes over rows in host memory, which call kernels on blocks of a fixed size, on threads.

Blocks depend only on the shape and the memory order of the matrix, so that results are the same,
bit for bit, for any number of threads.
"""

import numpy as np

from .._backends.threads import for_each
from ..kernels import cpu

# 4 MB of float32. Column moments of 400 MB took 12.4 ms with half this size, 11.2 ms with it, and
# 10.9 ms with twice the size. transform was fastest with it.
BLOCK_ELEMENTS = 1 << 20

# With at least this many rows, the blocks of a Fortran-ordered matrix are single columns. With
# fewer rows, the calls take longer than a copy in C order. 50 columns of 2048 rows: 0.37 ms by
# columns, 0.30 ms with a copy; of 4096 rows: 0.46 ms by columns, 0.60 ms with a copy.
MIN_COLUMN_ROWS = 1 << 12

# Minimum number of rows of a block. The values of a block are read once, and its table of
# statistics is written once, so that a block of few rows would write more than it reads.
MIN_BLOCK_ROWS = 64

# Flat arrays of at least this many values are split into blocks. With fewer values, the threads of
# the pool take more time than they save.
MIN_THREADED_VALUES = 1 << 19
VALUES_PER_BLOCK = 1 << 17

# Number of columns of all tables that are kept at a time, which is 8 MB.
MAX_TABLE_COLUMNS = 200_000


def blocks_are_columns(X):
    """Whether each block of X (n, c) is a part of a single column."""
    return X.flags.f_contiguous and not X.flags.c_contiguous and X.shape[0] >= MIN_COLUMN_ROWS


def blocks(X):
    """The blocks of X (n, c), as (slice of rows, slice of columns), column by column."""
    n, c = X.shape
    width = 1 if blocks_are_columns(X) else c
    step = max(MIN_BLOCK_ROWS, BLOCK_ELEMENTS // max(width, 1))
    return [
        (slice(start, min(start + step, n)), slice(column, column + width))
        for column in range(0, c, width)
        for start in range(0, n, step)
    ]


def block_groups(X):
    """The blocks of X (n, c) in groups. The tables of one group are kept in memory at a time."""
    all_blocks = blocks(X)
    size = max(4, MAX_TABLE_COLUMNS // X[all_blocks[0]].shape[1])
    return [all_blocks[start : start + size] for start in range(0, len(all_blocks), size)]


def kernel_dtype(dtype):
    """The dtype in which values of ``dtype`` are passed to kernels."""
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def kernel_input(block):
    """The block in the form that kernels take: C-contiguous, float32 or float64, read-only.

    The result is a view if the block is C-contiguous and of such a dtype, otherwise a copy of the
    block. It is read-only because Numba compiles a kernel separately for read-only and for writable
    arrays.
    """
    dtype = kernel_dtype(block.dtype)
    if block.dtype == dtype and block.flags.c_contiguous and block.flags.aligned:
        block = block.view()
    else:
        block = np.array(block, dtype=dtype, order="C")
    block.flags.writeable = False
    return block


class HostPasses:
    """Passes over rows, by the kernels of the host. DevicePasses has the same methods."""

    # Number of values in the rows that inference takes at a time, on two threads. 20,000 rows of
    # 50-256-256-10 took 28.7 ms with twice as many values, 28.2 ms with this many, and 33.1 ms with
    # half of them; rows of 20-32-2, of which there are then two uneven chunks, 4.0, 2.0 and 3.2 ms.
    inference_values = 1 << 18

    def column_moments(self, X, weight):
        """The moments table (5, c) of X (n, c) with row weights (n,) or None; NaN is skipped."""
        table = np.zeros((5, X.shape[1]))
        groups = block_groups(X)
        if len(groups) == len(groups[0]) == 1:  # 256x100: 11 µs instead of 22 µs
            _fill_table(X, weight, table)
            return table
        for group in groups:
            tables = np.empty((len(group), 5, X[group[0]].shape[1]))
            weights = [None if weight is None else weight[rows] for rows, _ in group]
            group_blocks = (X[block] for block in group)
            for_each(_fill_table, zip(group_blocks, weights, tables, strict=True))
            for (_, columns), block_table in zip(group, tables, strict=True):
                # Contiguous, because Numba compiles another layout, that of one column, separately.
                merged = np.ascontiguousarray(table[:, columns])
                cpu.merge_moments(merged, block_table)
                table[:, columns] = merged
        return table

    def normalize(self, X, mean, scale, offset, out):
        """out (n, c) = scale·(X − mean) + offset by column. X and out may be the same array.

        Returns
        -------
        int
            The number of infinite values of X.
        """
        infinite = []

        def normalize_block(rows, columns):
            block, target = kernel_input(X[rows, columns]), out[rows, columns]
            vectors = mean[columns], scale[columns], offset[columns]
            infinite.append(count := np.zeros(1, np.int64))
            if _takes_output(target, block):
                cpu.normalize(block, *vectors, count, target)
            else:
                scratch = np.empty_like(block)
                cpu.normalize(block, *vectors, count, scratch)
                with np.errstate(over="ignore"):  # values beyond float16 become infinity
                    target[...] = scratch

        for_each(normalize_block, blocks(X))
        return sum(count.item() for count in infinite)

    def in_blocks(self, kernel, constants, *arrays):
        """Call the kernel on the flat arrays, in blocks on threads if they are large.

        The last array has n values, of which the others may have the first.
        """
        n = arrays[-1].size
        if n < MIN_THREADED_VALUES:
            kernel(constants, *arrays)
            return
        parts = [slice(i, i + VALUES_PER_BLOCK) for i in range(0, n, VALUES_PER_BLOCK)]
        for_each(kernel, [(constants, *(array[part] for array in arrays)) for part in parts])


def _fill_table(block, weight, table):
    block = kernel_input(block)
    if weight is None:
        cpu.column_moments(block, table)
    else:
        cpu.weighted_column_moments(block, kernel_input(weight), table)


def _takes_output(target, block):
    """Whether a kernel can write its result for the block directly into the target.

    It cannot if the target is the block itself: loops over overlapping arrays are not vectorized
    and take 20 ms instead of 10 ms.
    """
    return (
        target.flags.c_contiguous
        and target.flags.aligned
        and target.dtype == block.dtype
        and not np.may_share_memory(target, block)
    )


def scale_stored(X, scale, out):
    """out = X with scaled columns, both CSR of the same structure; return how many are infinite."""
    return cpu.scale_stored(kernel_input(X.data), X.indices, scale, out.data)
