"""The layers of a network: their outputs for a batch, and their gradients.

``forward(buffers, batch)`` writes ``buffers.out`` from ``buffers.x``. ``backward(buffers, batch)``
reads ``buffers.delta``, the gradient of the loss with respect to ``out``. It writes the gradient
with respect to ``x``: a dense layer into ``buffers.delta_x``, the other layers over ``delta``. It
also writes the gradients of the parameters of the layer into ``buffers.grads``.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from .._statistics.moments import RunningMoments
from .activations import ACTIVATIONS, gradient_of, value_of


def fold(weight, bias, scale, shift):
    """Fold the scale and shift (c,) of outputs into a dense layer (weight, bias), in float64."""
    weight = weight.astype(np.float64)
    weight *= scale
    return weight, np.multiply(bias, scale, dtype=np.float64) + shift


@dataclass
class Buffers:
    """The arrays that a layer reads and writes for a batch of n rows.

    Attributes
    ----------
    x, out : ndarray of shape (n, c)
        Input and output. The first layer has no ``x``, because its inputs are those of the batch.
    x_T : ndarray of shape (c, n)
        The transpose of ``x``.
    delta : ndarray of shape (n, c)
        The gradient with respect to ``out``, which all layers but dense ones replace by the
        gradient with respect to ``x``: it is also the ``delta`` of the layer before.
    delta_x : ndarray of shape (n, d) or None
        The ``delta`` of the layer before a dense layer.
    statistics : ndarray of shape (n_ghosts, 3, c) or None
        Statistics of the batch, which the gradient of batch normalization reads.
    grads : dict
        The gradients of the parameters, by name.
    """

    x: object = None
    out: object = None
    delta: object = None
    delta_x: object = None
    statistics: object = None
    grads: dict = field(default_factory=dict)

    def __post_init__(self):
        self.x_T = None if self.x is None else self.x.T

    def of(self, n, n_ghosts):
        """Views of the buffers for the first n rows."""
        x, out, delta, delta_x = (
            None if array is None else array[:n]
            for array in (self.x, self.out, self.delta, self.delta_x)
        )
        statistics = None if self.statistics is None else self.statistics[:n_ghosts]
        return Buffers(x, out, delta, delta_x, statistics, self.grads)


class Layer:
    """A layer without parameters, as wide as the previous layer.

    Parameters
    ----------
    n_units : int
        Number of columns of the output.
    device : Device
    """

    shapes = {}
    is_in_place = False

    def __init__(self, n_units, device):
        self.n_units, self.device = n_units, device
        self.kernels = device.kernels

    def bind(self, params):
        """Set the parameters of the layer to these views, by name."""

    def initialize(self, random_state, factor):
        """Set the parameters to their initial values."""

    def buffers(self, previous, empty, _n_ghosts):
        """Create the Buffers, given those of the previous layer; ``empty`` allocates an array."""
        out = previous.out if self.is_in_place else empty(self.n_units)
        return Buffers(x=previous.out, out=out, delta=previous.delta)

    def fold_into(self, layers):
        """Include this layer in the list of dense layers (weight, bias) that come before it.

        The list is for inference, and its arrays are in host memory.
        """


class Dense(Layer):
    """out = x·W + b.

    Parameters
    ----------
    n_inputs, n_units : int
    has_bias : bool
        False before batch normalization, which subtracts any bias with the mean.
    device : Device
    """

    def __init__(self, n_inputs, n_units, has_bias, device):
        super().__init__(n_units, device)
        self.shapes = {"weight": (n_inputs, n_units)}
        if has_bias:
            self.shapes["bias"] = (n_units,)
        self.to_host, self.to_device = device.to_host, device.to_device

    def bind(self, params):
        self.weight, self.bias = params["weight"], params.get("bias")
        self.weight_T = self.weight.T

    def initialize(self, random_state, factor):
        """Draw weights and biases uniformly (Glorot & Bengio 2010), in scikit-learn's order.

        Biases are drawn even if the layer has none, so that networks with and without batch
        normalization start from the same weights.
        """
        bound = np.sqrt(factor / sum(self.weight.shape))
        draws = random_state.uniform(-bound, bound, self.weight.shape)
        self.weight[...] = self.to_device(draws)
        draws = random_state.uniform(-bound, bound, self.n_units)
        if self.bias is not None:
            self.bias[...] = self.to_device(draws)

    def buffers(self, previous, empty, _n_ghosts):
        out, delta = empty(self.n_units), empty(self.n_units)
        return Buffers(x=previous.out, out=out, delta=delta, delta_x=previous.delta)

    def multiply(self, buffers, _batch):
        self.device.dot(buffers.x, self.weight, out=buffers.out)

    def multiply_backward(self, buffers, _batch):
        self.device.dot(buffers.x_T, buffers.delta, out=buffers.grads["weight"])
        self.device.dot(buffers.delta, self.weight_T, out=buffers.delta_x)

    def forward(self, buffers, batch):
        self.multiply(buffers, batch)
        if self.bias is not None:
            self.kernels.add_bias(self.bias, buffers.out)

    def backward(self, buffers, batch):
        if self.bias is not None:
            self.kernels.bias_backward(buffers.delta, buffers.grads["bias"])
        self.multiply_backward(buffers, batch)

    def fold_into(self, layers):
        zeros = np.zeros(self.n_units, self.weight.dtype)
        bias = zeros if self.bias is None else self.to_host(self.bias)
        layers.append((self.all_weights(), bias))

    def all_weights(self):
        """The weights of all inputs, in host memory."""
        return self.to_host(self.weight)

    def factors(self):
        """The factors of the weights as copies in host memory, or None without any."""

    def load(self, weight, _factors):
        """Set the weights to those that ``all_weights`` and ``factors`` have returned."""
        self.weight[...] = self.to_device(weight)


class FirstDense(Dense):
    """A dense layer on the rows of X, dense or sparse, without a gradient with respect to X."""

    def multiply(self, buffers, batch):
        batch.rows.dot(batch.inputs, self.weight, buffers.out)

    def multiply_backward(self, buffers, batch):
        batch.rows.transposed_dot(batch.inputs, buffers.delta, buffers.grads["weight"])

    def drop_last_inputs(self, is_dropped):
        """Set the weights of those of the last k inputs to 0 that the mask (k,) selects."""
        of_inputs = self.weight[len(self.weight) - len(is_dropped) :]
        of_inputs *= self.to_device(~is_dropped)[:, None]


class BatchNorm(Layer):
    """out = γ·x̂ + β by the statistics of the batch (Ioffe & Szegedy 2015, Algorithm 1).

    Attributes
    ----------
    affine : ndarray of shape (2, n_units)
        γ and β.
    running : ndarray of shape (5, n_units), float64
        Moments table of the batches, in which the newest batch has the weight ``momentum``.
    """

    def __init__(self, n_units, epsilon, momentum, dtype, device):
        super().__init__(n_units, device)
        self.shapes = {"affine": (2, n_units)}
        self.epsilon = epsilon
        self.constants = np.array([epsilon, momentum], dtype)
        self.running = device.xp.zeros((5, n_units))

    def bind(self, params):
        self.affine = params["affine"]

    def initialize(self, _random_state, _factor):
        self.affine[0], self.affine[1] = 1.0, 0.0

    def buffers(self, previous, empty, n_ghosts):
        statistics = self.device.xp.empty((n_ghosts, 3, self.n_units), self.constants.dtype)
        return replace(super().buffers(previous, empty, n_ghosts), statistics=statistics)

    def forward(self, buffers, batch):
        rows, statistics = (buffers.x, batch.weight, batch.bounds), buffers.statistics
        parameters = self.constants, self.affine, self.running
        self.kernels.batch_norm_forward(*rows, *parameters, statistics, buffers.out)

    def backward(self, buffers, batch):
        rows, statistics = (buffers.x, batch.weight, batch.bounds), buffers.statistics
        grads = buffers.grads["affine"]
        self.kernels.batch_norm_backward(*rows, statistics, grads, buffers.delta)

    def fold_into(self, layers):
        """Fold the normalization by the running statistics (ibid., Algorithm 2)."""
        weight, bias = layers[-1]
        folded = fold(weight, bias, *self.scale_shift())
        layers[-1] = tuple(array.astype(weight.dtype) for array in folded)

    def scale_shift(self):
        """γ′ and β′ (c,) of the normalization by the running statistics, in host memory."""
        moments = RunningMoments(self.device.to_host(self.running))
        gamma, beta = self.device.to_host(self.affine).astype(np.float64)
        scale = gamma / np.sqrt(moments.variance(ddof=0) + self.epsilon)
        return scale, beta - scale * moments.mean


class ActivationLayer(Layer):
    """out = f(x). It overwrites x, unless the gradient is computed from x."""

    def __init__(self, name, n_units, device):
        super().__init__(n_units, device)
        self.is_in_place = not ACTIVATIONS[name].needs_input
        self.value, self.gradient = value_of(name, device), gradient_of(name, device)

    def forward(self, buffers, _batch):
        if not self.is_in_place:
            buffers.out[...] = buffers.x
        self.value(buffers.out)

    def backward(self, buffers, _batch):
        self.gradient(buffers.x, buffers.delta)


class Dropout(Layer):
    """out = x / (1 − rate) or 0 (Srivastava et al. 2014).

    Parameters
    ----------
    rate : float
        Probability that a value is set to 0, in the dtype of the network.
    number, n_dropouts : int
        Index of the dropout layer, and number of dropout layers. Each has different masks.
    """

    def __init__(self, rate, number, n_dropouts, n_units, device):
        super().__init__(n_units, device)
        self.rate, self.number, self.n_dropouts = rate, number, n_dropouts

    def key(self, batch):
        """The key of the mask for a batch."""
        key = batch.seed + batch.step * self.n_dropouts + self.number
        return np.uint32(key & 0xFFFFFFFF)

    def forward(self, buffers, batch):
        self.kernels.dropout(buffers.x, self.rate, self.key(batch), buffers.out)

    def backward(self, buffers, batch):
        """Apply the same mask to the gradient."""
        self.kernels.dropout(buffers.delta, self.rate, self.key(batch), buffers.delta)


class ReluDropout(Dropout):
    """out = max(0, x), then dropout, in one pass over x. The gradient draws no mask."""

    is_in_place = True

    def forward(self, buffers, batch):
        self.kernels.relu_dropout(buffers.out, self.rate, self.key(batch))

    def backward(self, buffers, _batch):
        self.kernels.relu_dropout_backward(buffers.out, self.rate, buffers.delta)


class BatchNormReluDropout(BatchNorm):
    """Batch normalization, then ReluDropout, by one call in each direction.

    On a GPU this saves two launches, and a pass over the output in each direction.

    Parameters
    ----------
    dropout : Dropout
        The layer whose masks are drawn.
    """

    def __init__(self, n_units, epsilon, momentum, dtype, device, dropout):
        super().__init__(n_units, epsilon, momentum, dtype, device)
        self.dropout = dropout

    def forward(self, buffers, batch):
        rows, statistics = (buffers.x, batch.weight, batch.bounds), buffers.statistics
        parameters = self.constants, self.affine, self.running
        mask = self.dropout.rate, self.dropout.key(batch)
        self.kernels.batch_norm_relu_dropout_forward(
            *rows, *parameters, statistics, *mask, buffers.out
        )

    def backward(self, buffers, batch):
        rows, statistics = (buffers.x, batch.weight, batch.bounds), buffers.statistics
        dropped, grads = (buffers.out, self.dropout.rate), buffers.grads["affine"]
        self.kernels.batch_norm_relu_dropout_backward(
            *rows, statistics, *dropped, grads, buffers.delta
        )
