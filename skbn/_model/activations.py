"""Activations of hidden layers: one entry each.

Their formulas, and those of their gradients, are in ``kernels.formulas``. A GPU computes them all
by these. The host does so where Numba vectorizes them, and else by NumPy: ``exp`` and ``tanh`` take
5 to 30 times as long in a compiled loop.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from ..kernels.formulas import SELU_ALPHA, SELU_SCALE


def _identity(x):
    """x, as it is."""


def _relu(x):
    np.maximum(x, 0.0, out=x)


def _logistic(x):
    """(1 + tanh(x/2)) / 2: 0.6 ns a float32, SciPy's expit 3.3."""
    x *= 0.5
    np.tanh(x, out=x)
    x += 1.0
    x *= 0.5


def _tanh(x):
    np.tanh(x, out=x)


def _gelu(x):
    x *= ndtr(x)


def _gelu_gradient(x, delta):
    slope = np.exp(-0.5 * x * x)
    slope *= x * (2.0 * np.pi) ** -0.5
    slope += ndtr(x)
    delta *= slope


def _silu(x):
    s = x.copy()
    _logistic(s)
    x *= s


def _silu_gradient(x, delta):
    s = x.copy()
    _logistic(s)
    delta *= s
    delta *= 1.0 + x * (1.0 - s)


def _selu(x):
    negative = np.minimum(x, 0.0)
    np.expm1(negative, out=negative)
    negative *= SELU_SCALE * SELU_ALPHA
    np.maximum(x, 0.0, out=x)
    x *= SELU_SCALE
    x += negative


class Activation(NamedTuple):
    """How the host computes an activation.

    Attributes
    ----------
    value : callable
        ``value(x)``, in place, in NumPy and SciPy alone: inference compiles nothing.
    value_vectorizes : bool
        Whether training uses the compiled formula instead: 256x192 float32 by relu take 2.7 µs,
        11 by NumPy.
    gradient : callable or None
        ``gradient(x, delta)`` in NumPy, in place of delta; None where the compiled formula is
        used.
    needs_input : bool
        Whether the gradient is computed from the input, and not from the output.
    initial_factor : float
        The numerator in the bounds of the initial weights, as scikit-learn has it.
    """

    value: Callable
    value_vectorizes: bool = False
    gradient: Callable | None = None
    needs_input: bool = False
    initial_factor: float = 6.0


ACTIVATIONS = {
    "identity": Activation(_identity),
    "logistic": Activation(_logistic, initial_factor=2.0),
    "tanh": Activation(_tanh),
    "relu": Activation(_relu, value_vectorizes=True),
    "gelu": Activation(_gelu, gradient=_gelu_gradient, needs_input=True),
    "silu": Activation(_silu, gradient=_silu_gradient, needs_input=True),
    "selu": Activation(_selu),
}


def value_of(name, device):
    """``value(x)`` of arrays of the device, in place, in training."""
    if device.xp is np and not ACTIVATIONS[name].value_vectorizes:
        return ACTIVATIONS[name].value
    return device.kernels.ACTIVATIONS[name].value


def gradient_of(name, device):
    """``gradient(x, delta)`` of arrays of the device; x is the output unless ``needs_input``."""
    of_host = ACTIVATIONS[name].gradient if device.xp is np else None
    return of_host or device.kernels.ACTIVATIONS[name].gradient


def inference_value_of(name, device):
    """``value(x)`` of arrays of the device, in place, in inference."""
    if device.xp is np or name == "identity":
        return ACTIVATIONS[name].value
    return device.kernels.ACTIVATIONS[name].value
