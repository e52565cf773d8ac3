"""A network: a list of layers over one flat buffer of parameters."""

from itertools import pairwise

import numpy as np

from .activations import ACTIVATIONS
from .factored import FactoredDense
from .layers import (
    ActivationLayer,
    BatchNorm,
    BatchNormReluDropout,
    Dense,
    Dropout,
    FirstDense,
    ReluDropout,
)
from .parameters import Layout


class Network:
    """Dense layers, each hidden one followed by batch normalization, activation and dropout.

    Parameters
    ----------
    layer_units : list of int
        Number of features, of units of each hidden layer, and of outputs.
    activation : str
        A key of ACTIVATIONS.
    dtype : dtype
        float32 or float64.
    device : Device
    batch_norm : bool
        Whether hidden layers are batch-normalized.
    epsilon, momentum : float
        Parameters of batch normalization.
    dropout : float
        Probability that a hidden unit is set to 0 in a step.
    embedded : tuple of int
        Number of categories of each column that is embedded. Their categories are the last inputs.
        A network without hidden layers embeds none.

    Attributes
    ----------
    layers : list of Layer
    dense, batch_norms : list of Dense, list of BatchNorm
        The layers of these types.
    params : ndarray of shape (n_params,)
        The parameters of all layers.
    decayed : ndarray
        The weights among the parameters.
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
        embedded=(),
    ):
        self.layer_units, self.dtype, self.device = layer_units, np.dtype(dtype), device
        self.activation = activation
        self.has_dropout = dropout > 0.0
        norm_parameters = (epsilon, momentum) if batch_norm else None
        self.embedded = embedded if len(layer_units) > 2 else ()
        self.layers = self._make_layers(norm_parameters, self.dtype.type(dropout))
        self.dense = [layer for layer in self.layers if isinstance(layer, Dense)]
        self.batch_norms = [layer for layer in self.layers if isinstance(layer, BatchNorm)]
        self.layout = Layout([layer.shapes for layer in self.layers])
        self.params = device.xp.zeros(self.layout.size, dtype)
        self.decayed = self.params[: self.layout.n_decayed]
        for layer, params in zip(self.layers, self.layout.views(self.params), strict=True):
            layer.bind(params)

    def _make_layers(self, norm_parameters, dropout):
        layers, device = [], self.device
        n_hidden = len(self.layer_units) - 2
        for i, (n_inputs, n_units) in enumerate(pairwise(self.layer_units)):
            is_hidden = i < n_hidden
            has_bias = norm_parameters is None or not is_hidden
            make = Dense if i else self._first
            layers.append(make(n_inputs, n_units, has_bias, device))
            if is_hidden:
                layers += self._hidden_layers(n_units, norm_parameters, (dropout, i, n_hidden))
        return layers

    def _hidden_layers(self, n_units, norm_parameters, dropout):
        """Batch normalization, activation and dropout, in one layer if a kernel computes them."""
        device, norm = self.device, []
        if self.has_dropout and ACTIVATIONS[self.activation].drops_in_place:
            relu_dropout = ReluDropout(*dropout, n_units, device)
            if norm_parameters is None:
                return [relu_dropout]
            return [
                BatchNormReluDropout(n_units, *norm_parameters, self.dtype, device, relu_dropout)
            ]
        if norm_parameters is not None:
            norm = [BatchNorm(n_units, *norm_parameters, self.dtype, device)]
        return norm + self._activation_layers(n_units, dropout)

    def _activation_layers(self, n_units, dropout):
        """The activation and the dropout of a hidden layer."""
        layers = []
        if self.activation != "identity":
            layers.append(ActivationLayer(self.activation, n_units, self.device))
        if self.has_dropout:
            layers.append(Dropout(*dropout, n_units, self.device))
        return layers

    def _first(self, *arguments):
        """The first layer."""
        if self.embedded:
            return FactoredDense(*arguments, self.embedded)
        return FirstDense(*arguments)

    def forward(self, batch):
        """Return the logits (n, n_outputs) of a batch, and update the running statistics."""
        for layer, buffers in batch.layers:
            layer.forward(buffers, batch)
        return batch.logits

    def backward(self, batch):
        """Compute the gradients of all parameters from the ``delta`` of the batch."""
        for layer, buffers in reversed(batch.layers):
            layer.backward(buffers, batch)

    def add_penalty(self, factor, penalty, grads):
        """Add the gradient of factor/2·Σ weights² to grads, and write its value to penalty (1,)."""
        weights = self.decayed
        factor_of_dtype = self.dtype.type(factor)
        self.device.kernels.add_scaled(weights, factor_of_dtype, grads[: weights.size])
        penalty[...] = 0.5 * factor * self.device.xp.dot(weights, weights)

    def is_finite(self):
        """Whether no parameter is NaN or infinite."""
        count = self.device.xp.zeros(1)
        self.device.kernels.count_non_finite(self.params, count)
        return self.device.to_host(count)[0] == 0.0

    def scale_outputs(self, factor):
        """Multiply the logits by a factor, which becomes a part of the last layer."""
        last = self.dense[-1]
        last.weight *= self.dtype.type(factor)
        last.bias *= self.dtype.type(factor)

    def drop_last_inputs(self, is_dropped):
        """Set the weights of those of the last k inputs to 0 that the mask (k,) selects."""
        self.dense[0].drop_last_inputs(is_dropped)

    def initialize(self, random_state):
        """Set all parameters to their initial values."""
        factor = ACTIVATIONS[self.activation].initial_factor
        for layer in self.layers:
            layer.initialize(random_state, factor)

    def fold(self, n_layers=None):
        """The first ``n_layers`` layers as dense layers (weight, bias), in host memory."""
        folded = []
        for layer in self.layers[:n_layers]:
            layer.fold_into(folded)
        return folded

    def state(self):
        """A copy of everything that training changes."""
        return self.params.copy(), [layer.running.copy() for layer in self.batch_norms]

    def restore(self, state):
        """Restore a state that ``state`` has returned."""
        params, runnings = state
        self.params[...] = params
        for layer, running in zip(self.batch_norms, runnings, strict=True):
            layer.running = running.copy()
