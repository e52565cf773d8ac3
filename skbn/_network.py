"""A network of dense layers over one flat buffer of parameters and one of gradients."""

from functools import partial
from itertools import pairwise
from math import prod

import numpy as np

from ._activations import activation_of
from ._moments import RunningMoments

# Fewer rows have no variance to normalize by.
MIN_BATCH_ROWS = 2


def near_equal_bounds(n, size):
    """Bounds of near-equal parts of n rows, none smaller than ``size`` unless n is."""
    return np.linspace(0, n, max(1, n // size) + 1).round().astype(np.int64)


def views(flat, shapes):
    """Arrays of the shapes, one after the other in the flat buffer."""
    bounds = np.cumsum([0, *map(prod, shapes)])
    return [
        flat[start:stop].reshape(shape)
        for start, stop, shape in zip(bounds, bounds[1:], shapes, strict=False)
    ]


def fold(weight, bias, scale, shift):
    """One dense layer for a dense layer and the scale and shift (c,) of its outputs, in float64."""
    return weight.astype(np.float64) * scale, np.multiply(bias, scale, dtype=np.float64) + shift


class BiasedLayer:
    """out = max(floor, z + bias)."""

    def __init__(self, bias, grad_bias, floor, device):
        self.bias, self.grad_bias = bias, grad_bias
        self.floor = bias.dtype.type(floor)
        self.kernels, self.to_host = device.kernels, device.to_host

    def initialize(self, bias):
        self.bias[...] = bias

    def forward(self, buffers, _batch):
        self.kernels.add_bias(buffers.z, self.bias, self.floor, buffers.out)

    def backward(self, buffers, _batch):
        self.kernels.bias_backward(buffers.out, self.floor, self.grad_bias, buffers.delta)

    def fold(self, weight):
        """The dense layer for the weight, in host memory."""
        return weight, self.to_host(self.bias)


class NormalizedLayer:
    """out = max(floor, BN(z)), by the statistics of the batch (the paper's Algorithm 1).

    Attributes
    ----------
    affine : ndarray of shape (2, n_units)
        γ and β.
    running : ndarray of shape (5, n_units), float64
        Moments table of the batches, the newest weighing ``momentum``.
    """

    def __init__(self, affine, grad_affine, floor, device, epsilon, momentum):
        self.affine, self.grad_affine = affine, grad_affine
        self.epsilon = epsilon
        self.constants = np.array([epsilon, momentum, floor], affine.dtype)
        self.running = device.xp.zeros((5, affine.shape[1]))
        self.kernels, self.to_host = device.kernels, device.to_host

    def initialize(self, _bias):
        self.affine[0], self.affine[1] = 1.0, 0.0

    def forward(self, buffers, batch):
        self.kernels.batch_norm_forward(
            buffers.z,
            batch.weight,
            batch.bounds,
            self.constants,
            self.affine,
            self.running,
            buffers.statistics,
            buffers.out,
        )

    def backward(self, buffers, batch):
        self.kernels.batch_norm_backward(
            buffers.z,
            batch.weight,
            batch.bounds,
            self.constants,
            self.affine,
            buffers.statistics,
            self.grad_affine,
            buffers.delta,
        )

    def fold(self, weight):
        """The dense layer for the weight and the normalization by running statistics, likewise."""
        moments = RunningMoments(self.to_host(self.running))
        gamma, beta = self.to_host(self.affine).astype(np.float64)
        scale = gamma / np.sqrt(moments.variance(ddof=0) + self.epsilon)
        layer = fold(weight, 0.0, scale, beta - scale * moments.mean)
        return tuple(array.astype(weight.dtype) for array in layer)


class Buffers:
    """What a layer computes of a batch of n rows.

    Attributes
    ----------
    z, out : ndarray of shape (n, n_units)
        The product of matrices, and the activation.
    dropped : ndarray of shape (n, n_units)
        What dropout leaves of ``out``; the same array without dropout.
    delta : ndarray of shape (n, n_units)
        The gradient with respect to ``dropped``, ``out`` and ``z``, one after the other.
    statistics : ndarray of shape (n_ghosts, 3, n_units)
        Kept for the gradient of batch normalization.
    """

    def __init__(self, z, out, dropped, delta, statistics):
        self.z, self.out, self.dropped, self.delta = z, out, dropped, delta
        self.statistics = statistics
        self.dropped_T = dropped.T

    @classmethod
    def empty(cls, xp, n, n_units, n_ghosts, dtype, has_dropout):
        z, out, delta = (xp.empty((n, n_units), dtype) for _ in range(3))
        dropped = xp.empty_like(out) if has_dropout else out
        return cls(z, out, dropped, delta, xp.empty((n_ghosts, 3, n_units), dtype))

    def of(self, n, n_ghosts):
        """The same buffers for the first n rows."""
        rows = (a[:n] for a in (self.z, self.out, self.dropped, self.delta))
        return Buffers(*rows, self.statistics[:n_ghosts])


class Batch:
    """A batch of n rows: what its user sets, and the buffers of every layer.

    Attributes
    ----------
    buffer : ndarray of shape (n, n_features)
        For the source of dense rows to fill.
    inputs : ndarray or sparse array of shape (n, n_features)
        What the source of rows gave.
    weight : ndarray of shape (n,)
        Weights of the rows in the statistics.
    share : ndarray of shape (n,)
        Weights of the rows in the loss, of sum 1.
    bounds : ndarray, int64
        Where ghost batches begin and end.
    layers : list of Buffers
    """

    def __init__(self, xp, buffer, bounds, layers):
        self.buffer, self.bounds, self.layers = buffer, bounds, layers
        self.inputs = buffer
        n, dtype = buffer.shape[0], buffer.dtype
        self.weight = xp.ones(n, dtype)
        self.share = xp.full(n, 1.0 / n, dtype)


class Workspace:
    """The buffers of the largest batch, allocated once a fit."""

    def __init__(self, network, n, virtual_batch_size=None, is_dense=True):
        self.device, self.virtual_batch_size = network.device, virtual_batch_size
        n_features, *n_units = network.layer_units
        n_ghosts, xp = len(self._bounds(n)) - 1, self.device.xp
        of_layer = {"dtype": network.dtype, "has_dropout": network.has_dropout}
        self.buffer = xp.empty((n, n_features if is_dense else 0), network.dtype)
        self.layers = [Buffers.empty(xp, n, c, n_ghosts, **of_layer) for c in n_units]
        self.batches = {}

    def _bounds(self, n):
        size = self.virtual_batch_size
        return near_equal_bounds(n, n if size is None else max(size, MIN_BATCH_ROWS))

    def batch(self, n):
        """The Batch of n rows, made once for each n."""
        if n not in self.batches:
            bounds = self._bounds(n)
            layers = [buffers.of(n, len(bounds) - 1) for buffers in self.layers]
            bounds = self.device.xp.asarray(bounds)
            self.batches[n] = Batch(self.device.xp, self.buffer[:n], bounds, layers)
        return self.batches[n]


class Network:
    """Dense layers over one flat buffer of parameters and one of gradients.

    The weights come first, then (γ, β) of layers that are batch-normalized and biases of the
    others. Hidden layers are dense → BN → activation → dropout.

    Parameters
    ----------
    layer_units : list of int
        Features, units of each hidden layer, outputs.
    activation : {"identity", "logistic", "tanh", "relu"}
    dtype : dtype
        float32 or float64.
    device : Device
    batch_norm : bool
        Whether hidden layers are batch-normalized.
    epsilon, momentum : float
        Of batch normalization.
    dropout : float
        Share of the hidden units that a step leaves out.
    """

    def __init__(
        self,
        layer_units,
        *,
        activation,
        dtype,
        device,
        batch_norm=True,
        epsilon=1e-5,
        momentum=0.1,
        dropout=0.0,
    ):
        self.layer_units, self.dtype, self.device = layer_units, np.dtype(dtype), device
        self.activation = activation_of(activation, device)
        self.dropout = self.dtype.type(dropout)
        self.has_dropout = dropout > 0.0
        # Of a counter-based generator: the dropout of a step depends on these alone.
        self.seed = self.step = 0
        shapes = list(pairwise(layer_units)) + [
            (2, c) if batch_norm else (c,) for c in layer_units[1:-1]
        ]
        shapes.append((layer_units[-1],))
        n_params = sum(map(prod, shapes))
        self.params, self.grads = (device.xp.zeros(n_params, dtype) for _ in range(2))
        params, grads = views(self.params, shapes), views(self.grads, shapes)
        n_layers = len(layer_units) - 1
        self.weights, self.grad_weights = params[:n_layers], grads[:n_layers]
        self.n_weights = sum(weight.size for weight in self.weights)
        self.weights_T = [weight.T for weight in self.weights]
        self.penalized = self.params[: self.n_weights], self.grads[: self.n_weights]
        of_layers = list(zip(params[n_layers:], grads[n_layers:], strict=True))
        floor = self.activation.floor
        hidden = (
            partial(NormalizedLayer, epsilon=epsilon, momentum=momentum)
            if batch_norm
            else BiasedLayer
        )
        self.hidden = [hidden(*pair, floor, device) for pair in of_layers[:-1]]
        self.normalized = self.hidden if batch_norm else []
        self.output = BiasedLayer(*of_layers[-1], -np.inf, device)

    def forward(self, rows, batch):
        """Logits (n, n_outputs) of a batch; the running statistics follow it."""
        buffers = batch.layers[0]
        rows.dot(batch.inputs, self.weights[0], buffers.z)
        for i, layer in enumerate(self.hidden):
            layer.forward(buffers, batch)
            self.activation.apply(buffers.out)
            if self.has_dropout:
                self._drop(i, buffers.out, buffers.dropped)
            next_buffers = batch.layers[i + 1]
            self.device.dot(buffers.dropped, self.weights[i + 1], out=next_buffers.z)
            buffers = next_buffers
        self.output.forward(buffers, batch)
        return buffers.out

    def backward(self, rows, batch):
        """Gradients of all parameters, from the ``delta`` of the output."""
        self.output.backward(batch.layers[-1], batch)
        for i in reversed(range(len(self.hidden))):
            buffers, next_buffers = batch.layers[i], batch.layers[i + 1]
            self.device.dot(buffers.dropped_T, next_buffers.delta, out=self.grad_weights[i + 1])
            self.device.dot(next_buffers.delta, self.weights_T[i + 1], out=buffers.delta)
            if self.has_dropout:
                self._drop(i, buffers.delta, buffers.delta)
            self.activation.backward(buffers.out, buffers.delta)
            self.hidden[i].backward(buffers, batch)
        rows.transposed_dot(batch.inputs, batch.layers[0].delta, self.grad_weights[0])

    def _drop(self, i, x, out):
        key = self.seed + self.step * len(self.hidden) + i
        self.device.kernels.dropout(x, self.dropout, np.uint32(key & 0xFFFFFFFF), out)

    def add_penalty(self, factor, penalty):
        """Add the gradient of the penalty factor/2·Σ weights², which goes into penalty (1,).

        γ, β and biases have none.
        """
        weights, grads = self.penalized
        self.device.kernels.add_scaled(weights, self.dtype.type(factor), grads)
        penalty[...] = 0.5 * factor * self.device.xp.dot(weights, weights)

    def initialize(self, random_state, factor):
        """Draw weights and biases uniformly (Glorot & Bengio 2010); γ = 1, β = 0.

        In scikit-learn's order, with the draws for biases where there are none, so that networks
        with and without batch normalization start from the same weights.
        """
        for weight, layer in zip(self.weights, [*self.hidden, self.output], strict=True):
            bound = np.sqrt(factor / sum(weight.shape))
            draws = random_state.uniform(-bound, bound, weight.shape)
            weight[...] = self.device.to_device(draws)
            draws = random_state.uniform(-bound, bound, weight.shape[1])
            layer.initialize(self.device.to_device(draws))

    def fold(self):
        """The layers as (weight, bias), each normalization folded into the layer before it.

        In host memory.
        """
        weights, layers = map(self.device.to_host, self.weights), [*self.hidden, self.output]
        return [layer.fold(weight) for weight, layer in zip(weights, layers, strict=True)]

    def state(self):
        """A copy of all that training changes."""
        return self.params.copy(), [layer.running.copy() for layer in self.normalized]

    def restore(self, state):
        """Take back what ``state`` gave."""
        params, runnings = state
        self.params[...] = params
        for layer, running in zip(self.normalized, runnings, strict=True):
            layer.running = running.copy()
