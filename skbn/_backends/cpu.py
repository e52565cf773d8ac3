"""The device that is always present."""

import numpy as np

from ..kernels import cpu
from .device import Device


def _read_only(array):
    # Numba compiles a kernel separately for read-only and for writable arrays.
    array = array.view()
    array.flags.writeable = False
    return array


CPU = Device(np, cpu, np.dot, np.asarray, _read_only)
