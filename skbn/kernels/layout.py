"""What the rows of tables are, and in which order loops read the rows of arrays.

So that vectors are full and memory is busy.
"""

import numpy as np

from .compile import jit

# Of a moments table.
COUNT, WEIGHT, MEAN, MEAN_ERROR, M2 = range(5)

# Of the statistics of a batch, and of what scales and shifts it.
MU, INVERSE_STD, SCALE = range(3)
GAMMA, BETA = range(2)

# Of how rows are normalized when they are taken.
NORM_MEAN, NORM_SCALE = range(2)

# Rows of a narrow array are joined until they fill this many lanes: 33,000,000x3 float32 took
# 11.7 times the time of a pure read without, 1.1 times with.
LANES = 128


@jit
def check_shapes(are_valid):
    """Raise where the arrays given to a kernel differ in shape: it would read beyond their ends."""
    if not are_valid:
        raise ValueError("The arrays given to a kernel do not have matching shapes.")


@jit
def rows_per_vector(n, c):
    """How many rows of a C-contiguous (n, c) array the loops treat as one wide row."""
    rows = 1
    while rows * c < LANES and 8 * rows <= n:
        rows *= 2
    return rows


@jit
def wide_view(x, rows):
    """The first rows of x (n, c), ``rows`` at a time: a view (n // rows, rows * c)."""
    n_wide = x.shape[0] // rows
    return x[: n_wide * rows].reshape(n_wide, rows * x.shape[1])


@jit
def repeated(vector, times):
    """The vector, ``times`` times end to end."""
    c = vector.size
    out = np.empty(times * c)
    for i in range(times):
        for j in range(c):
            out[i * c + j] = vector[j]
    return out


@jit
def stream_length(n, streams):
    """Rows of each of so many equal streams in n rows; some rows at the end belong to none.

    One stream of rows is bound by the latency of memory: sums over 400 MB took 14 to 27 ms in
    one stream or in neighbouring rows, 10.4 ms in streams far apart, the time of a bare read.
    An odd number keeps streams out of each other's cache sets (4,000,000x8: 4.0 against 3.2 ms).
    """
    return max((n // streams - 1) | 1, 0)
