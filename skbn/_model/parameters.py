"""The positions of the parameters of all layers in one flat buffer."""

from math import prod

# Weight decay and the L2 penalty apply to these parameters, not to γ, β and biases.
DECAYED = "weight", "embedding", "embedding_weight"


class Layout:
    """The order of all parameters: the weights first, then γ, β and biases, layer by layer.

    Parameters
    ----------
    shapes : list of dict
        The shape of each parameter of each layer, by name.

    Attributes
    ----------
    size : int
        Number of parameters.
    n_decayed : int
        Number of weights, which come first.
    """

    def __init__(self, shapes):
        names = [(i, name) for i, of_layer in enumerate(shapes) for name in of_layer]
        self.names = sorted(names, key=lambda named: named[1] not in DECAYED)
        self.shapes = shapes
        sizes = [prod(shapes[i][name]) for i, name in self.names]
        self.size = sum(sizes)
        self.n_decayed = sum(
            size for (_, name), size in zip(self.names, sizes, strict=True) if name in DECAYED
        )

    def views(self, flat):
        """The parameters of each layer as views of a flat buffer, by name."""
        layers, start = [{} for _ in self.shapes], 0
        for i, name in self.names:
            shape = self.shapes[i][name]
            stop = start + prod(shape)
            layers[i][name] = flat[start:stop].reshape(shape)
            start = stop
        return layers
