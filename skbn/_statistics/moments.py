"""Running statistics: count, mean and variance of the columns of all rows seen."""

import numpy as np
from scipy import sparse

from .._backends.cpu import CPU
from ..kernels import cpu
from ..kernels.cpu.statistics import MAX_SHIFTS
from ..kernels.layout import COUNT, M2, MEAN, WEIGHT
from .host import kernel_input
from .passes import passes_of

# Values are multiplied by 2**-540, so that the sum of 2**50 squares does not overflow.
SCALE_EXPONENT = 540


class RunningMoments:
    """Count, weight, mean and M2 of the columns of all rows seen, in float64.

    The same merge gives exact statistics over any split of a stream, the statistics of many
    workers, and an exponential average, in which the old weight decays before the merge. An
    instance is immutable: ``merge`` and ``forget`` return new ones, so that statistics are
    unchanged if a batch raises an error.

    Parameters
    ----------
    table : ndarray of shape (5, n_columns), float64
        Count (rows, or the sum of their weights), weight in a merge, mean, rounding error of the
        mean, and M2 = Σw(x − mean)² of every column.
    is_weighted : bool
        Whether counts are sums of weights.
    squared_weights : ndarray of shape (n_columns,) or None
        Σω² of the weights ω = w/Σw of the rows in a column, which sum to 1. It is the inverse of
        the effective number of rows (Kish 1965). None if rows have equal weights, for which it is
        1/count.

    References
    ----------
    Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37.3 (1983), equations 1.5a and 1.5b.
    """

    squared_weights = None  # of instances saved by versions without this attribute

    def __init__(self, table, *, is_weighted=False, squared_weights=None):
        self.table = table
        self.is_weighted = is_weighted
        self.squared_weights = squared_weights

    @classmethod
    def empty(cls, n_columns):
        """The moments of no rows."""
        return cls(np.zeros((5, n_columns)))

    @classmethod
    def from_statistics(cls, n_columns, count, mean, variance, ddof):
        """The moments of rows of which only these statistics are known, as numbers or by column."""
        table = np.zeros((5, n_columns))
        table[COUNT] = table[WEIGHT] = count
        table[MEAN] = mean
        table[M2] = np.multiply(variance, count - ddof)
        return cls(table, is_weighted=np.asarray(count).dtype.kind == "f")

    @classmethod
    def of(cls, X, sample_weight=None, device=CPU):
        """The moments of the rows of X (n, c), dense, CSR or CSC; NaN is skipped.

        Parameters
        ----------
        X : ndarray or sparse array of shape (n, c), real
            A dense X may be in the memory of the device. The host sums sparse rows.
        sample_weight : ndarray of shape (n,), float64, or None
        device : Device
        """
        table_of = _sparse_table if sparse.issparse(X) else passes_of(device).column_moments
        table = table_of(X, sample_weight)
        is_finite = np.isfinite(table[MEAN:])
        if not is_finite.all():
            has_overflowed = ~is_finite.all(axis=0)
            scaled = _table_of_scaled(table_of, X, sample_weight)
            table[:, has_overflowed] = scaled[:, has_overflowed]
        if sample_weight is None:
            return cls(table)
        squared_weights = _squared_weights(table_of, X, sample_weight, table[COUNT])
        return cls(table, is_weighted=True, squared_weights=squared_weights)

    def merge(self, *others):
        """The moments of the rows of self and the others: exact, for any order of merging."""
        first, *group = [moments.weighed_by_count() for moments in (self, *others)]
        table, squared = first.table.copy(), first.squared_weights
        for moments in group:
            if squared is not None or moments.squared_weights is not None:
                of_first = RunningMoments(table, squared_weights=squared)
                squared = _merged_squared_weights(of_first, moments)
            cpu.merge_moments(table, moments.table)
        is_weighted = any(moments.is_weighted for moments in (first, *group))
        return RunningMoments(table, is_weighted=is_weighted, squared_weights=squared)

    def expanded(self, columns, n_columns):
        """The moments of n_columns, of which only these columns have values."""
        if len(columns) == n_columns:
            return self
        table, squared = np.zeros((5, n_columns)), self.squared_weights
        table[:, columns] = self.table
        if squared is not None:
            squared = np.zeros(n_columns)
            squared[columns] = self.squared_weights
        return RunningMoments(table, is_weighted=self.is_weighted, squared_weights=squared)

    def forget(self, batch, momentum):
        """The moments of a stream in which ``momentum`` is the weight of the newest batch.

        All previous batches together have the remaining weight. The weight of a batch does not
        depend on its number of rows. A column in which the batch has no values is unchanged. The
        variance includes the spread between the means of batches.
        """
        is_weighted = self.is_weighted or batch.is_weighted
        old = RunningMoments(self.table.copy(), squared_weights=self.squared_weights)
        new = RunningMoments(batch.table.copy(), squared_weights=batch.squared_weights)
        cpu.decay(old.table, new.table, float(momentum))  # Numba does not convert True
        # Decay does not change the weights of rows relative to each other.
        squared = _merged_squared_weights(old, new)
        cpu.merge_moments(old.table, new.table)
        return RunningMoments(old.table, is_weighted=is_weighted, squared_weights=squared)

    def weighed_by_count(self):
        """The same statistics, with the weight that ``count`` rows of equal weight have."""
        count, weight = self.table[COUNT], self.table[WEIGHT]
        if count.tobytes() == weight.tobytes():  # 0.4 µs; (count == weight).all() takes 2 µs
            return self
        table = self.table.copy()
        table[M2] *= np.divide(count, weight, where=weight > 0, out=np.zeros_like(count))
        table[WEIGHT] = count
        return RunningMoments(
            table, is_weighted=self.is_weighted, squared_weights=self.squared_weights
        )

    def _squared_weights_of_rows(self):
        """``squared_weights``, also if rows have equal weights; 0 in a column without rows."""
        if self.squared_weights is not None:
            return self.squared_weights
        count = self.table[COUNT]
        return np.divide(1.0, count, where=count > 0, out=np.zeros_like(count))

    @property
    def effective_count(self):
        """The effective number of rows, (Σw)²/Σw², for any scale of the weights (Kish 1965)."""
        if self.squared_weights is None:
            return self.table[COUNT]
        squared = self.squared_weights
        return np.divide(1.0, squared, where=squared > 0, out=np.zeros_like(squared))

    def is_finite(self):
        """Whether all means are finite. They are not after infinity in the rows or an overflow."""
        return bool(np.isfinite(self.table[MEAN]).all())

    @property
    def count(self):
        """Rows seen in each column, as int64, or the sum of their weights, as float64.

        It is exact up to 2^53 rows, which is nine years at 30 million rows a second. A count beyond
        int64 stays float64.
        """
        count = self.table[COUNT].copy()
        is_whole = not self.is_weighted and (count < 2.0**63).all()
        return count.astype(np.int64) if is_whole else count

    @property
    def mean(self):
        """Mean of each column; NaN where no value was seen."""
        return np.where(self.table[COUNT] > 0, self.table[MEAN], np.nan)

    def variance(self, ddof):
        """M2 / weight, corrected by ``ddof``; NaN where no value was seen.

        Cumulative statistics are multiplied by count / (count − ddof). Exponential averages are
        multiplied by 1 / (1 − ddof·Σω²), where the weights ω of the rows in the average sum to 1.
        If there are too few rows for this, cumulative variances are 0, and those of averages are
        not corrected.
        """
        count, weight, *_, m2 = self.table
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            variance = m2 / weight
            if not ddof:
                return variance
            correction = np.where(
                weight == count,
                np.where(count > ddof, count / (count - ddof), 0.0),
                self._correction_of_average(ddof),
            )
            return np.where(count > 0, variance * correction, variance)

    def _correction_of_average(self, ddof):
        rest = 1.0 - ddof * self._squared_weights_of_rows()
        return np.where(rest > 0, 1.0 / rest, 1.0)


def _squared_weights(table_of, X, sample_weight, count):
    """Σω² of the weights ω of the rows that are not NaN in each column."""
    total = sample_weight.sum()
    present = count / total
    squares = np.full_like(count, _sum_of_squares(sample_weight, total))
    # Missing rows with a smaller fraction of the weight than this do not change the squares.
    has_missing = present < 1.0 - 1e-9
    if not has_missing.any():
        return squares
    squared = (sample_weight / total) ** 2
    squares[has_missing] = table_of(X[:, has_missing], squared)[COUNT]
    return np.divide(squares, present**2, where=present > 0, out=np.zeros_like(squares))


def _sum_of_squares(weight, total):
    """Σ(weight/total)², without BLAS, whose rounding depends on its number of threads."""
    if 1e-120 < total < 1e120:  # no copy: 0.1 ms for 200,000 rows, 1.0 ms with a copy
        return np.einsum("i,i->", weight, weight) / total**2
    return np.square(weight / total).sum()


def _merged_squared_weights(first, second):
    """The ``squared_weights`` after a merge of both by their weights."""
    weights = first.table[WEIGHT], second.table[WEIGHT]
    merged = np.empty_like(weights[0])
    cpu.merge_squared_weights(
        weights[0],
        first._squared_weights_of_rows(),
        weights[1],
        second._squared_weights_of_rows(),
        merged,
    )
    return merged


def _table_of_scaled(table_of, X, sample_weight):
    """The moments table of X, computed from values and weights scaled so that no sum overflows.

    Infinity stays infinity. Columns that do not need the scaling may lose digits.
    """
    if sample_weight is None:
        exponent = 0
    else:
        exponent = np.frexp(sample_weight.sum())[1]
        sample_weight = np.ldexp(sample_weight, -exponent)
    table = table_of(X.astype(np.float64) * 2.0**-SCALE_EXPONENT, sample_weight)
    of_m2 = exponent + 2 * SCALE_EXPONENT
    exponents = np.array([exponent, exponent, SCALE_EXPONENT, SCALE_EXPONENT, of_m2])
    with np.errstate(over="ignore"):
        return np.ldexp(table, exponents[:, None])


def _sparse_table(X, sample_weight):
    """The moments table of a sparse X. Columns without stored values have the mean 0.

    The statistics of the other columns take several passes over arrays of their number, so that a
    batch of few stored values does not pay for all columns. Two rows of 1,000,000 columns with
    2000 stored values took 150 ms with all columns and 4 ms without the empty ones.
    """
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    if X.nnz >= X.shape[1]:
        return _table_of_stored(X, weight)
    table = np.zeros((5, X.shape[1]))
    table[[COUNT, WEIGHT]] = weight.sum()
    stored = _stored_columns(X)
    if stored.size:
        table[:, stored] = _table_of_stored(X[:, stored], weight)
    return table


def _stored_columns(X):
    """The indices of the columns of a CSR or CSC matrix in which values are stored."""
    if X.format == "csc":
        return np.flatnonzero(np.diff(X.indptr))
    is_stored = np.zeros(X.shape[1], bool)
    is_stored[X.indices] = True
    return np.flatnonzero(is_stored)


def _table_of_stored(X, weight):
    """The moments table of a sparse X, from passes over its stored values.

    The first pass gives the mean, and the second the squares about it. More passes follow while
    the squares lose digits, for example if rows of very small weight vary less than the rounding
    error of the mean.
    """
    reference = np.zeros(X.shape[1])
    table = np.empty((5, X.shape[1]))
    sums = _sparse_sums(X, weight, reference)
    for _ in range(MAX_SHIFTS):
        cpu.shift_to_mean(reference, sums)
        sums = _sparse_sums(X, weight, reference)
        if not cpu.squares_lose_digits(sums):
            break
    cpu.moments_from_sums(sums, reference, table)
    return table


def _sparse_sums(X, weight, reference):
    """Σw, Σw(x − reference), Σw(x − reference)² by column, with the zeros that are not stored."""
    stored_sums = cpu.csr_sums if X.format == "csr" else cpu.csc_sums
    sums = np.empty((5, X.shape[1]))
    stored_sums(kernel_input(X.data), X.indices, X.indptr, weight, reference, sums)
    n_stored, stored_weight, *sums = sums
    zeros = _weight_of_zeros(X, weight, n_stored, stored_weight)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller checks for infinity
        of_zeros = zeros * np.stack([np.ones_like(reference), -reference, reference**2])
        return sums + np.where(zeros > 0.0, of_zeros, 0.0)


def _weight_of_zeros(X, weight, n_stored, stored_weight):
    """Σw of the rows for which a column stores no value.

    It is the difference of two sums, which is exact for counts. If the difference loses digits,
    the weights of these rows are summed directly.
    """
    total, n_rows = weight.sum(), (weight > 0.0).sum()
    # A full column has no zeros, even if the difference of two rounded sums is not 0.
    zeros = np.where(n_stored == n_rows, 0.0, total - stored_weight)
    few = (n_stored < n_rows) & (zeros < total / 64.0)
    if (weight == 1.0).all() or not few.any():
        return zeros
    stored = X[:, few].tocsc()
    for k, j in enumerate(np.flatnonzero(few)):
        rest = weight.copy()
        rest[stored.indices[stored.indptr[k] : stored.indptr[k + 1]]] = 0.0
        zeros[j] = rest.sum()
    return zeros
