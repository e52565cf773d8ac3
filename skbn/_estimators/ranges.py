"""The range of the values of each column."""

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import min_max_axis


class ColumnRange:
    """The least and the largest value of each column, in the dtype of X.

    Parameters
    ----------
    limits : ndarray of shape (2, d)
        NaN for a column without values.
    """

    def __init__(self, limits):
        self.limits = limits

    @classmethod
    def of(cls, X, weight):
        """The range of the rows of X (n, d), dense or CSR, with weight (n,) above 0, or of all."""
        if weight is not None and not weight.all():
            X = X[weight > 0.0]
        if sparse.issparse(X):
            return cls(np.stack(min_max_axis(X, axis=0, ignore_nan=True)))
        limits = np.stack([X.min(axis=0), X.max(axis=0)])
        if np.isnan(limits).any():  # np.fmin takes twice as long
            limits = np.stack([np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)])
        return cls(limits)

    def expanded(self, columns, n_columns):
        """The range of n_columns, of which only these columns have values."""
        if len(columns) == n_columns:
            return self
        limits = np.full((2, n_columns), np.nan, self.limits.dtype)
        limits[:, columns] = self.limits
        return ColumnRange(limits)

    def merge(self, *others):
        """The range of the rows of all."""
        limits = [part.limits for part in (self, *others)]
        least, largest = np.stack(limits, axis=1)
        return ColumnRange(np.stack([np.fmin.reduce(least), np.fmax.reduce(largest)]))
