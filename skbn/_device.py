"""Where the computing is done: the only place that asks for CUDA."""

import ctypes
import os
import warnings
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from importlib.metadata import distributions
from importlib.util import find_spec
from traceback import clear_frames
from types import ModuleType
from typing import NamedTuple

import numpy as np

from . import _chunks
from .kernels import cpu

CUDA_OF_DLPACK = 2

# What the extras bring, and by what module it is known.
MIN_CUDA = 12
PACKAGES = {"numba-cuda": "numba_cuda", "CuPy": "cupy"}


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
    """The Device of the GPU; what is missing is looked for anew, for it may be installed."""
    if missing := _missing():
        raise RuntimeError(f"device='cuda' needs {'; and '.join(missing)}.")
    import cupy
    from cupy import cublas

    from . import _streams
    from .kernels import cuda

    dot = partial(cublas.gemm, "N", "N")
    to = cupy.asnumpy, _uploaded
    return Device(cupy, cuda, _streams, dot, *to, _refusing_lack_of_memory, densifies=True)


def _uploaded(array):
    """The array on the GPU; CuPy's asarray would page-lock as much of the host, and keep that."""
    import cupy

    if isinstance(array, cupy.ndarray):
        return array
    uploaded = cupy.empty(array.shape, array.dtype)
    uploaded.set(np.ascontiguousarray(array))
    return uploaded


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
    if name == "cpu":
        return CPU
    if name not in ("cuda", "auto"):
        raise ValueError(f"The 'device' parameter must be 'cpu', 'cuda' or 'auto', got {name!r}.")
    if name == "auto" and not _driver().n_gpus:
        return CPU
    try:
        return _cuda()
    except RuntimeError as error:
        if name == "cuda":
            raise
        warnings.warn(f"device='auto' computes on the CPU: {error}", UserWarning, stacklevel=2)
        return CPU


def device_of_fitted(name):
    """The Device for what was fitted on the one named, perhaps on another machine."""
    return device_of("auto" if name == "cuda" else name)


class Driver(NamedTuple):
    """The NVIDIA driver: its version of CUDA, 1000 times the first number and 10 the second.

    ``version`` is None where there is none, ``error`` is what it says where it does not start.
    """

    version: int | None = None
    n_gpus: int = 0
    error: int = 0


def _driver():
    try:
        library = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return Driver()
    version, n_gpus = ctypes.c_int(), ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    if not (error := library.cuInit(0)):
        library.cuDeviceGetCount(ctypes.byref(n_gpus))
    return Driver(version.value, n_gpus.value, error)


def _missing():
    """What CUDA needs and this process has not, with what installs it."""
    driver = _driver()
    major = 13 if driver.version is None else min(driver.version // 1000, 13)
    if major < MIN_CUDA:
        return [
            f"a newer NVIDIA driver: this one is of CUDA {major}, {MIN_CUDA} is the least "
            "(https://www.nvidia.com/drivers)"
        ]
    install = f"python -m pip install 'skbn[cuda{major}]'"
    return _missing_hardware(driver) + _missing_packages(major, install)


def _missing_hardware(driver):
    if driver.version is None:
        return [
            "a GPU and the NVIDIA driver, whose libcuda is not found (a container has it with "
            "--gpus all, a cluster on nodes with GPUs; on Ubuntu: sudo ubuntu-drivers install; "
            "else https://www.nvidia.com/drivers)"
        ]
    if not driver.n_gpus:
        said = f"cuInit fails with error {driver.error}" if driver.error else "it finds none"
        return [
            f"a GPU that the NVIDIA driver can use: {said} (see nvidia-smi; a process that was "
            "forked from one that has used CUDA cannot: start it with 'spawn')"
        ]
    return []


def _missing_packages(major, install):
    """The packages that are not installed, do not load, or are those of another CUDA."""
    absent = [name for name, module in PACKAGES.items() if not find_spec(module)]
    if absent:
        return [f"the packages {' and '.join(absent)}, not installed ({install})"]
    if len(cupys := _cupys()) > 1:
        return [f"one CuPy, not {' and '.join(cupys)}: uninstall all of them, then {install}"]
    try:
        from cupy import cublas, cuda  # noqa: F401  which loads the libraries of CUDA
    except Exception as error:
        return [f"the libraries of CUDA ({install}), which CuPy cannot load: {_first_line(error)}"]
    if (built_for := cuda.runtime.runtimeGetVersion() // 1000) > major:
        uninstall = " ".join(["python -m pip uninstall", *cupys])
        return [
            f"a driver of CUDA {built_for}, for which CuPy was built, not {major}: a newer driver, "
            f"or {uninstall}, then {install}"
        ]
    return []


def _cupys():
    """The CuPys that are installed, by the names of their distributions."""
    names = ["cupy", *(f"cupy-cuda{major}x" for major in range(11, 14))]
    return [name for name in names if any(distributions(name=name))]


def _first_line(error):
    return f"{error}\n".splitlines()[0]


@contextmanager
def _refusing_lack_of_memory():
    import cupy

    try:
        yield
    except cupy.cuda.memory.OutOfMemoryError as error:
        clear_frames(error.__traceback__)  # which hold what has been allocated
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = (n_bytes / 1e9 for n_bytes in cupy.cuda.runtime.memGetInfo())
        raise MemoryError(
            f"The memory of the GPU does not suffice ({free:.1f} of {total:.1f} GB are free): "
            f"{error} Nothing was changed. Less is needed for float32 or fewer rows at a time, "
            "and none for arrays of the host with device='cpu'."
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
    try:
        xp = _cuda().xp
    except RuntimeError as error:
        raise ValueError(
            "An array is in the memory of a GPU: copy it to the host (X.cpu() of PyTorch, "
            f"cupy.asnumpy(X)), for {error}"
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
    """The module that X is an array of: CuPy where it is on the GPU, else NumPy."""
    return device_of("cuda").xp if is_on_gpu(X) else np


def on_host(X):
    """X, copied to the host where it is on the GPU."""
    return adopted(X).get() if is_on_gpu(X) else X


def describe_cuda():
    """Name the GPU and what drives it, or say what is missing."""
    if missing := _missing():
        return f"none (missing: {'; '.join(missing)})"
    xp = _cuda().xp
    name = xp.cuda.runtime.getDeviceProperties(xp.cuda.runtime.getDevice())["name"].decode()
    version = _driver().version
    return f"{name}, driver of CUDA {version // 1000}.{version % 1000 // 10}, CuPy {xp.__version__}"
