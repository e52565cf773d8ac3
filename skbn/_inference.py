"""Inference on the folded network: in NumPy alone it compiles nothing and needs no device."""

from math import isfinite

import numpy as np

from ._device import CPU
from ._losses import OUTPUT_ACTIVATIONS
from ._rows import rows_of

# Standard deviations, of which float32 holds the products of some layers.
LARGEST = 1e15

# Rows are never taken fewer than this at a time.
MIN_ROWS = 64


def parts(n_rows, n_columns, device):
    """Bounds (start, stop) of the rows that are computed at a time."""
    step = max(MIN_ROWS, device.chunks.INFERENCE_VALUES // n_columns)
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def dense(rows, inputs, layers, activation):
    """Activations (m, c) of the last of the layers, of the inputs that the source of rows gave."""
    out, dot, xp = inputs, rows.dot, rows.device.xp
    for weight, bias in layers:
        below, out = out, xp.empty((inputs.shape[0], weight.shape[1]), weight.dtype)
        dot(below, weight, out=out)
        out += bias
        activation.infer(out)
        dot = rows.device.dot
    return out


class FoldedNetwork:
    """Dense layers with every normalization folded in.

    Parameters
    ----------
    layers : list of (weight, bias)
    activation : Rectifier, Logistic or Tanh
        Of the hidden layers.
    out_activation : {"identity", "logistic", "softmax", "exp"}
    input_norm : InputNorm or None
        How rows are taken; as they are with None.
    device : Device
        That of the rows.
    """

    def __init__(self, layers, activation, out_activation, input_norm, device=CPU):
        *self.hidden, self.output = [tuple(map(device.to_device, layer)) for layer in layers]
        self.activation = activation
        self.activate = OUTPUT_ACTIVATIONS[out_activation]
        self.input_norm = input_norm
        self.dtype = layers[-1][0].dtype
        self.width = max(weight.shape[1] for weight, _ in layers)

    def logits_of(self, rows):
        """Outputs (n, n_outputs) before their activation, of a source of rows; on its device."""
        weight, bias = self.output
        dot = rows.device.dot if self.hidden else rows.dot
        out = rows.device.xp.empty((rows.n_rows, weight.shape[1]), self.dtype)
        for start, stop in parts(rows.n_rows, max(rows.width, self.width), rows.device):
            inputs = rows.slice(start, stop)
            dot(dense(rows, inputs, self.hidden, self.activation), weight, out=out[start:stop])
        out += bias
        return out

    def logits(self, X):
        """Outputs (n, n_outputs) before their activation, of rows X (n, d), dense or CSR.

        Finite for finite rows: where a row overflows on the way, its inputs are held to ±LARGEST.
        """
        rows = rows_of(X, self.input_norm, self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            out = self.logits_of(rows)
            if not isfinite(out.sum()):
                overflown = np.flatnonzero(~np.isfinite(out).all(axis=1))
                for i in overflown:
                    out[i] = self._logits_held(rows, i)
        return out

    def _logits_held(self, rows, i):
        """Those of row i, with inputs held to ±LARGEST."""
        weight, bias = self.output
        inputs = rows.held(rows.slice(i, i + 1), LARGEST)
        below = dense(rows, inputs, self.hidden, self.activation)
        out = np.empty((1, weight.shape[1]), self.dtype)
        (np.dot if self.hidden else rows.dot)(below, weight, out=out)
        return out[0] + bias

    def __call__(self, X):
        """Outputs (n, n_outputs) of rows X (n, d), dense or CSR."""
        out = self.logits(X)
        self.activate(out)
        return out
