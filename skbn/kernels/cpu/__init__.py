"""Serial loops over arrays in host memory, which release the GIL and take outputs last."""

from ..registry import OF_BOTH_DEVICES, OF_HOST, load
from .activations import ACTIVATIONS

_kernels = load(__name__, OF_BOTH_DEVICES, OF_HOST)
globals().update(_kernels)

__all__ = ["ACTIVATIONS", *_kernels]
