"""Statistics of hidden layers over a population of rows, instead of over batches."""

from .._model import inference_value_of
from .._model.folded import forward_dense, row_chunks
from .._statistics.moments import RunningMoments

# The products of a layer are kept for the next one if they have at most this many values. Three
# layers then take three products of all rows instead of six.
MAX_KEPT_VALUES = 2**22


def set_population_moments(network, rows, index, sample_weight):
    """Set the running moments of each layer to those of the rows at the index (n,).

    The layers are processed in order, with the previous layers in inference mode and without
    dropout.
    """
    is_small = len(index) * max(network.layer_units[1:]) <= MAX_KEPT_VALUES
    products = KeptProducts(network, rows, index) if is_small else Products(network, rows, index)
    for layer in network.batch_norms:
        moments = moments_of_products(products.of(layer), layer, sample_weight)
        layer.running = network.device.xp.array(moments.table)


def layer_moments(network, layer, rows, index, sample_weight):
    """The moments of the inputs of a BatchNorm layer for the rows at the index (n,)."""
    return moments_of_products(Products(network, rows, index).of(layer), layer, sample_weight)


def moments_of_products(products, layer, sample_weight):
    """The moments of products, given as (index of the rows, product) of each chunk of rows."""
    moments = RunningMoments.empty(layer.n_units)
    for part, z in products:
        weight = None if sample_weight is None else sample_weight[part]
        moments = moments.merge(RunningMoments.of(z, weight, layer.device))
    return moments


class Products:
    """The inputs of the BatchNorm layers of a network for all rows, computed from the rows.

    Parameters
    ----------
    network : Network
    rows : DenseRows, SparseRows or TableRows
    index : ndarray of shape (n,)
    """

    def __init__(self, network, rows, index):
        self.network, self.rows, self.index = network, rows, index
        self.activate = inference_value_of(network.activation, network.device)

    def of(self, layer):
        """Yield the rows of each chunk, an index (m,), and the inputs (m, c) of the layer."""
        network, rows = self.network, self.rows
        previous = network.fold(network.layers.index(layer))
        layers = [tuple(map(network.device.to_device, weight_bias)) for weight_bias in previous]
        width = max(rows.width, *network.layer_units[1:])
        for start, stop in row_chunks(len(self.index), width, network.device):
            part = self.index[start:stop]
            yield part, self._product(network.device.to_device(part), layers)

    def _product(self, index, layers):
        """The matrix product (m, c) of the last dense layer for the rows at the index (m,)."""
        n, rows, network = len(index), self.rows, self.network
        (*hidden, (weight, _)), xp = layers, network.device.xp
        inputs = rows.take(index, xp.empty((n, rows.width), network.dtype))
        out = xp.empty((n, weight.shape[1]), network.dtype)
        dot = network.device.dot if hidden else rows.dot
        dot(forward_dense(rows, inputs, hidden, self.activate), weight, out=out)
        return out


class KeptProducts(Products):
    """The same, computed from the inputs of the previous BatchNorm layer, which are kept."""

    def of(self, layer):
        norms, device = self.network.batch_norms, self.network.device
        i = norms.index(layer)
        if i == 0:
            self.kept = list(super().of(layer))
            return self.kept
        weight, dtype = self.network.dense[i].weight, self.network.dtype
        scale, shift = (device.to_device(a.astype(dtype)) for a in norms[i - 1].scale_shift())
        self.kept = [(part, self._next(z, scale, shift, weight)) for part, z in self.kept]
        return self.kept

    def _next(self, z, scale, shift, weight):
        """The product of the next layer, from that of the previous one, which is overwritten."""
        z *= scale
        z += shift
        self.activate(z)
        out = self.network.device.xp.empty((len(z), weight.shape[1]), z.dtype)
        self.network.device.dot(z, weight, out=out)
        return out
