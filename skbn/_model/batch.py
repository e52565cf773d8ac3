"""Batches of rows, and the buffers in which a network computes them."""

import numpy as np

from .layers import Buffers

# A batch of fewer rows has no variance.
MIN_BATCH_ROWS = 2


def near_equal_bounds(n, size):
    """Bounds of nearly equal parts of n rows, each of at least ``size`` rows if n >= ``size``."""
    return np.linspace(0, n, max(1, n // size) + 1).round().astype(np.int64)


class Batch:
    """A batch of n rows, and the buffers in which the layers compute.

    Attributes
    ----------
    rows : DenseRows or SparseRows
        The source of the inputs.
    inputs : ndarray or sparse array of shape (n, n_features)
        The rows that the last call of ``take`` selected.
    weight : ndarray of shape (n,)
        Weights of the rows in the statistics.
    loss_weight : ndarray of shape (n,)
        Weights of the rows in the loss, of sum 1.
    bounds : ndarray, int64
        Bounds of the ghost batches.
    seed, step : int
        Seed and step of the dropout, which depends on these two only.
    layers : list of (layer, Buffers)
        The layers in the order of the forward pass.
    """

    def __init__(self, rows, buffer, bounds, layers):
        self.rows, self.buffer, self.inputs = rows, buffer, buffer
        self.bounds, self.layers = bounds, layers
        self.seed = self.step = 0
        (n, dtype), xp = (buffer.shape[0], buffer.dtype), rows.device.xp
        self.weight = xp.ones(n, dtype)
        self.loss_weight = xp.full(n, 1.0 / n, dtype)

    def take(self, index):
        """Set the inputs to the rows at the index (n,)."""
        self.inputs = self.rows.take(index, self.buffer)

    @property
    def logits(self):
        """Outputs (n, n_outputs) of the last layer."""
        return self.layers[-1][1].out

    @property
    def delta(self):
        """The buffer for the gradient of the loss with respect to the logits."""
        return self.layers[-1][1].delta


class Workspace:
    """The buffers of the largest batch and the gradients, allocated once in a fit.

    Parameters
    ----------
    network : Network
    rows : DenseRows or SparseRows
    n : int
        Number of rows of the largest batch.
    virtual_batch_size : int or None
        Number of rows of a ghost batch.

    Attributes
    ----------
    grads : ndarray of shape (n_params,)
        The gradients of all parameters, in the order of ``network.params``.
    """

    def __init__(self, network, rows, n, virtual_batch_size=None):
        self.network, self.rows, self.virtual_batch_size = network, rows, virtual_batch_size
        self.xp = network.device.xp
        self.buffer = self.xp.empty((n, rows.width), network.dtype)
        self.grads = self.xp.zeros_like(network.params)
        self.buffers = self._buffers(n)
        self.batches = {}

    def _buffers(self, n):
        """The Buffers of each layer."""
        dtype, n_ghosts = self.network.dtype, len(self._bounds(n)) - 1
        grads, buffers = self.network.layout.views(self.grads), [Buffers()]

        def empty(n_units):
            return self.xp.empty((n, n_units), dtype)

        for layer, layer_grads in zip(self.network.layers, grads, strict=True):
            buffers.append(layer.buffers(buffers[-1], empty, n_ghosts))
            buffers[-1].grads = layer_grads
        return buffers[1:]

    def _bounds(self, n):
        size = self.virtual_batch_size
        return near_equal_bounds(n, n if size is None else max(size, MIN_BATCH_ROWS))

    def batch(self, n):
        """The Batch of n rows, created once for each n."""
        if n not in self.batches:
            bounds = self._bounds(n)
            buffers = [buffers.of(n, len(bounds) - 1) for buffers in self.buffers]
            layers = list(zip(self.network.layers, buffers, strict=True))
            self.batches[n] = Batch(self.rows, self.buffer[:n], self.xp.asarray(bounds), layers)
        return self.batches[n]
