"""Statistics of hidden layers over a population of rows, instead of over batches."""

from .._inference import dense, parts
from .._moments import RunningMoments


def set_population_moments(network, rows, index, sample_weight):
    """Set the running moments of each layer to those of the rows at the index (n,).

    Layer by layer, the layers below in inference mode, dropout off.
    """
    below, device = [], network.device
    width = max(rows.width, *network.layer_units[1:])
    for weight, layer in zip(network.weights, network.normalized, strict=False):
        moments = RunningMoments.empty(weight.shape[1])
        for start, stop in parts(len(index), width, device):
            part = index[start:stop]
            part_weight = None if sample_weight is None else sample_weight[part]
            z = _product(network, rows, device.to_device(part), below, weight)
            moments = moments.merge(RunningMoments.of(z, part_weight, device))
        layer.running = device.xp.array(moments.table)
        below.append(tuple(map(device.to_device, layer.fold(device.to_host(weight)))))


def _product(network, rows, index, below, weight):
    """The product (m, c) of a layer for the rows at the index (m,)."""
    n, dtype, xp = len(index), network.dtype, network.device.xp
    inputs = rows.take(index, xp.empty((n, rows.width), dtype))
    out = xp.empty((n, weight.shape[1]), dtype)
    dot = network.device.dot if below else rows.dot
    dot(dense(rows, inputs, below, network.activation), weight, out=out)
    return out
