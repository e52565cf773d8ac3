"""The rows of X, dense or sparse, normalized as they are taken and never all at once."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ._device import CPU

# A normalization is folded into the first layer up to this many standard deviations from zero:
# float32 then loses 2e-6 of one at the most.
MAX_FOLDED_MEAN = 32.0


class InputNorm(NamedTuple):
    """How rows are taken: (x − mean)·scale, then smoothly clipped to ±bound.

    Attributes
    ----------
    mean_scale : ndarray of shape (2, d), float64
    bound : float
        Infinity where nothing is clipped.
    """

    mean_scale: np.ndarray
    bound: float = np.inf

    @classmethod
    def unchanged(cls, n_features):
        """By which rows stay as they are."""
        return cls(np.stack([np.zeros(n_features), np.ones(n_features)]))

    @property
    def clips(self):
        return self.bound < np.inf


class DenseRows:
    """Rows of an array X (n, d) in C order, float32 or float64.

    Normalized in float64 and then cast, so that timestamps keep the digits in which they differ.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    norm : InputNorm or None
        ``slice`` takes rows as they are with None.
    """

    is_dense = True

    def __init__(self, X, norm, dtype, device):
        self.width = X.shape[1]
        self.X = X.view()
        self.X.flags.writeable = False
        self.norm = norm
        self.dtype, self.device = dtype, device

    def take(self, index, buffer):
        """The rows at the index (m,), in the buffer (m, d)."""
        self.device.kernels.gather_rows(self.X, index, self.norm.mean_scale, buffer)
        if self.norm.clips:
            self.device.kernels.smooth_clip(buffer, buffer.dtype.type(self.norm.bound), buffer)
        return buffer

    def slice(self, start, stop):
        """The rows from start to stop, without a kernel: inference compiles nothing."""
        rows = self.X[start:stop]
        if self.norm is None:
            return rows.astype(self.dtype, copy=False)
        mean, scale = self.norm.mean_scale
        if not self.norm.clips:
            return ((rows - mean) * scale).astype(self.dtype, copy=False)
        with np.errstate(over="ignore"):
            t = np.clip((rows - mean) * scale / self.norm.bound, -1e9, 1e9)
        return (self.norm.bound * (t / np.sqrt(1 + t * t))).astype(self.dtype, copy=False)

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
    norm : InputNorm or None
        One that does not clip, which would leave no zeros; rows are taken as they are with None.
    """

    is_dense = False

    def __init__(self, X, norm, dtype):
        self.X = X
        self.width = 1  # most of a row is not stored
        self.mean_scale = (norm or InputNorm.unchanged(X.shape[1])).mean_scale
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


def rows_of(X, norm, dtype, device=CPU):
    """The rows of X, dense or CSR, as a network of the dtype takes them."""
    if sparse.issparse(X):
        return SparseRows(X, norm, dtype)
    return DenseRows(X, norm, dtype, device)
