"""Serial loops over arrays in host memory, which release the GIL and take outputs last."""

from ..layout import COUNT, M2, MEAN, MEAN_ERROR, WEIGHT
from ..registry import OF_BOTH_DEVICES, OF_HOST, load

_kernels = load(__name__, OF_BOTH_DEVICES, OF_HOST)
globals().update(_kernels)

__all__ = ["COUNT", "M2", "MEAN", "MEAN_ERROR", "WEIGHT", *_kernels]
