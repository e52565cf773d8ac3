"""The rows of X, dense or sparse, normalized as they are taken and never all at once."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ._device import CPU

# A normalization is folded into the first layer up to this many standard deviations from zero:
# float32 then loses 2e-6 of one at the most.
MAX_FOLDED_MEAN = 32.0

# ... and for standard deviations within these bounds, which leave float32 its range.
FOLDED_SCALES = 1e-12, 1e12


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


def folds_well(norm):
    """Whether a normalization can be folded into the first layer without a loss."""
    (mean, scale), (least, largest) = norm.mean_scale, FOLDED_SCALES
    is_near_zero = np.abs(mean * scale) <= MAX_FOLDED_MEAN
    return bool((is_near_zero & (scale >= 1.0 / largest) & (scale <= 1.0 / least)).all())


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
        self.n_rows, self.width = X.shape
        self.X = device.to_device(X)
        self.norm = norm
        self.mean_scale = None if norm is None else device.to_device(norm.mean_scale)
        self.dtype, self.device = dtype, device

    def take(self, index, buffer):
        """The rows at the index (m,), in the buffer (m, d)."""
        self.device.kernels.gather_rows(self.X, index, self.mean_scale, buffer)
        if self.norm.clips:
            self.device.kernels.smooth_clip(buffer, buffer.dtype.type(self.norm.bound), buffer)
        return buffer

    def slice(self, start, stop):
        """The rows from start to stop, without a kernel: inference compiles nothing."""
        rows = self.X[start:stop]
        if self.norm is None:
            return rows.astype(self.dtype, copy=False)
        mean, scale = self.mean_scale
        if not self.norm.clips:
            return ((rows - mean) * scale).astype(self.dtype, copy=False)
        xp = self.device.xp
        with np.errstate(over="ignore"):
            t = xp.clip((rows - mean) * scale / self.norm.bound, -1e9, 1e9)
        return (self.norm.bound * (t / xp.sqrt(1 + t * t))).astype(self.dtype, copy=False)

    def clipped(self, rows, largest):
        """The rows, none of their values beyond ±largest."""
        return self.device.xp.clip(rows, -largest, largest)

    def dot(self, rows, weight, out):
        """out (m, h) = the rows times the weight (d, h)."""
        self.device.dot(rows, weight, out=out)

    def transposed_dot(self, rows, delta, out):
        """out (d, h) = the rows, transposed, times delta (m, h)."""
        self.device.dot(rows.T, delta, out=out)


class DensifiedRows(DenseRows):
    """Rows of a CSR matrix X (n, d) on a device that is faster at dense products.

    The device holds what is stored, and the rows of a batch with their zeros.

    Parameters
    ----------
    X : sparse matrix of shape (n, d), CSR
    norm : InputNorm or None
        One that does not clip; rows are taken as they are with None.
    """

    def __init__(self, X, norm, dtype, device):
        self.n_rows, self.width = X.shape
        self.stored = [device.to_device(array) for array in (X.data, X.indices, X.indptr)]
        norm = norm or InputNorm.unchanged(self.width)
        self.mean_scale = device.to_device(norm.mean_scale)
        self.dtype, self.device = dtype, device

    def take(self, index, buffer):
        """The rows at the index (m,), in the buffer (m, d)."""
        self.device.kernels.gather_sparse_rows(*self.stored, index, self.mean_scale, buffer)
        return buffer

    def slice(self, start, stop):
        """The rows from start to stop."""
        xp, stop = self.device.xp, min(stop, self.n_rows)
        return self.take(xp.arange(start, stop), xp.empty((stop - start, self.width), self.dtype))


class SparseRows:
    """Rows of a CSR matrix X (n, d) in host memory, normalized without losing their zeros.

    (x − μ)/σ·W is computed as (x/σ)W − (μ/σ)W, so that sparse and dense give the same model.

    Parameters
    ----------
    X : sparse matrix of shape (n, d), CSR
    norm : InputNorm or None
        One that does not clip, which would leave no zeros; rows are taken as they are with None.
    """

    is_dense = False

    def __init__(self, X, norm, dtype, device):
        self.X, self.device = X, device
        self.n_rows, self.width = X.shape[0], 1  # most of a row is not stored
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

    def clipped(self, rows, largest):
        """The rows, none of their values beyond ±largest."""
        data = np.clip(rows.data, -largest, largest)
        return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)

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
    if not sparse.issparse(X):
        return DenseRows(X, norm, dtype, device)
    return (DensifiedRows if device.densifies else SparseRows)(X, norm, dtype, device)
