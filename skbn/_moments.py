"""Running statistics: count, mean and variance of the columns of everything seen."""

import numpy as np
from scipy import sparse

from . import _chunks
from .kernels import cpu


class RunningMoments:
    """Count, weight, mean and M2 of the columns of all rows seen, in float64.

    One mechanism serves exact statistics over any split of a stream, the statistics of many
    workers, and an exponential average, in which the old weight decays before the merge. An
    instance never changes: ``merge`` and ``forget`` give new ones, so that a refused batch
    leaves no trace.

    Parameters
    ----------
    table : ndarray of shape (5, n_columns), float64
        Count (rows, or the sum of their weights), weight in a merge, mean, what the rounded
        mean lacks, and M2 = Σw(x − mean)² of every column.
    is_weighted : bool
        Whether counts are sums of weights.

    References
    ----------
    Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37.3 (1983), equations 1.5a and 1.5b.
    """

    def __init__(self, table, is_weighted=False):
        self.table = table
        self.is_weighted = is_weighted

    @classmethod
    def empty(cls, n_columns):
        """Of no rows."""
        return cls(np.zeros((5, n_columns)))

    @classmethod
    def from_statistics(cls, n_columns, count, mean, variance, ddof):
        """Of rows of which only count, mean and variance are known: one number or one a column."""
        table = np.zeros((5, n_columns))
        table[cpu.COUNT] = table[cpu.WEIGHT] = count
        table[cpu.MEAN] = mean
        table[cpu.M2] = np.multiply(variance, count - ddof)
        return cls(table, np.asarray(count).dtype.kind == "f")

    @classmethod
    def of(cls, X, sample_weight=None):
        """Of the rows of X (n, c), dense or CSR or CSC; NaN is skipped.

        Parameters
        ----------
        X : ndarray or sparse array of shape (n, c), real
        sample_weight : ndarray of shape (n,), float64, or None
        """
        if sparse.issparse(X):
            return cls(_sparse_table(X, sample_weight), sample_weight is not None)
        blocks = _chunks.blocks(X)
        tables = np.empty((len(blocks), 5, X[blocks[0]].shape[1]))
        _chunks.for_each(
            lambda table, rows, columns: _fill_table(table, X[rows, columns], sample_weight, rows),
            ((table, *block) for table, block in zip(tables, blocks, strict=True)),
        )
        if _chunks.blocks_are_columns(X):
            tables = np.ascontiguousarray(tables.reshape(X.shape[1], -1, 5).transpose(1, 2, 0))
        first, *rest = (cls(table, sample_weight is not None) for table in tables)
        return first.merge(*rest)

    def merge(self, *others):
        """Of the rows of self and the others: exact, whatever the order of merging."""
        table = self.table.copy()
        for other in others:
            cpu.merge_moments(table, other.table)
        return RunningMoments(table, any(m.is_weighted for m in (self, *others)))

    def forget(self, batch, momentum):
        """Of a stream whose newest batch weighs ``momentum`` and all before it the rest.

        A batch counts once, however many rows it has, and not at all in a column where it
        has none. The spread between the means of batches counts into the variance.
        """
        old, new = self.table.copy(), batch.table.copy()
        cpu.forget(old, new, momentum)
        cpu.merge_moments(old, new)
        return RunningMoments(old, self.is_weighted or batch.is_weighted)

    def weighed_by_count(self):
        """The same statistics as those of ``count`` rows of equal weight, after forgetting."""
        count, weight = self.table[cpu.COUNT], self.table[cpu.WEIGHT]
        if (count == weight).all():
            return self
        table = self.table.copy()
        table[cpu.M2] *= np.divide(count, weight, where=weight > 0, out=np.zeros_like(count))
        table[cpu.WEIGHT] = count
        return RunningMoments(table, self.is_weighted)

    def is_finite(self):
        """Whether no infinity and no overflow is in the statistics."""
        return bool(np.isfinite(self.table).all())

    @property
    def count(self):
        """Rows seen in each column, as int64, or the sum of their weights, as float64."""
        return self.table[cpu.COUNT].astype(np.float64 if self.is_weighted else np.int64)

    @property
    def mean(self):
        """Mean of each column; NaN where no value was seen."""
        return np.where(self.table[cpu.COUNT] > 0, self.table[cpu.MEAN], np.nan)

    def variance(self, ddof):
        """M2 / weight, times count / (count − ddof); NaN where no value was seen.

        0 where the count is not above ddof: nothing is known of the spread yet.
        """
        count, weight, *_, m2 = self.table
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = m2 / weight
            if ddof:
                unbiased = variance * (count / (count - ddof))
                variance = np.where((count > 0) & (count <= ddof), 0.0, unbiased)
        return variance


def _fill_table(table, block, sample_weight, rows):
    block = _chunks.kernel_input(block)
    if sample_weight is None:
        cpu.column_moments(block, table)
    else:
        cpu.weighted_column_moments(block, _chunks.kernel_input(sample_weight[rows]), table)


def _sparse_table(X, sample_weight):
    """Two passes over the stored values: the first tells the mean, the second squares about it."""
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    n, c = X.shape
    weight = np.ones(n) if sample_weight is None else sample_weight
    stored_sums, n_stored = (
        (cpu.csr_sums, np.bincount(X.indices, minlength=c))
        if X.format == "csr"
        else (cpu.csc_sums, np.diff(X.indptr))
    )
    data = _chunks.kernel_input(X.data)
    reference = np.zeros(c)
    sums = np.zeros((4, c))
    for _ in range(2):
        cpu.shift_to_mean(reference, sums[1:])
        stored_sums(data, X.indices, X.indptr, weight, reference, sums)
        # A full column has no zeros: the difference of two rounded sums must not say otherwise.
        zeros = np.where(n_stored == n, 0.0, weight.sum() - sums[0])
        with np.errstate(over="ignore", invalid="ignore"):  # infinity, refused above
            sums[1:] += zeros * np.stack([np.ones(c), -reference, reference**2])
    table = np.empty((5, c))
    cpu.moments_from_sums(sums[1:], reference, table)
    return table
