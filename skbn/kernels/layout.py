"""The meaning of the rows of tables, and the order in which loops read the rows of arrays.

The order is chosen to fill SIMD vectors and to use the memory bandwidth.
"""

import numpy as np

from .compile import jit

# Rows of a moments table.
COUNT, WEIGHT, MEAN, MEAN_ERROR, M2 = range(5)

# Rows of the statistics of a batch, and of the table of γ and β.
MU, INVERSE_STD, SCALE = range(3)
GAMMA, BETA = range(2)

# Rows of ``mean_scale``, by which the rows of X are normalized.
NORM_MEAN, NORM_SCALE = range(2)

# Rows of ``edges``, by which values of X are encoded in bins.
HALF_LOWER, INVERSE_HALF_WIDTH = range(2)

# Rows of a narrow array are joined until they have at least this many values. A pass over
# 33,000,000x3 float32 took 11.7 times as long as a pure read without this, 1.1 times with it.
LANES = 128

# Number of values that a pass with an output of its size reads and writes at a time. The system
# fills a page of 2 MB with zeros when it is first written. Streams over 4 MB of rows write to
# several new pages at once, of which parts have left the cache when they are written again.
# transform of 1,000,000x100 float32: 61 ms with 4 MB, 53 ms with 1 MB or 0.5 MB, 61 ms with 64 kB.
VALUES_PER_TILE = 1 << 18


@jit
def check_shapes(are_valid):
    """Raise unless shapes match, because the kernel would read beyond the end of an array."""
    if not are_valid:
        raise ValueError("The arrays given to a kernel do not have matching shapes.")


@jit
def rows_per_vector(n, c):
    """Number of rows of a C-contiguous array (n, c) that the loops treat as one wide row."""
    rows = 1
    while rows * c < LANES and 8 * rows <= n:
        rows *= 2
    return rows


@jit
def rows_per_tile(c):
    """Number of rows of c values in a tile of ``VALUES_PER_TILE``; at least 12, for the streams."""
    return max(12, VALUES_PER_TILE // max(1, c))


@jit
def wide_view(x, rows):
    """The first rows of x (n, c), ``rows`` at a time: a view (n // rows, rows * c)."""
    n_wide = x.shape[0] // rows
    return x[: n_wide * rows].reshape(n_wide, rows * x.shape[1])


@jit
def repeated(vector, times):
    """``times`` copies of the vector, one after the other."""
    c = vector.size
    out = np.empty(times * c)
    for i in range(times):
        for j in range(c):
            out[i * c + j] = vector[j]
    return out


@jit
def stream_length(n, streams):
    """Number of rows of each of ``streams`` equal streams in n rows.

    Some rows at the end may belong to no stream. A loop over one stream is limited by the memory
    latency: sums over 400 MB took 14 to 27 ms in one stream or in neighbouring rows, and 10.4 ms in
    streams far apart, the time of a pure read. An odd number avoids conflicts of the streams in
    the cache sets (4,000,000x8: 3.2 ms instead of 4.0 ms).
    """
    return max((n // streams - 1) | 1, 0)
