"""Launchers of loops over CuPy's arrays, with the names and arguments of ``cpu``'s; outputs last.

Arrays are C-contiguous. ``constants`` stay on the host, as scalars do. Nothing waits for the GPU.
"""

from ..layout import COUNT, M2, MEAN, MEAN_ERROR, WEIGHT
from ..registry import OF_BOTH_DEVICES, OF_CUDA, load

_kernels = load(__name__, OF_BOTH_DEVICES, OF_CUDA)
globals().update(_kernels)

__all__ = ["COUNT", "M2", "MEAN", "MEAN_ERROR", "WEIGHT", *_kernels]
