"""The rows of X, dense or sparse. Rows are normalized when they are taken, not all at once."""

import numpy as np
from scipy import sparse

from .._backends.cpu import CPU
from ..kernels.layout import HALF_LOWER
from .input_norm import MAX_FOLDED_MEAN, InputNorm
from .rowwise import repeated, rowwise
from .tables import Table, TableRows


class DenseSlices:
    """A CSR matrix X (n, d) of which slices of rows are dense arrays, for inference."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def __getitem__(self, rows):
        return self.X[rows].toarray()


class DenseRows:
    """Rows of an array X (n, d) in C order, float32 or float64.

    Rows are normalized in float64 and then cast, so that timestamps keep the digits in which they
    differ.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    norm : InputNorm or None
        With None, ``slice`` returns unchanged rows. Only ``slice``, which is for inference, limits
        the rows; those that are trained on define the limits.
    """

    def __init__(self, X, norm, dtype, device):
        self.n_rows, self.width = X.shape
        self.X = X if isinstance(X, DenseSlices) else device.to_device(X)
        self.norm = norm = norm or InputNorm(None)
        mean_scale = norm.mean_scale
        self.mean_scale = None if mean_scale is None else device.to_device(mean_scale)
        self.limits = None if norm.limits is None else self._limits(norm.limits, X.dtype, device)
        self.dtype, self.device = dtype, device

    def _limits(self, limits, dtype, device):
        """The limits for ``rowwise``, in the dtype of X."""
        if limits.dtype != dtype:
            with np.errstate(over="ignore"):  # limits of float64 beyond float32
                limits = limits.astype(dtype)
        if not device.is_host:
            return device.to_device(limits)
        return [repeated(values, self.n_rows) for values in limits]

    def take(self, index, buffer):
        """Write the rows at the index (m,) into the buffer (m, d), and return it."""
        self.device.kernels.gather_rows(self.X, index, self.mean_scale, buffer)
        if self.norm.clips:
            self.device.kernels.smooth_clip(buffer, buffer.dtype.type(self.norm.bound), buffer)
        return buffer

    def slice(self, start, stop):
        """The rows from start to stop. No kernel is used, so that inference compiles nothing."""
        rows = self._limited(self._rows(start, stop))
        if self.mean_scale is None:
            return rows.astype(self.dtype, copy=False)
        mean, scale = self.mean_scale
        if not self.norm.clips:
            return ((rows - mean) * scale).astype(self.dtype, copy=False)
        xp = self.device.xp
        with np.errstate(over="ignore"):
            t = xp.clip((rows - mean) * scale / self.norm.bound, -1e9, 1e9)
        return (self.norm.bound * (t / xp.sqrt(1 + t * t))).astype(self.dtype, copy=False)

    def _rows(self, start, stop):
        rows = self.X[start:stop]
        return self.device.to_device(rows) if isinstance(self.X, DenseSlices) else rows

    def _limited(self, rows):
        """The rows, within the limits if there are any. np.clip takes 5 µs for a row, this 2."""
        if self.limits is None:
            return rows
        xp, (least, largest) = self.device.xp, self.limits
        out = rowwise(xp.maximum, rows, least, xp.empty(rows.shape, rows.dtype))
        return rowwise(xp.minimum, out, largest, out)

    def clipped(self, rows, largest):
        """The rows, with their values clipped to ±largest."""
        return self.device.xp.clip(rows, -largest, largest)

    def dot(self, rows, weight, out):
        """out (m, h) = the rows times the weight (d, h)."""
        self.device.dot(rows, weight, out=out)

    def transposed_dot(self, rows, delta, out):
        """out (d, h) = the transposed rows times delta (m, h)."""
        self.device.dot(rows.T, delta, out=out)


class EncodedRows(DenseRows):
    """Rows of an array X (n, d), normalized, and beside them the encodings of their bins.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    norm : InputNorm
        Its bins are not None.
    """

    def __init__(self, X, norm, dtype, device):
        super().__init__(X, norm, dtype, device)
        self.n_columns, self.width = X.shape[1], norm.n_inputs
        self.column, self.edges = map(device.to_device, norm.bins)
        self.inference_edges = device.to_device(self._inference_edges(norm.bins.edges))

    def _inference_edges(self, edges):
        """The edges (2, k, 1) in the dtype in which ``slice`` computes.

        It is float32 if X and the network are, and if it has all lower edges exactly: 36,000 rows
        of 64 columns then take 42 ms to encode instead of 75.
        """
        if self.X.dtype == self.dtype == np.float32:
            with np.errstate(over="ignore"):
                narrow = edges.astype(np.float32)
            if np.isfinite(narrow).all() and (narrow[HALF_LOWER] == edges[HALF_LOWER]).all():
                edges = narrow
        return edges[:, :, None]

    def take(self, index, buffer):
        """Write the inputs for the rows at the index (m,) into the buffer (m, d + k)."""
        super().take(index, buffer)
        self.device.kernels.encode_bins(self.X, index, self.column, self.edges, buffer)
        return buffer

    def slice(self, start, stop):
        """The inputs for the rows from start to stop. No kernel is used, as in DenseRows."""
        columns = super().slice(start, stop)
        inputs = self.device.xp.empty((self.width, len(columns)), self.dtype)
        inputs[: self.n_columns] = columns.T
        inputs[self.n_columns :] = self._bins(self._rows(start, stop))
        return inputs.T

    def _bins(self, rows):
        """The encodings (k, m) of the rows (m, d). The copies of a column are whole rows here."""
        xp, (half_lower, inverse_half_width) = self.device.xp, self.inference_edges
        halves = rows.T.astype(half_lower.dtype, order="C")
        halves *= 0.5
        values = halves.take(self.column, axis=0)
        with np.errstate(over="ignore"):
            values -= half_lower
            values *= inverse_half_width
        return xp.clip(values, 0.0, 1.0, out=values)


class DensifiedRows(DenseRows):
    """Rows of a CSR matrix X (n, d) on a device on which dense products are faster.

    The device holds the stored values of X, and the rows of one batch as a dense array.

    Parameters
    ----------
    X : sparse matrix of shape (n, d), CSR
    norm : InputNorm or None
        A normalization that does not clip; None leaves rows unchanged.
    """

    def __init__(self, X, norm, dtype, device):
        self.n_rows, self.width = X.shape
        self.stored = [device.to_device(array) for array in (X.data, X.indices, X.indptr)]
        self.mean_scale = device.to_device(_mean_scale(norm, self.width))
        self.dtype, self.device = dtype, device

    def take(self, index, buffer):
        """Write the rows at the index (m,) into the buffer (m, d), and return it."""
        self.device.kernels.gather_sparse_rows(*self.stored, index, self.mean_scale, buffer)
        return buffer

    def slice(self, start, stop):
        """The rows from start to stop."""
        xp, stop = self.device.xp, min(stop, self.n_rows)
        return self.take(xp.arange(start, stop), xp.empty((stop - start, self.width), self.dtype))


class SparseRows:
    """Rows of a CSR matrix X (n, d) in host memory, normalized without losing their zeros.

    (x − μ)/σ·W is computed as (x/σ)W − (μ/σ)W, so that sparse and dense X give the same model.

    Parameters
    ----------
    X : sparse matrix of shape (n, d), CSR
    norm : InputNorm or None
        A normalization that does not clip, because clipping leaves no zeros. None leaves rows
        unchanged.
    """

    def __init__(self, X, norm, dtype, device):
        self.X, self.device = X, device
        self.n_rows, self.width = X.shape[0], 1  # most of a row is not stored
        self.mean_scale = _mean_scale(norm, X.shape[1])
        shift = np.prod(self.mean_scale, axis=0)
        # In float32, the difference of two large products has no correct digits.
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
        """The rows, with their values clipped to ±largest."""
        data = np.clip(rows.data, -largest, largest)
        return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)

    def dot(self, rows, weight, out):
        """out (m, h) = the normalized rows times the weight (d, h)."""
        out[...] = rows @ weight if self.shift is None else rows @ weight - self.shift @ weight

    def transposed_dot(self, rows, delta, out):
        """out (d, h) = the transposed normalized rows times delta (m, h)."""
        out[...] = rows.T @ delta
        if self.shift is not None:
            out -= np.outer(self.shift, delta.sum(axis=0, dtype=self.dtype))


def rows_of(X, norm, dtype, device=CPU):
    """The rows of X, dense, CSR or a Table, for a network of this dtype."""
    if isinstance(X, Table):
        of_numbers = norm._replace(n_categories=0)
        return TableRows(rows_of(X.numbers, of_numbers, dtype, device), X.codes, norm.n_categories)
    if not sparse.issparse(X):
        is_encoded = norm is not None and norm.bins is not None
        return (EncodedRows if is_encoded else DenseRows)(X, norm, dtype, device)
    if norm is not None and (norm.bins is not None or norm.limits is not None):
        return rows_of(DenseSlices(X), norm, dtype, device)
    return (DensifiedRows if device.densifies else SparseRows)(X, norm, dtype, device)


def _mean_scale(norm, n_features):
    """The mean and the scale of a norm, those that change nothing if it has none."""
    is_folded = norm is None or norm.mean_scale is None
    return (InputNorm.unchanged(n_features) if is_folded else norm).mean_scale
