"""What the tests of kernels share: the devices, weights, tolerances and a batch."""

import inspect
from dataclasses import dataclass
from functools import cache

import network_oracle
import numba
import numpy as np
import pytest

from skbn.kernels import cpu
from skbn.kernels.formulas import Formulas

SHAPES = [(2, 1), (5, 3), (33, 8), (130, 40)]


class CudaKernels:
    """The launchers, for arrays of NumPy: uploads them, and downloads what can be written to."""

    def __init__(self):
        from skbn.kernels import cuda

        self.launchers = cuda

    @property
    def ACTIVATIONS(self):
        return {
            name: Formulas(*map(self.on_host, of_name))
            for name, of_name in self.launchers.ACTIVATIONS.items()
        }

    def __getattr__(self, name):
        launcher = getattr(self.launchers, name)
        return self.on_host(launcher) if callable(launcher) else launcher

    def on_host(self, launcher):
        import cupy

        def call(*arguments):
            names = inspect.signature(launcher).parameters
            # One array that is given twice is one array on the device.
            uploads = {
                id(argument): (argument, cupy.asarray(np.ascontiguousarray(argument)))
                for name, argument in zip(names, arguments, strict=True)
                if isinstance(argument, np.ndarray) and name != "constants"
            }
            launcher(*(uploads.get(id(argument), (0, argument))[1] for argument in arguments))
            for host, device in uploads.values():
                if host.flags.writeable:
                    host[...] = device.get()

        return call


@cache
def kernels_of(device):
    """The kernels of a device, which take arrays of NumPy."""
    return cpu if device == "cpu" else CudaKernels()


on_cuda = (
    pytest.mark.cuda,
    pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the interpreter knows no CUDA"),
)
DEVICES = ["cpu", pytest.param("cuda", marks=on_cuda)]

# Exact in float32: the interpreter computes with these in the dtype of the arrays.
EPSILON, MOMENTUM = 2.0**-10, 0.25

# Hashes wrap around, of which the interpreter warns.
wraps_around = pytest.mark.filterwarnings(
    "ignore:overflow encountered in scalar (add|multiply):RuntimeWarning"
)


def normal(rng, shape, dtype, scale=1.0, offset=0.0):
    return (rng.normal(size=shape) * scale + offset).astype(dtype)


def assert_within(units, value, expected, scale, dtype):
    """That value errs by at most so many units in the last place of numbers such as scale."""
    error = np.abs(value - expected)
    assert (error <= units * np.finfo(dtype).eps * scale).all()


def dyadic(rng, n):
    """Weights of which float32 adds all digits."""
    return rng.integers(1, 64, n) / 16


WEIGHTS = {
    "no weights": lambda rng, n: np.ones(n),
    "weights": dyadic,
    "rows of weight 0": lambda rng, n: dyadic(rng, n) * (np.arange(n) % 2),
    "ghost batches of weight 0": lambda rng, n: dyadic(rng, n) * (np.arange(n) >= n // 2),
}


@dataclass
class Batch:
    """A batch to normalize, after one that has been ``seen``."""

    z: np.ndarray
    weight: np.ndarray
    bounds: np.ndarray
    constants: np.ndarray
    gamma_beta: np.ndarray
    seen: list
    kernels: object = cpu

    def __post_init__(self):
        self.inputs = self.z, self.weight, self.bounds, self.constants, self.gamma_beta
        self.oracle = network_oracle.BatchNorm(*self.inputs, self.seen)
        self.running = np.zeros((5, self.z.shape[1]))
        for rows, weight in self.seen:
            whole = np.array([0, len(rows)])
            self._forward(rows, weight, whole, self.constants, self.gamma_beta)

    def _forward(self, z, weight, bounds, constants, gamma_beta):
        self.statistics = np.empty((len(bounds) - 1, 3, z.shape[1]), z.dtype)
        out = np.empty_like(z)
        inputs = z, weight, bounds, constants, gamma_beta
        self.kernels.batch_norm_forward(*inputs, self.running, self.statistics, out)
        return out

    def forward(self):
        return self._forward(*self.inputs)

    def backward(self, delta):
        """∂ℓ/∂z and ∂ℓ/∂(γ, β) from ∂ℓ/∂out."""
        dz, grads = delta.copy(), np.full_like(self.gamma_beta, np.nan)
        batch = self.z, self.weight, self.bounds
        self.kernels.batch_norm_backward(*batch, self.statistics, grads, dz)
        return dz, grads


def batch(kernels, rng, shape, dtype, weight="no weights", n_ghosts=1, offset=1.0):
    n, c = shape
    return Batch(
        normal(rng, shape, dtype, 2.0, offset),
        WEIGHTS[weight](rng, n).astype(dtype),
        np.linspace(0, n, min(n, n_ghosts) + 1).round().astype(np.int64),
        np.array([EPSILON, MOMENTUM], dtype),
        normal(rng, (2, c), dtype),
        [(normal(rng, (7, c), dtype, 2.0, offset), dyadic(rng, 7).astype(dtype))],
        kernels,
    )
