"""Where the parameters of each layer lie in one flat buffer."""

from math import prod

# The parameters that decay and are penalized. γ, β and biases are not.
DECAYED = "weight"


class Layout:
    """The order of all parameters: the weights first, then γ, β and biases, layer by layer.

    Parameters
    ----------
    shapes : list of dict
        The shape of each parameter of each layer, by its name.

    Attributes
    ----------
    size : int
        Number of parameters.
    n_decayed : int
        How many of them, the first ones, are weights.
    """

    def __init__(self, shapes):
        names = [(i, name) for i, of_layer in enumerate(shapes) for name in of_layer]
        self.names = sorted(names, key=lambda named: named[1] != DECAYED)
        self.shapes = shapes
        sizes = [prod(shapes[i][name]) for i, name in self.names]
        self.size = sum(sizes)
        self.n_decayed = sum(
            size for (_, name), size in zip(self.names, sizes, strict=True) if name == DECAYED
        )

    def views(self, flat):
        """The parameters of each layer in a flat buffer, by their names."""
        layers, start = [{} for _ in self.shapes], 0
        for i, name in self.names:
            shape = self.shapes[i][name]
            stop = start + prod(shape)
            layers[i][name] = flat[start:stop].reshape(shape)
            start = stop
        return layers
