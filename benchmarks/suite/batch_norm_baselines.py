"""Batch normalization in training, without activation: those who do it, and NumPy's answer.

``forward``
    Normalize the batch by its own statistics, which running ones follow; timed.
``forward_backward``
    The same, then the gradients with respect to x, γ and β; timed.
``results``
    The output and these gradients, as NumPy arrays.
"""

import numpy as np

from .baselines import UsesTorch, require
from .devices import DEVICES, OnDevice

SHAPE = (65_536, 1024)
EPSILON = 1e-5
MOMENTUM = 0.1

# The methods that are timed, and the matrices of a batch that each has to read or write at the
# least: x twice and the output; then x and the gradient of the output twice, and that of x.
PASSES = {"forward": 3, "forward_backward": 8}

# Columns that are checked at a time, in float64.
CHECKED_COLUMNS = 64


class Problem:
    """A batch, the gradient of its output, γ and β.

    Columns have unit variance and γ is ±1, because skbn writes the gradient of x over that of the
    output: where calls repeat it must neither grow nor vanish.
    """

    def __init__(self, shape):
        rng, c = np.random.default_rng(0), shape[1]
        self.x = rng.standard_normal(shape, dtype=np.float32)
        self.x -= self.x.mean(axis=0)
        self.x /= self.x.std(axis=0)
        self.x += np.linspace(-2.0, 2.0, c, dtype=np.float32)
        self.delta = rng.standard_normal(shape, dtype=np.float32)
        self.gamma = np.where(np.arange(c) % 2, -1.0, 1.0).astype(np.float32)
        self.beta = np.linspace(-1.0, 1.0, c, dtype=np.float32)

    def check(self, results):
        """Raise unless output and gradients are NumPy's in float64."""
        for start in range(0, self.x.shape[1], CHECKED_COLUMNS):
            columns = slice(start, start + CHECKED_COLUMNS)
            for expected, actual in zip(self.expected(columns), results, strict=True):
                n_summed = len(self.x) if expected.ndim == 1 else 1
                atol = 1e-4 * np.sqrt(n_summed)
                np.testing.assert_allclose(actual[..., columns], expected, rtol=1e-4, atol=atol)

    def expected(self, columns):
        """The output and the gradients with respect to x, γ and β of some columns."""
        x, delta = (array[:, columns].astype(np.float64) for array in (self.x, self.delta))
        inverse_std = 1.0 / np.sqrt(x.var(axis=0) + EPSILON)
        x_hat = (x - x.mean(axis=0)) * inverse_std
        grad_gamma, grad_beta = (delta * x_hat).sum(axis=0), delta.sum(axis=0)
        of_mean_and_variance = (grad_beta + x_hat * grad_gamma) / len(x)
        grad_x = self.gamma[columns] * inverse_std * (delta - of_mean_and_variance)
        out = self.gamma[columns] * x_hat + self.beta[columns]
        return out, grad_x, grad_gamma, grad_beta


class Skbn(OnDevice):
    """The layer of a network of skbn's."""

    devices = DEVICES

    def __init__(self, problem, device="cpu"):
        super().__init__(device)
        # asv also measures commits older than these modules.
        names = "_backends.selection", "_model", "_model.inputs"
        selection, _model, inputs = (require(f"skbn.{name}") for name in names)
        (n, c), self.where = problem.x.shape, selection.device_of(device)
        settings = {"dtype": np.float32, "epsilon": EPSILON, "momentum": MOMENTUM}
        network = _model.Network([1, c, 1], activation="identity", device=self.where, **settings)
        rows = inputs.rows_of(problem.x[:, :1], None, np.float32, self.where)
        self.batch = _model.Workspace(network, rows, n).batch(n)
        self.layer, self.buffers = self.batch.layers[1]
        asarray = self.where.xp.asarray
        self.layer.affine[...] = asarray(np.stack([problem.gamma, problem.beta]))
        self.buffers.x[...] = asarray(problem.x)
        self.buffers.delta[...] = asarray(problem.delta)

    def forward(self):
        self.layer.forward(self.buffers, self.batch)

    def forward_backward(self):
        self.forward()
        self.layer.backward(self.buffers, self.batch)

    def results(self):
        arrays = self.buffers.out, self.buffers.delta, self.buffers.grads["affine"]
        out, grad_x, grads = map(self.where.to_host, arrays)
        return [out, grad_x, *grads]


class Torch(UsesTorch):
    """BatchNorm1d in training mode, and autograd."""

    def __init__(self, problem, device="cpu"):
        super().__init__(device)
        c = problem.x.shape[1]
        self.layer = self.torch.nn.BatchNorm1d(c, EPSILON, MOMENTUM, device=self.device).train()
        with self.torch.no_grad():
            self.layer.weight.copy_(self.load(problem.gamma))
            self.layer.bias.copy_(self.load(problem.beta))
        self.x, self.delta = self.load(problem.x).requires_grad_(), self.load(problem.delta)

    def forward(self):
        self.out = self.layer(self.x)

    def forward_backward(self):
        self.forward()
        leaves = self.x, self.layer.weight, self.layer.bias
        self.grads = self.torch.autograd.grad(self.out, leaves, self.delta)

    def results(self):
        return [self.to_host(tensor) for tensor in (self.out.detach(), *self.grads)]


BASELINES = {"skbn": Skbn, "torch": Torch}


def checked(name, problem, device):
    """The baseline, warm and found to be right."""
    baseline = BASELINES[name](problem, device)
    baseline.forward_backward()
    problem.check(baseline.results())
    return baseline
