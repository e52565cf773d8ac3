"""Statistics of hidden layers over a population of rows, instead of over batches."""

from .._model import inference_value_of
from .._model.folded import forward_dense, row_chunks
from .._statistics.moments import RunningMoments


def set_population_moments(network, rows, index, sample_weight):
    """Set the running moments of each layer to those of the rows at the index (n,).

    The layers are processed in order, with the previous layers in inference mode and without
    dropout.
    """
    for layer in network.batch_norms:
        moments = layer_moments(network, layer, rows, index, sample_weight)
        layer.running = network.device.xp.array(moments.table)


def layer_moments(network, layer, rows, index, sample_weight):
    """The moments of the inputs of a BatchNorm layer for the rows at the index (n,)."""
    device = network.device
    previous = network.fold(network.layers.index(layer))
    previous = [tuple(map(device.to_device, weight_bias)) for weight_bias in previous]
    moments = RunningMoments.empty(layer.n_units)
    for start, stop in row_chunks(len(index), max(rows.width, *network.layer_units[1:]), device):
        part = index[start:stop]
        part_weight = None if sample_weight is None else sample_weight[part]
        z = _product(network, rows, device.to_device(part), previous)
        moments = moments.merge(RunningMoments.of(z, part_weight, device))
    return moments


def _product(network, rows, index, layers):
    """The matrix product (m, c) of the last dense layer for the rows at the index (m,)."""
    n, dtype, xp = len(index), network.dtype, network.device.xp
    *hidden, (weight, _) = layers
    inputs = rows.take(index, xp.empty((n, rows.width), dtype))
    out = xp.empty((n, weight.shape[1]), dtype)
    dot = network.device.dot if hidden else rows.dot
    activate = inference_value_of(network.activation, network.device)
    dot(forward_dense(rows, inputs, hidden, activate), weight, out=out)
    return out
