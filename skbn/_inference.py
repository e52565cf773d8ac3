"""Inference on the folded network: in NumPy alone it compiles nothing and needs no device."""

from math import isfinite

import numpy as np

from ._device import CPU
from ._losses import OUTPUT_ACTIVATIONS
from ._model import inference_value_of
from ._rows import rows_of

# Standard deviations, of which float32 holds the products of some layers.
LARGEST = 1e15

# Rows are never taken fewer than this at a time.
MIN_ROWS = 64


def parts(n_rows, n_columns, device):
    """Bounds (start, stop) of the rows that are computed at a time."""
    step = max(MIN_ROWS, device.chunks.INFERENCE_VALUES // n_columns)
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def dense(rows, inputs, layers, activate):
    """Activations (m, c) of the last of the layers, of the inputs that the source of rows gave."""
    out, dot, xp = inputs, rows.dot, rows.device.xp
    for weight, bias in layers:
        below, out = out, xp.empty((inputs.shape[0], weight.shape[1]), weight.dtype)
        dot(below, weight, out=out)
        out += bias
        activate(out)
        dot = rows.device.dot
    return out


class FoldedNetwork:
    """Dense layers with every normalization folded in.

    Parameters
    ----------
    layers : list of (weight, bias)
    activation : str
        Of the hidden layers, a key of ACTIVATIONS.
    out_activation : {"identity", "logistic", "softmax", "exp"}
    input_norm : InputNorm or None
        How rows are taken; as they are with None.
    device : Device
        That of the rows.
    """

    def __init__(self, layers, activation, out_activation, input_norm, device=CPU):
        *self.hidden, self.output = [tuple(map(device.to_device, layer)) for layer in layers]
        self.activate_hidden = inference_value_of(activation, device)
        self.activate = OUTPUT_ACTIVATIONS[out_activation]
        self.input_norm = input_norm
        self.dtype = layers[-1][0].dtype
        self.width = max(weight.shape[1] for weight, _ in layers)

    def logits_of(self, rows):
        """Outputs (n, n_outputs) before their activation, of a source of rows; on its device.

        Finite for finite rows: a row that overflows on the way has its inputs clipped to ±LARGEST.
        """
        xp = rows.device.xp
        out = xp.empty((rows.n_rows, self.output[0].shape[1]), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for start, stop in parts(rows.n_rows, max(rows.width, self.width), rows.device):
                inputs, part = rows.slice(start, stop), out[start:stop]
                self._write_logits(rows, inputs, part)
                if not isfinite(part.sum()):
                    clipped = xp.empty_like(part)
                    self._write_logits(rows, rows.clipped(inputs, LARGEST), clipped)
                    has_overflown = ~xp.isfinite(part).all(axis=1)
                    part[has_overflown] = clipped[has_overflown]
        return out

    def _write_logits(self, rows, inputs, out):
        """Write the logits (m, n_outputs) of the inputs that the source of rows gave."""
        weight, bias = self.output
        dot = rows.device.dot if self.hidden else rows.dot
        dot(dense(rows, inputs, self.hidden, self.activate_hidden), weight, out=out)
        out += bias

    def logits(self, X):
        """Outputs (n, n_outputs) before their activation, of rows X (n, d), dense or CSR."""
        return self.logits_of(rows_of(X, self.input_norm, self.dtype))

    def __call__(self, X):
        """Outputs (n, n_outputs) of rows X (n, d), dense or CSR."""
        out = self.logits(X)
        self.activate(out)
        return out
