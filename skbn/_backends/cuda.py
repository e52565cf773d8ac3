"""The GPU as a device, and arrays in its memory."""

import os
from contextlib import contextmanager
from functools import cache
from traceback import clear_frames

import numpy as np

from . import cuda_setup
from .device import Device

CUDA_OF_DLPACK = 2


@cache
def cuda_device():
    """The Device of the GPU. Errors are not cached, so that an installation takes effect."""
    if missing := cuda_setup.missing():
        raise RuntimeError(f"device='cuda' needs {'; and '.join(missing)}.")
    import cupy

    from ..kernels import cuda
    from .cublas import dot

    to = cupy.asnumpy, _uploaded
    return Device(cupy, cuda, dot, *to, _oom_guard, is_host=False, densifies=True)


def _uploaded(array):
    """The array on the GPU. CuPy's asarray would keep page-locked host memory of its size."""
    import cupy

    if isinstance(array, cupy.ndarray):
        return array
    uploaded = cupy.empty(array.shape, array.dtype)
    uploaded.set(np.ascontiguousarray(array))
    return uploaded


# A forked child cannot use the state of CUDA of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=cuda_device.cache_clear)


# How CuPy's memory pool, the driver, the runtime and cuBLAS say that memory does not suffice.
OUT_OF_MEMORY = (
    "OutOfMemoryError",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error):
    """Whether the error says that the memory of the GPU does not suffice.

    Pinned memory, cuBLAS and the code of kernels need memory too, which is not of CuPy's pool.
    """
    return any(words in f"{type(error).__name__}: {error}" for words in OUT_OF_MEMORY)


@contextmanager
def _oom_guard():
    import cupy

    from ..kernels.cuda import launch

    try:
        yield
    except Exception as error:  # those of the driver have no common class
        if not is_out_of_memory(error):
            raise
        clear_frames(error.__traceback__)  # frames refer to allocated arrays
        launch.forget_scratch()
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = (n_bytes / 1e9 for n_bytes in cupy.cuda.runtime.memGetInfo())
        raise MemoryError(
            f"GPU out of memory ({free:.1f} of {total:.1f} GB free): "
            f"{error} Nothing was changed. Use float32, fewer rows at a time, or device='cpu' with "
            "arrays in host memory."
        ) from error


def is_on_gpu(X):
    """Whether X is an array in the memory of a GPU, of any library."""
    if isinstance(X, np.ndarray):
        return False
    if hasattr(X, "__cuda_array_interface__"):
        return True
    where = getattr(X, "__dlpack_device__", None)
    return where is not None and where()[0] == CUDA_OF_DLPACK


def adopted(X):
    """The array X, which is on the GPU, as a CuPy array in the same memory."""
    try:
        xp = cuda_device().xp
    except RuntimeError as error:
        raise ValueError(
            "An array is in the memory of a GPU: copy it to the host (X.cpu() of PyTorch, "
            f"cupy.asnumpy(X)), because {error}"
        ) from error
    X = xp.asarray(X) if hasattr(X, "__cuda_array_interface__") else xp.from_dlpack(X)
    current = xp.cuda.runtime.getDevice()
    if X.device.id != current:
        raise ValueError(
            f"An array is on GPU {X.device.id}, and GPU {current} is the current one: call within "
            f"'with cupy.cuda.Device({X.device.id}):'."
        )
    return X


def xp_of(X):
    """The array module of X: CuPy if X is on the GPU, otherwise NumPy."""
    return cuda_device().xp if is_on_gpu(X) else np


def on_host(X):
    """X, copied to the host if it is on the GPU."""
    return adopted(X).get() if is_on_gpu(X) else X


def describe_cuda():
    """The name of the GPU and the versions of driver and CuPy, or what is missing."""
    if missing := cuda_setup.missing():
        return f"none (missing: {'; '.join(missing)})"
    xp = cuda_device().xp
    name = xp.cuda.runtime.getDeviceProperties(xp.cuda.runtime.getDevice())["name"].decode()
    version = cuda_setup.driver().version
    return f"{name}, driver of CUDA {version // 1000}.{version % 1000 // 10}, CuPy {xp.__version__}"
