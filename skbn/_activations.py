"""Activations of hidden layers: what the layer below them leaves to do, and its gradient."""

import numpy as np


class Rectifier:
    """max(floor, y), which the kernel of the layer does on its way.

    The floor is 0 for "relu" and −infinity for "identity".
    """

    def __init__(self, floor, device):
        self.floor, self.device = floor, device

    def apply(self, y):
        """Nothing is left to do."""

    def backward(self, out, delta):
        """Nothing is left to do."""

    def infer(self, y):
        """Activate y in place, where no kernel did."""
        if self.floor == 0.0:
            self.device.xp.maximum(y, 0.0, out=y)


class Logistic:
    """1 / (1 + exp(−y)), as (1 + tanh(y/2)) / 2: 0.6 ns a float32, SciPy's expit 3.3."""

    floor = -np.inf

    def __init__(self, device):
        self.device = device

    def apply(self, y):
        y *= 0.5
        self.device.xp.tanh(y, out=y)
        y += 1.0
        y *= 0.5

    infer = apply

    def backward(self, out, delta):
        self.device.kernels.logistic_backward(out, delta)


class Tanh:
    """The hyperbolic tangent."""

    floor = -np.inf

    def __init__(self, device):
        self.device = device

    def apply(self, y):
        self.device.xp.tanh(y, out=y)

    infer = apply

    def backward(self, out, delta):
        self.device.kernels.tanh_backward(out, delta)


def activation_of(name, device):
    """The activation that the parameter ``activation`` of an estimator names."""
    return {
        "identity": lambda: Rectifier(-np.inf, device),
        "relu": lambda: Rectifier(0.0, device),
        "logistic": lambda: Logistic(device),
        "tanh": lambda: Tanh(device),
    }[name]()
