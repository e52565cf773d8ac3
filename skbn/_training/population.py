"""Statistics of hidden layers over a population of rows, instead of over batches."""

import numpy as np

from .._inference import chunks, dense
from .._moments import RunningMoments


def set_population_moments(network, rows, index, sample_weight):
    """Set the running moments of each layer to those of the rows at the index (n,).

    Layer by layer, the layers below in inference mode, dropout off.
    """
    below = []
    for weight, layer in zip(network.weights, network.normalized, strict=False):
        moments = RunningMoments.empty(weight.shape[1])
        for start, stop in chunks(len(index), max(rows.width, *network.layer_units[1:])):
            part = index[start:stop]
            part_weight = None if sample_weight is None else sample_weight[part]
            z = _product(network, rows, part, below, weight)
            moments = moments.merge(RunningMoments.of(z, part_weight))
        layer.running = moments.table
        below.append(layer.fold(weight))


def _product(network, rows, index, below, weight):
    """The product (m, c) of a layer for the rows at the index (m,)."""
    n, dtype = len(index), network.dtype
    inputs = rows.take(index, np.empty((n, rows.width), dtype))
    out = np.empty((n, weight.shape[1]), dtype)
    dot = np.dot if below else rows.dot
    dot(dense(rows, inputs, below, network.activation), weight, out=out)
    return out
