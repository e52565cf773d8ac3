"""Kernels over CuPy arrays, with the names and arguments of those in ``cpu``; outputs are last.

Arrays are C-contiguous. ``constants`` and scalars stay on the host. No function waits for the GPU.
"""

from ..registry import OF_BOTH_DEVICES, OF_CUDA, load
from .activations import ACTIVATIONS

_kernels = load(__name__, OF_BOTH_DEVICES, OF_CUDA)
globals().update(_kernels)

__all__ = ["ACTIVATIONS", *_kernels]
