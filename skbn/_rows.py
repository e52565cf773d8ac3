"""The rows of X, dense or sparse, normalized as they are taken and never all at once."""

import numpy as np
from scipy import sparse

from ._device import CPU

# A normalization is folded into the first layer up to this many standard deviations from zero:
# float32 then loses 2e-6 of one at the most.
MAX_FOLDED_MEAN = 32.0


def unchanged(n_features):
    """The (mean, scale) by which rows stay as they are."""
    return np.stack([np.zeros(n_features), np.ones(n_features)])


class DenseRows:
    """Rows of an array X (n, d) in C order, float32 or float64.

    Normalized in float64 and then cast, so that timestamps keep the digits in which they differ.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    mean_scale : ndarray of shape (2, d), float64, or None
        Rows are taken as (x − mean)·scale; ``slice`` takes them as they are with None.
    """

    is_dense = True

    def __init__(self, X, mean_scale, dtype, device):
        self.width = X.shape[1]
        self.X = X.view()
        self.X.flags.writeable = False
        self.mean_scale = mean_scale
        self.dtype, self.device = dtype, device

    def take(self, index, buffer):
        """The rows at the index (m,), in the buffer (m, d)."""
        self.device.kernels.gather_rows(self.X, index, self.mean_scale, buffer)
        return buffer

    def slice(self, start, stop):
        """The rows from start to stop, without a kernel: inference compiles nothing."""
        rows = self.X[start:stop]
        if self.mean_scale is not None:
            mean, scale = self.mean_scale
            rows = (rows - mean) * scale
        return rows.astype(self.dtype, copy=False)

    def dot(self, rows, weight, out):
        """out (m, h) = the rows times the weight (d, h)."""
        self.device.dot(rows, weight, out=out)

    def transposed_dot(self, rows, delta, out):
        """out (d, h) = the rows, transposed, times delta (m, h)."""
        self.device.dot(rows.T, delta, out=out)


class SparseRows:
    """Rows of a CSR matrix X (n, d), normalized without losing their zeros.

    (x − μ)/σ·W is computed as (x/σ)W − (μ/σ)W, so that sparse and dense give the same model.

    Parameters
    ----------
    X : sparse matrix of shape (n, d), CSR
    mean_scale : ndarray of shape (2, d), float64, or None
        Rows are taken as (x − mean)·scale, or as they are.
    """

    is_dense = False

    def __init__(self, X, mean_scale, dtype):
        self.X = X
        self.width = 1  # most of a row is not stored
        self.mean_scale = unchanged(X.shape[1]) if mean_scale is None else mean_scale
        shift = np.prod(self.mean_scale, axis=0)
        # The difference of two large products keeps no digits of float32.
        self.dtype = dtype if np.abs(shift).max() <= MAX_FOLDED_MEAN else np.dtype(np.float64)
        self.shift = shift.astype(self.dtype) if shift.any() else None

    def _scaled(self, rows):
        data = (rows.data * self.mean_scale[1, rows.indices]).astype(self.dtype, copy=False)
        return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)

    def take(self, index, _buffer):
        """The rows at the index (m,), scaled."""
        return self._scaled(self.X[index])

    def slice(self, start, stop):
        """The rows from start to stop, scaled."""
        return self._scaled(self.X[start:stop])

    def dot(self, rows, weight, out):
        """out (m, h) = the normalized rows times the weight (d, h)."""
        out[...] = rows @ weight if self.shift is None else rows @ weight - self.shift @ weight

    def transposed_dot(self, rows, delta, out):
        """out (d, h) = the normalized rows, transposed, times delta (m, h)."""
        out[...] = rows.T @ delta
        if self.shift is not None:
            out -= np.outer(self.shift, delta.sum(axis=0, dtype=self.dtype))


def rows_of(X, mean_scale, dtype, device=CPU):
    """The rows of X, dense or CSR, as a network of the dtype takes them."""
    if sparse.issparse(X):
        return SparseRows(X, mean_scale, dtype)
    return DenseRows(X, mean_scale, dtype, device)
