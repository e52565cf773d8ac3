"""Inference with the folded network, which needs neither compilation nor a GPU."""

from math import isfinite

import numpy as np

from .._backends.cpu import CPU
from .._statistics.passes import passes_of
from .activations import inference_value_of
from .inputs import rows_of
from .losses import OUTPUT_ACTIVATIONS

# Limit in standard deviations; float32 can hold the products of such values in a few layers.
LARGEST = 1e15

# Minimum number of rows that are computed at a time.
MIN_ROWS = 64


def row_chunks(n_rows, n_columns, device):
    """Bounds (start, stop) of the chunks of rows that are computed at a time."""
    step = max(MIN_ROWS, passes_of(device).inference_values // n_columns)
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def forward_dense(rows, inputs, layers, activate):
    """Activations (m, c) of the last layer for inputs that ``rows`` has returned."""
    out, dot, xp = inputs, rows.dot, rows.device.xp
    for weight, bias in layers:
        previous, out = out, xp.empty((inputs.shape[0], weight.shape[1]), weight.dtype)
        dot(previous, weight, out=out)
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
        Activation of the hidden layers, a key of ACTIVATIONS.
    out_activation : {"identity", "logistic", "softmax", "exp"}
    input_norm : InputNorm or None
        Normalization of the rows; None leaves them unchanged.
    device : Device
        Device of the rows.
    """

    def __init__(self, layers, activation, out_activation, input_norm, device=CPU):
        *self.hidden, self.output = [tuple(map(device.to_device, layer)) for layer in layers]
        self.activate_hidden = inference_value_of(activation, device)
        self.activate = OUTPUT_ACTIVATIONS[out_activation]
        self.input_norm = input_norm
        self.dtype = layers[-1][0].dtype
        self.width = max(weight.shape[1] for weight, _ in layers)

    def logits_of(self, rows):
        """Outputs (n, n_outputs) before the output activation, on the device of the rows.

        They are finite for finite rows: if a row overflows, its inputs are clipped to ±LARGEST.
        """
        xp = rows.device.xp
        out = xp.empty((rows.n_rows, self.output[0].shape[1]), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for start, stop in row_chunks(rows.n_rows, max(rows.width, self.width), rows.device):
                inputs, chunk = rows.slice(start, stop), out[start:stop]
                self._write_logits(rows, inputs, chunk)
                if not isfinite(chunk.sum()):
                    clipped = xp.empty_like(chunk)
                    self._write_logits(rows, rows.clipped(inputs, LARGEST), clipped)
                    has_overflowed = ~xp.isfinite(chunk).all(axis=1)
                    chunk[has_overflowed] = clipped[has_overflowed]
        return out

    def _write_logits(self, rows, inputs, out):
        """Write the logits (m, n_outputs) for inputs that ``rows`` has returned."""
        weight, bias = self.output
        dot = rows.device.dot if self.hidden else rows.dot
        dot(forward_dense(rows, inputs, self.hidden, self.activate_hidden), weight, out=out)
        out += bias

    def logits(self, X):
        """Outputs (n, n_outputs) before the output activation, for X (n, d), dense or CSR."""
        return self.logits_of(rows_of(X, self.input_norm, self.dtype))

    def __call__(self, X):
        """Outputs (n, n_outputs) for X (n, d), dense or CSR."""
        out = self.logits(X)
        self.activate(out)
        return out
