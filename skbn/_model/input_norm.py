"""How the columns of X become inputs of a network."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from .tables import numbers_of, with_numbers

# A normalization is folded into the first layer if means are at most this many standard deviations
# from zero. The error in float32 is then at most 2e-6 standard deviations.
MAX_FOLDED_MEAN = 32.0

# ... and if standard deviations are within these bounds, which avoid the limits of float32.
FOLDED_SCALES = 1e-12, 1e12


class Bins(NamedTuple):
    """The bins of a piecewise-linear encoding, as kernels read them.

    Attributes
    ----------
    column : ndarray of shape (k,), int64
        The column of X of each bin.
    edges : ndarray of shape (2, k), float64
        Half of the lower edge of each bin, and the inverse of half its width.
    """

    column: np.ndarray
    edges: np.ndarray


class InputNorm(NamedTuple):
    """The inputs of a network, from rows: (x − mean)·scale, smoothly clipped to ±bound, and bins.

    Attributes
    ----------
    mean_scale : ndarray of shape (2, d), float64, or None
        None if the first layer has the normalization folded in.
    bound : float
        Infinity if nothing is clipped.
    bins : Bins or None
        Bins of columns of the unchanged rows, whose encodings are further inputs.
    limits : ndarray of shape (2, d) or None
        The least and the largest value of each column, to which inference limits the rows.
    fill : ndarray of shape (d,), float64, or None
        The values that replace missing ones; None if there are no missing values.
    n_categories : int
        Number of categories of all columns of categories, each of which is a further input.
    embedded : tuple of int
        Number of categories of each column that is embedded. They are the last inputs.
    """

    mean_scale: np.ndarray
    bound: float = np.inf
    bins: Bins | None = None
    limits: np.ndarray | None = None
    fill: np.ndarray | None = None
    n_categories: int = 0
    embedded: tuple = ()

    @classmethod
    def unchanged(cls, n_features):
        """The normalization that leaves rows unchanged."""
        return cls(np.stack([np.zeros(n_features), np.ones(n_features)]))

    @property
    def clips(self):
        return self.bound < np.inf

    @property
    def n_inputs(self):
        """The number of inputs of the network."""
        n_bins = 0 if self.bins is None else len(self.bins.column)
        return self.mean_scale.shape[1] + n_bins + self.n_categories

    def filled(self, X):
        """X, an array, a CSR matrix or a Table; a copy without missing values if it has any."""
        numbers = numbers_of(X)
        if self.fill is None or not has_nan(numbers):
            return X
        return with_numbers(X, _filled(numbers, self.fill))


def has_nan(numbers):
    """Whether numbers, an array or a CSR matrix, have NaN."""
    values = numbers.data if sparse.issparse(numbers) else numbers
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isnan(values.sum()):  # the sum of a sparse matrix would sort its indices
            return False
    return bool(np.isnan(values).any())


def _filled(X, fill):
    X = X.copy()
    if sparse.issparse(X):
        is_missing = np.isnan(X.data)
        X.data[is_missing] = fill[X.indices[is_missing]]
    else:
        np.copyto(X, fill, where=np.isnan(X), casting="same_kind")
    return X


def folds_well(norm):
    """Whether a normalization can be folded into the first layer without loss of digits."""
    (mean, scale), (least, largest) = norm.mean_scale, FOLDED_SCALES
    is_near_zero = np.abs(mean * scale) <= MAX_FOLDED_MEAN
    return bool((is_near_zero & (scale >= 1.0 / largest) & (scale <= 1.0 / least)).all())
