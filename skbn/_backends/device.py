"""What estimators and networks use of a device."""

from contextlib import nullcontext
from types import ModuleType
from typing import NamedTuple


class Device(NamedTuple):
    """The modules and functions with which estimators and networks compute.

    Attributes
    ----------
    xp : module
        Array functions.
    kernels : module
        Loops over arrays of the device.
    dot : callable
        ``dot(a, b, out=out)``, the product of two matrices.
    to_host, to_device : callable
        Return an array, for reading only, in host memory or on the device.
    oom_guard : callable
        A context that raises a clear error if the memory of the device does not suffice.
    is_host : bool
        Whether arrays are NumPy's, in host memory.
    densifies : bool
        Whether sparse rows are made dense, batch by batch.
    """

    xp: ModuleType
    kernels: ModuleType
    dot: callable
    to_host: callable
    to_device: callable
    oom_guard: callable = nullcontext
    is_host: bool = True
    densifies: bool = False
