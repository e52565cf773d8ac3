"""Moments of the columns of arrays in host memory, and normalization by them.

Arrays are C-contiguous. A *moments* table has the shape (5, c) and dtype float64: count, weight,
mean, rounding error of the mean, and M2 = Σw(x − mean)² of every column. The functions use loops
instead of expressions over whole arrays, because the error messages that Numba compiles for such
expressions add 2 s to the first fit.
"""

import numpy as np

from .. import formulas
from ..compile import jit
from ..layout import (
    COUNT,
    M2,
    MEAN,
    MEAN_ERROR,
    WEIGHT,
    check_shapes,
    repeated,
    rows_per_tile,
    rows_per_vector,
    stream_length,
    wide_view,
)

ROWS_PER_SUM = 512

# Enough shifts to cross the range of float64, at 15 decimal digits a shift.
MAX_SHIFTS = 40


@jit
def add_column_sums(x, reference, deviations, squares):
    """deviations += Σ(x − reference), squares += Σ(x − reference)², by column of x (n, c).

    Rows are read in eight streams, and the sums are written once for eight rows: 200,000x1000 took
    28.0 ms with four streams, 24.5 ms with eight, and 21.5 ms for a pure read.
    """
    n, c = x.shape
    m = stream_length(n, 8)
    for i in range(m):
        for j in range(c):
            r = reference[j]
            d0, d1, d2, d3 = x[i, j] - r, x[i + m, j] - r, x[i + 2 * m, j] - r, x[i + 3 * m, j] - r
            d4, d5 = x[i + 4 * m, j] - r, x[i + 5 * m, j] - r
            d6, d7 = x[i + 6 * m, j] - r, x[i + 7 * m, j] - r
            deviations[j] += d0 + d1 + d2 + d3 + d4 + d5 + d6 + d7
            squares[j] += (
                d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3 + d4 * d4 + d5 * d5 + d6 * d6 + d7 * d7
            )
    for i in range(8 * m, n):
        for j in range(c):
            d = x[i, j] - reference[j]
            deviations[j] += d
            squares[j] += d * d


@jit
def add_lanes(lanes, sums):
    """sums (k, c) += lanes (k, rows * c), the sums of wide rows."""
    c = sums.shape[1]
    for k in range(sums.shape[0]):
        for start in range(0, lanes.shape[1], c):
            for j in range(c):
                sums[k, j] += lanes[k, start + j]


@jit
def column_sums(x, reference, sums):
    """sums (3, c) = n, Σ(x − reference), Σ(x − reference)² of the columns of x (n, c)."""
    n, c = x.shape
    rows = rows_per_vector(n, c)
    lanes = np.zeros((2, rows * c))
    add_column_sums(wide_view(x, rows), repeated(reference, rows), lanes[0], lanes[1])
    add_column_sums(x[n // rows * rows :], reference, lanes[0, :c], lanes[1, :c])
    sums[0].fill(n)
    sums[1:].fill(0.0)
    add_lanes(lanes, sums[1:])


@jit
def add_weighted_column_sums(x, weights, reference, sums):
    """sums (3, c) += Σw, Σw(x − reference), Σw(x − reference)² over the x that are not NaN.

    x and weights have the shape (n, c). Rows are read in four streams: 1,000,000x100 with weights
    took 30 ms in one stream and 19 ms in four; without weights it took 11 ms.
    """
    n, c = x.shape
    m = stream_length(n, 4)
    for i in range(m):
        for j in range(c):
            r = reference[j]
            x0, x1, x2, x3 = x[i, j], x[i + m, j], x[i + 2 * m, j], x[i + 3 * m, j]
            w0, d0 = formulas.present(x0, weights[i, j]), formulas.present(x0, x0 - r)
            w1, d1 = formulas.present(x1, weights[i + m, j]), formulas.present(x1, x1 - r)
            w2, d2 = formulas.present(x2, weights[i + 2 * m, j]), formulas.present(x2, x2 - r)
            w3, d3 = formulas.present(x3, weights[i + 3 * m, j]), formulas.present(x3, x3 - r)
            sums[0, j] += w0 + w1 + w2 + w3
            sums[1, j] += w0 * d0 + w1 * d1 + w2 * d2 + w3 * d3
            sums[2, j] += w0 * d0 * d0 + w1 * d1 * d1 + w2 * d2 * d2 + w3 * d3 * d3
    for i in range(4 * m, n):
        for j in range(c):
            w = formulas.present(x[i, j], weights[i, j])
            d = formulas.present(x[i, j], x[i, j] - reference[j])
            sums[0, j] += w
            sums[1, j] += w * d
            sums[2, j] += w * d * d


@jit
def weighted_column_sums(x, weight, reference, sums):
    """sums (3, c) = Σw, Σw(x − reference), Σw(x − reference)² over the x that are not NaN.

    Rows are summed in groups. When 20,000 float32 values were added one by one, their variance
    lost four digits: float32 values lie on a grid, and rounding errors had the same direction.
    """
    n, c = x.shape
    rows = rows_per_vector(n, c)
    wide_reference = repeated(reference, rows)
    weights = np.empty((ROWS_PER_SUM, c))
    sums.fill(0.0)
    for start in range(0, n, ROWS_PER_SUM):
        group = x[start : start + ROWS_PER_SUM]
        m = group.shape[0]
        for i in range(m):
            weights[i].fill(weight[start + i])
        tail = m // rows * rows
        lanes = np.zeros((3, rows * c))
        add_weighted_column_sums(
            wide_view(group, rows), wide_view(weights[:m], rows), wide_reference, lanes
        )
        add_lanes(lanes, sums)
        add_weighted_column_sums(group[tail:], weights[tail:m], reference, sums)


@jit
def add_exactly(sums, lost, k, j, value):
    """sums[k, j] += value; add the rounding error of the sum to lost[k, j]."""
    total = sums[k, j] + value
    if formulas.is_finite(total):
        lost[k, j] += formulas.rounding_error(sums[k, j], value)
    sums[k, j] = total


@jit
def add_stored_value(x, weight, j, reference, sums, lost):
    """Add a value x that is stored in column j to the five sums.

    The first two are the number and the weight of the stored values, where rows of weight 0 do not
    count. The others are Σw, Σw(x − reference) and Σw(x − reference)² of the x that are not NaN.
    """
    if weight > 0.0:
        sums[0, j] += 1.0
        add_exactly(sums, lost, 1, j, weight)
    if x == x:
        deviation = x - reference[j]
        add_exactly(sums, lost, 2, j, weight)
        add_exactly(sums, lost, 3, j, weight * deviation)
        add_exactly(sums, lost, 4, j, weight * deviation * deviation)


@jit
def csr_sums(data, indices, indptr, weight, reference, sums):
    """sums (5, c) of ``add_stored_value`` over the values of a CSR matrix."""
    check_shapes(data.size == indices.size and indptr.size == weight.size + 1)
    check_shapes(sums.shape == (5, reference.size))
    sums.fill(0.0)
    lost = np.zeros_like(sums)
    for i in range(weight.size):
        for k in range(indptr[i], indptr[i + 1]):
            add_stored_value(data[k], weight[i], indices[k], reference, sums, lost)
    add_lanes(lost, sums)


@jit
def csc_sums(data, indices, indptr, weight, reference, sums):
    """sums (5, c) of ``add_stored_value`` over the values of a CSC matrix."""
    check_shapes(data.size == indices.size and indptr.size == reference.size + 1)
    check_shapes(sums.shape == (5, reference.size))
    sums.fill(0.0)
    lost = np.zeros_like(sums)
    for j in range(reference.size):
        for k in range(indptr[j], indptr[j + 1]):
            add_stored_value(data[k], weight[indices[k]], j, reference, sums, lost)
    add_lanes(lost, sums)


@jit
def first_values(x, weight, reference):
    """reference (c,) = the first value of weight > 0 in each column that is not NaN, or 0.

    Sums about it do not overflow if the values are near the largest float and differ by little.
    """
    for j in range(x.shape[1]):
        reference[j] = 0.0
        for i in range(x.shape[0]):
            if x[i, j] == x[i, j] and weight[i] > 0.0:
                reference[j] = x[i, j]
                break


@jit
def shift_to_mean(reference, sums):
    """Move the reference of the sums to the mean that follows from them."""
    for j in range(reference.size):
        if sums[0, j] > 0.0:
            reference[j] += sums[1, j] / sums[0, j]


@jit
def moments_from_sums(sums, reference, moments):
    """Write the moments table (5, c) of the sums (3, c) taken about the reference (c,)."""
    for j in range(reference.size):
        weight = sums[0, j]
        mean, error, m2 = formulas.moments_from_sums(weight, sums[1, j], sums[2, j], reference[j])
        moments[COUNT, j] = moments[WEIGHT, j] = weight
        moments[MEAN, j], moments[MEAN_ERROR, j], moments[M2, j] = mean, error, m2


@jit
def squares_lose_digits(sums):
    """Whether in a column squares about the reference are over 64 times those about the mean.

    This cannot happen if n rows have equal weights and the reference is the mean of the first
    n / 64 of them.
    """
    for j in range(sums.shape[1]):
        if formulas.lose_digits(sums[0, j], sums[1, j], sums[2, j]):
            return True
    return False


@jit
def pilot_rows(n):
    """Number of pilot rows at the start of n rows. Their mean is the reference for all rows."""
    return n // 64 + 1


@jit
def weighted_column_moments(x, weight, moments):
    """Moments of the columns of x (n, c) with row weights (n,); NaN is skipped.

    If the pilot rows are NaN or have very small weights, the reference may be far from the mean,
    and the squares lose digits. In this case the sums are computed again about the mean that they
    give, until no digits are lost. Each pass brings the reference about 15 digits closer to the
    mean.
    """
    check_shapes(weight.size == x.shape[0] and moments.shape == (5, x.shape[1]))
    pilot = pilot_rows(x.shape[0])
    reference = np.empty(x.shape[1])
    sums = np.empty((3, x.shape[1]))
    first_values(x, weight, reference)
    weighted_column_sums(x[:pilot], weight[:pilot], reference, sums)
    shift_to_mean(reference, sums)
    weighted_column_sums(x, weight, reference, sums)
    for _ in range(MAX_SHIFTS):
        if not squares_lose_digits(sums):
            break
        shift_to_mean(reference, sums)
        weighted_column_sums(x, weight, reference, sums)
    moments_from_sums(sums, reference, moments)


@jit
def column_moments(x, moments):
    """Moments of the columns of x (n, c); NaN is skipped.

    The loop over all values does not check for NaN. If a sum is not finite, because of NaN or of
    an overflow of values near the largest float, the rows are read again with these checks.
    """
    check_shapes(moments.shape == (5, x.shape[1]))
    pilot = pilot_rows(x.shape[0])
    reference = np.empty(x.shape[1])
    sums = np.empty((3, x.shape[1]))
    for j in range(x.shape[1]):
        reference[j] = x[0, j]
    column_sums(x[:pilot], reference, sums)
    shift_to_mean(reference, sums)
    column_sums(x, reference, sums)
    moments_from_sums(sums, reference, moments)
    total = 0.0
    for j in range(x.shape[1]):
        total += sums[1, j]
    if not formulas.is_finite(total):
        weighted_column_moments(x, np.ones(x.shape[0]), moments)


@jit
def merge_moments(moments, other):
    """Merge the table other (5, c) into moments (5, c), column by column."""
    check_shapes(other.shape == moments.shape)
    for j in range(moments.shape[1]):
        moments[COUNT, j] += other[COUNT, j]
        weight, mean, error, m2 = formulas.merged_moments(
            moments[WEIGHT, j],
            moments[MEAN, j],
            moments[MEAN_ERROR, j],
            moments[M2, j],
            other[WEIGHT, j],
            other[MEAN, j],
            other[MEAN_ERROR, j],
            other[M2, j],
        )
        moments[WEIGHT, j], moments[M2, j] = weight, m2
        moments[MEAN, j], moments[MEAN_ERROR, j] = mean, error


@jit
def merge_squared_weights(weight, squared, other_weight, other_squared, out):
    """out (c,) = Σω² of two groups of rows, from their total weights and their own Σω² (c,)."""
    check_shapes(weight.size == squared.size == out.size)
    check_shapes(other_weight.size == other_squared.size == out.size)
    for j in range(out.size):
        total = weight[j] + other_weight[j]
        a, b = (weight[j] / total, other_weight[j] / total) if total > 0.0 else (0.0, 0.0)
        out[j] = a * a * squared[j] + b * b * other_squared[j]


@jit
def decay(moments, batch, momentum):
    """Give the batch (5, c) the weight ``momentum`` and decay the weight of moments (5, c).

    Columns in which the batch has no values do not change. If the two are merged afterwards, they
    give an exponential average. It needs no bias correction, because its weights are not assumed
    to sum to 1.
    """
    check_shapes(batch.shape == moments.shape)
    for j in range(moments.shape[1]):
        if batch[WEIGHT, j] > 0.0:
            kept = formulas.kept_fraction(moments[COUNT, j], moments[WEIGHT, j], momentum)
            moments[WEIGHT, j] *= kept
            moments[M2, j] *= kept
            batch[M2, j] *= momentum / batch[WEIGHT, j]
            batch[WEIGHT, j] = formulas.batch_weight(batch[COUNT, j], float(momentum))


@jit
def normalize_rows(x, mean, scale, offset, out):
    """out (n, c) = scale·(x − mean) + offset by column; return the number of infinite x.

    Rows are read in four streams: 400 MB took 30 to 32 ms, compared with 36 ms in one stream.
    """
    infinite = 0
    n, c = x.shape
    m = stream_length(n, 4)
    for i in range(m):
        for j in range(c):
            mu, a, b = mean[j], scale[j], offset[j]
            x0, x1, x2, x3 = x[i, j], x[i + m, j], x[i + 2 * m, j], x[i + 3 * m, j]
            infinite += (
                formulas.is_infinite(x0)
                + formulas.is_infinite(x1)
                + formulas.is_infinite(x2)
                + formulas.is_infinite(x3)
            )
            out[i, j] = formulas.normalize(x0, mu, a, b)
            out[i + m, j] = formulas.normalize(x1, mu, a, b)
            out[i + 2 * m, j] = formulas.normalize(x2, mu, a, b)
            out[i + 3 * m, j] = formulas.normalize(x3, mu, a, b)
    for i in range(4 * m, n):
        for j in range(c):
            infinite += formulas.is_infinite(x[i, j])
            out[i, j] = formulas.normalize(x[i, j], mean[j], scale[j], offset[j])
    return infinite


@jit
def normalize(x, mean, scale, offset, infinite, out):
    """out (n, c) = scale·(x − mean) + offset by column; infinite (1,) += number of infinite x.

    The inverse has the same form: x = (y − offset)·(1/scale) + mean.
    """
    n, c = x.shape
    check_shapes(out.shape == x.shape and mean.size == scale.size == offset.size == c)
    rows = rows_per_vector(n, c)
    tail = n // rows * rows
    wide, wide_out = wide_view(x, rows), wide_view(out, rows)
    wide_mean, wide_scale = repeated(mean, rows), repeated(scale, rows)
    wide_offset = repeated(offset, rows)
    step = rows_per_tile(rows * c)
    for start in range(0, wide.shape[0], step):
        tile, target = wide[start : start + step], wide_out[start : start + step]
        infinite[0] += normalize_rows(tile, wide_mean, wide_scale, wide_offset, target)
    infinite[0] += normalize_rows(x[tail:], mean, scale, offset, out[tail:])


@jit
def scale_stored(data, columns, scale, out):
    """out (nnz,) = data (nnz,) times the scale (c,) of its column; return how many are infinite."""
    check_shapes(data.size == columns.size == out.size)
    infinite = 0
    for k in range(data.size):
        infinite += formulas.is_infinite(data[k])
        out[k] = data[k] * scale[columns[k]]
    return infinite
