"""Inference on the folded network, in NumPy alone: it compiles nothing and needs no device."""

import numpy as np

from ._losses import OUTPUT_ACTIVATIONS
from ._rows import rows_of

# Rows are taken so many values at a time, and never fewer than MIN_ROWS. 784 features and three
# layers of 100: 27.4 ms with twice as many, 28.5 so, 31.9 with a quarter of it.
CHUNK_ELEMENTS = 1 << 19
MIN_ROWS = 64


def chunks(n_rows, n_columns):
    """Bounds (start, stop) of the rows that are computed at a time."""
    step = max(MIN_ROWS, CHUNK_ELEMENTS // n_columns)
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def dense(rows, inputs, layers, activation):
    """Activations (m, c) of the last of the layers, of the inputs that the source of rows gave."""
    out, dot = inputs, rows.dot
    for weight, bias in layers:
        below, out = out, np.empty((inputs.shape[0], weight.shape[1]), weight.dtype)
        dot(below, weight, out=out)
        out += bias
        activation.infer(out)
        dot = np.dot
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
    """

    def __init__(self, layers, activation, out_activation, input_norm):
        *self.hidden, self.output = layers
        self.activation = activation
        self.activate = OUTPUT_ACTIVATIONS[out_activation]
        self.input_norm = input_norm
        self.dtype = self.output[0].dtype
        self.width = max(weight.shape[1] for weight, _ in layers)

    def logits(self, X):
        """Outputs (n, n_outputs) before their activation, of rows X (n, d), dense or CSR."""
        rows = rows_of(X, self.input_norm, self.dtype)
        weight, bias = self.output
        dot = np.dot if self.hidden else rows.dot
        out = np.empty((X.shape[0], weight.shape[1]), self.dtype)
        for start, stop in chunks(X.shape[0], max(rows.width, self.width)):
            inputs = rows.slice(start, stop)
            dot(dense(rows, inputs, self.hidden, self.activation), weight, out=out[start:stop])
        out += bias
        return out

    def __call__(self, X):
        """Outputs (n, n_outputs) of rows X (n, d), dense or CSR."""
        out = self.logits(X)
        self.activate(out)
        return out
