"""Where the computing is done: the only place that asks for CUDA."""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from .kernels import cpu


class Device(NamedTuple):
    """What a network computes with: array functions, kernels and the product of matrices."""

    xp: ModuleType
    kernels: ModuleType
    dot: callable


CPU = Device(np, cpu, np.dot)


def check_device(device):
    """Raise unless estimators can compute on ``device``: "cpu", "auto" or "cuda"."""
    if device == "cuda":
        raise RuntimeError(
            "device='cuda' is not available: skbn computes on the CPU. Pass device='cpu' or 'auto'."
        )


def device_of(name):
    """The Device that the parameter ``device`` of an estimator names."""
    check_device(name)
    return CPU


def describe_cuda():
    """Name the CUDA device that Numba sees, or say why there is none."""
    try:
        from numba import cuda

        if cuda.is_available():
            return cuda.get_current_device().name.decode()
        reason = cuda.cuda_error() or "no device"
    except ImportError as error:
        reason = error
    return f"none ({' '.join(str(reason).split())})"
