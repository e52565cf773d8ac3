"""Inference with the folded network, which needs neither compilation nor a GPU."""

from functools import partial
from math import isfinite
from threading import local

import numpy as np

from .._backends.blas import for_each_in_order, for_each_product
from .._backends.cpu import CPU
from .._statistics.passes import passes_of
from .activations import inference_value_of
from .inputs import rows_of
from .losses import OUTPUT_ACTIVATIONS
from .rowwise import repeated, rowwise

# Limit in standard deviations; float32 can hold the products of such values in a few layers.
LARGEST = 1e15

# Minimum number of rows that are computed at a time.
MIN_ROWS = 64


def row_chunks(n_rows, n_columns, device):
    """Bounds (start, stop) of the chunks of rows that are computed at a time."""
    step = max(MIN_ROWS, passes_of(device).inference_values // n_columns)
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


class LayerBuffers(local):
    """Memory of a thread for the outputs of two layers, which layers overwrite in turn.

    With new arrays for each layer, 20,000 rows take 43 ms instead of 28 at 50-256-256-10.
    """

    def __init__(self, n_values, dtype, xp):
        self.pair = [xp.empty(n_values, dtype) for _ in range(2)]

    def empty(self, shape, _dtype):
        """An array of this shape, valid until the next call but one."""
        self.pair.reverse()
        return self.pair[0][: shape[0] * shape[1]].reshape(shape)


def forward_dense(rows, inputs, layers, activate, empty=None):
    """Activations (m, c) of the last layer for inputs that ``rows`` has returned.

    ``empty(shape, dtype)`` returns the array for the output of a layer.
    """
    out, dot, xp = inputs, rows.dot, rows.device.xp
    empty = empty or xp.empty
    for weight, bias in layers:
        previous, out = out, empty((inputs.shape[0], weight.shape[1]), weight.dtype)
        dot(previous, weight, out=out)
        rowwise(xp.add, out, bias, out)
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
        layers = [tuple(map(device.to_device, layer)) for layer in layers]
        if device.is_host:
            layers = [(weight, repeated(bias)) for weight, bias in layers]
        *self.hidden, self.output = layers
        self.activate_hidden = inference_value_of(activation, device)
        self.activate = OUTPUT_ACTIVATIONS[out_activation]
        self.input_norm = input_norm
        self.dtype = layers[-1][0].dtype
        self.width = max(weight.shape[1] for weight, _ in layers)

    def logits_of(self, rows, activate=OUTPUT_ACTIVATIONS["identity"]):
        """Outputs (n, n_outputs) on the device of the rows, after this output activation.

        Logits are finite for finite rows: if a row overflows, its inputs are clipped to ±LARGEST.
        """
        xp = rows.device.xp
        out = xp.empty((rows.n_rows, self.output[0].shape[1]), self.dtype)
        chunks = row_chunks(rows.n_rows, max(rows.width, self.width), rows.device)
        if len(chunks) == 1:
            self._write_outputs(rows, activate, xp.empty, out, 0, rows.n_rows)
            return out
        empty = LayerBuffers(chunks[0][1] * self.width, self.dtype, xp).empty
        for_each = for_each_product if rows.device.is_host else for_each_in_order
        for_each(partial(self._write_outputs, rows, activate, empty, out), chunks)
        return out

    def _write_outputs(self, rows, activate, empty, out, start, stop):
        """Write the outputs of the rows from start to stop into out (n, n_outputs)."""
        out = out[start:stop]
        with np.errstate(over="ignore", invalid="ignore"):
            self._write_finite_logits(rows, rows.slice(start, stop), out, empty)
        activate(out)

    def _write_finite_logits(self, rows, inputs, out, empty):
        """Write the logits (m, n_outputs), of clipped inputs where those of the inputs overflow."""
        xp = rows.device.xp
        self._write_logits(rows, inputs, out, empty)
        if not isfinite(out.sum()):
            clipped = xp.empty_like(out)
            self._write_logits(rows, rows.clipped(inputs, LARGEST), clipped, empty)
            has_overflowed = ~xp.isfinite(out).all(axis=1)
            out[has_overflowed] = clipped[has_overflowed]

    def _write_logits(self, rows, inputs, out, empty):
        """Write the logits (m, n_outputs) for inputs that ``rows`` has returned."""
        weight, bias = self.output
        dot = rows.device.dot if self.hidden else rows.dot
        hidden = forward_dense(rows, inputs, self.hidden, self.activate_hidden, empty)
        dot(hidden, weight, out=out)
        rowwise(rows.device.xp.add, out, bias, out)

    def logits(self, X):
        """Outputs (n, n_outputs) before the output activation, for X (n, d), dense or CSR."""
        return self.logits_of(rows_of(X, self.input_norm, self.dtype))

    def __call__(self, X):
        """Outputs (n, n_outputs) for X (n, d), dense or CSR."""
        return self.logits_of(rows_of(X, self.input_norm, self.dtype), self.activate)
