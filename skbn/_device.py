"""Where the computing is done: the only place that asks for CUDA."""

import ctypes
import os
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

import numba
import numpy as np

from . import _chunks
from .kernels import cpu

CUDA_OF_DLPACK = 2


class Device(NamedTuple):
    """What estimators and networks compute with.

    Attributes
    ----------
    xp : module
        Array functions.
    kernels : module
        Loops over arrays of the device.
    chunks : module
        Passes over rows, of which the device need not hold all: ``_chunks`` or its counterpart.
    dot : callable
        ``dot(a, b, out=out)``, the product of two matrices.
    to_host, to_device : callable
        An array where it is needed, to be read alone.
    refusing_lack_of_memory : callable
        A context that says in words that the memory of the device does not suffice.
    densifies : bool
        Whether sparse rows are made dense, batch by batch.
    """

    xp: ModuleType
    kernels: ModuleType
    chunks: ModuleType
    dot: callable
    to_host: callable
    to_device: callable
    refusing_lack_of_memory: callable = nullcontext
    densifies: bool = False


def _read_only(array):
    # Numba compiles a kernel once more for arrays that differ in this alone.
    array = array.view()
    array.flags.writeable = False
    return array


CPU = Device(np, cpu, _chunks, np.dot, np.asarray, _read_only)


@cache
def _cuda():
    import cupy
    from cupy import cublas

    from . import _streams
    from .kernels import cuda

    dot = partial(cublas.gemm, "N", "N")
    to = cupy.asnumpy, cupy.asarray
    return Device(cupy, cuda, _streams, dot, *to, _refusing_lack_of_memory, densifies=True)


# What a process knows of CUDA is not true of one that is forked from it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_cuda.cache_clear)


def device_of(name):
    """The Device that the parameter ``device`` of an estimator names: "cpu", "cuda" or "auto".

    Raises
    ------
    RuntimeError
        If CUDA is asked for and something is missing: what it is and what installs it.
    """
    if name == "cpu" or (name == "auto" and not _driver()[1]):
        return CPU
    if not (missing := _missing()):
        return _cuda()
    if name == "auto":
        return CPU
    raise RuntimeError(
        f"device='cuda' needs {'; and '.join(missing)}. Or pass device='cpu', or 'auto', which "
        "takes the GPU where there is one."
    )


def device_of_fitted(name):
    """The Device for what was fitted on the one named, perhaps on another machine."""
    return device_of("auto" if name == "cuda" else name)


def _missing():
    """What CUDA needs and this process has not, with what installs it."""
    version, n_gpus = _driver()
    missing = []
    if version is None:
        missing.append(
            "the NVIDIA driver, which is not installed (on Ubuntu: sudo ubuntu-drivers install; "
            "else https://www.nvidia.com/drivers)"
        )
    elif not n_gpus:
        missing.append(
            "a GPU, of which the NVIDIA driver finds none (nvidia-smi lists them; a process that "
            "was forked from one that has used CUDA sees none: start it with 'spawn')"
        )
    extra = "cuda12" if version is not None and version < 13000 else "cuda13"
    if lacking := _lacking_packages():
        missing.append(f"{lacking} (python -m pip install 'skbn[{extra}]')")
    return missing


def _driver():
    """The CUDA version of the driver, or None where there is none, and the number of GPUs."""
    if numba.config.ENABLE_CUDASIM:
        return 13000, 1
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return None, 0
    version, n_gpus = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    if driver.cuInit(0) == 0:
        driver.cuDeviceGetCount(ctypes.byref(n_gpus))
    return version.value, n_gpus.value


@cache
def _lacking_packages():
    """The packages that are not installed or do not load, in words, or ""."""
    lacking = [] if find_spec("numba_cuda") else ["the package numba-cuda, which is not installed"]
    if not find_spec("cupy"):
        lacking.append("the package CuPy, which is not installed")
    else:
        try:
            from cupy import cublas  # noqa: F401  which loads the libraries of CUDA
        except Exception as error:
            reason = f"{error}\n".splitlines()[0]
            lacking.append(f"the libraries of CUDA, which CuPy cannot load: {reason}")
    return " and ".join(lacking)


@contextmanager
def _refusing_lack_of_memory():
    import cupy

    try:
        yield
    except cupy.cuda.memory.OutOfMemoryError as error:
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = (n_bytes / 1e9 for n_bytes in cupy.cuda.runtime.memGetInfo())
        raise MemoryError(
            f"The memory of the GPU does not suffice ({free:.1f} of {total:.1f} GB are free): "
            f"{error} Nothing was changed. Smaller batches, float32 or device='cpu' take less."
        ) from error


def is_on_gpu(X):
    """Whether X is an array in the memory of a GPU, of whichever library."""
    if isinstance(X, np.ndarray):
        return False
    if hasattr(X, "__cuda_array_interface__"):
        return True
    where = getattr(X, "__dlpack_device__", None)
    return where is not None and where()[0] == CUDA_OF_DLPACK


def adopted(X):
    """The array X, which is on the GPU, as one of CuPy's in the same memory."""
    xp = device_of("cuda").xp
    return xp.asarray(X) if hasattr(X, "__cuda_array_interface__") else xp.from_dlpack(X)


def on_host(X):
    """X, copied to the host where it is on the GPU."""
    return device_of("cuda").to_host(adopted(X)) if is_on_gpu(X) else X


def describe_cuda():
    """Name the GPU and what drives it, or say what is missing."""
    if missing := _missing():
        return f"none (missing: {'; '.join(missing)})"
    xp = _cuda().xp
    name = xp.cuda.runtime.getDeviceProperties(xp.cuda.runtime.getDevice())["name"].decode()
    return f"{name}, CUDA {_driver()[0] // 1000}, CuPy {xp.__version__}"
