"""The device that the parameter ``device`` of an estimator names."""

import warnings

from . import cuda_setup
from .cpu import CPU
from .cuda import cuda_device
from .stacklevel import levels_below_caller


def device_of(name):
    """The Device that the parameter ``device`` of an estimator names: "cpu", "cuda" or "auto".

    Raises
    ------
    RuntimeError
        If CUDA is requested and something is missing. The message says how to install it.
    """
    if name == "cpu":
        return CPU
    if name not in ("cuda", "auto"):
        raise ValueError(f"The 'device' parameter must be 'cpu', 'cuda' or 'auto', got {name!r}.")
    if name == "auto" and not _has_gpu():
        return CPU
    try:
        return cuda_device()
    except RuntimeError as error:
        if name == "cuda":
            raise
        message = f"device='auto' computes on the CPU: {error}"
        warnings.warn(message, UserWarning, stacklevel=levels_below_caller())
        return CPU


def _has_gpu():
    """Whether there is a GPU. The driver is asked, for 80 µs, until the GPU has been used."""
    return cuda_device.cache_info().currsize > 0 or cuda_setup.driver().n_gpus > 0


def device_of_fitted(name):
    """The Device for an estimator that was fitted on ``name``, perhaps on another machine."""
    return device_of("auto" if name == "cuda" else name)
