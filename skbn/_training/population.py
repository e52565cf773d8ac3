"""Statistics of hidden layers over a population of rows, instead of over batches."""

from .._inference import dense, parts
from .._moments import RunningMoments


def set_population_moments(network, rows, index, sample_weight):
    """Set the running moments of each layer to those of the rows at the index (n,).

    Layer by layer, the layers below in inference mode, dropout off.
    """
    for i, layer in enumerate(network.normalized):
        moments = layer_moments(network, i, rows, index, sample_weight)
        layer.running = network.device.xp.array(moments.table)


def layer_moments(network, i, rows, index, sample_weight):
    """The moments of the rows at the index (n,) in normalized layer i, before it normalizes."""
    device, weight = network.device, network.weights[i]
    below = [_folded(network, j) for j in range(i)]
    moments = RunningMoments.empty(weight.shape[1])
    for start, stop in parts(len(index), max(rows.width, *network.layer_units[1:]), device):
        part = index[start:stop]
        part_weight = None if sample_weight is None else sample_weight[part]
        z = _product(network, rows, device.to_device(part), below, weight)
        moments = moments.merge(RunningMoments.of(z, part_weight, device))
    return moments


def _folded(network, i):
    """The dense layer for layer i and its normalization, on the device."""
    device = network.device
    layer = network.normalized[i].fold(device.to_host(network.weights[i]))
    return tuple(map(device.to_device, layer))


def _product(network, rows, index, below, weight):
    """The product (m, c) of a layer for the rows at the index (m,)."""
    n, dtype, xp = len(index), network.dtype, network.device.xp
    inputs = rows.take(index, xp.empty((n, rows.width), dtype))
    out = xp.empty((n, weight.shape[1]), dtype)
    dot = network.device.dot if below else rows.dot
    dot(dense(rows, inputs, below, network.activation), weight, out=out)
    return out
