"""Checks what CUDA needs on this machine, and says how to install what is missing."""

import ctypes
import os
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import NamedTuple

# The minimum version of CUDA, and the packages of the extras with their modules.
MIN_CUDA = 12
PACKAGES = {"numba-cuda": "numba_cuda", "CuPy": "cupy"}


class Driver(NamedTuple):
    """The NVIDIA driver.

    ``version`` is the version of CUDA that it supports, 1000·major + 10·minor, or None if there is
    no driver. ``error`` is the code of cuInit, or 0.
    """

    version: int | None = None
    n_gpus: int = 0
    error: int = 0


def driver():
    """The Driver of this machine."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return Driver()
    version, n_gpus = ctypes.c_int(), ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    if not (error := library.cuInit(0)):
        library.cuDeviceGetCount(ctypes.byref(n_gpus))
    return Driver(version.value, n_gpus.value, error)


def missing():
    """What CUDA needs and this process lacks, with how to install it."""
    found = driver()
    major = 13 if found.version is None else min(found.version // 1000, 13)
    if major < MIN_CUDA:
        return [
            f"a newer NVIDIA driver: this one supports CUDA {major}, but CUDA {MIN_CUDA} is "
            "required (https://www.nvidia.com/drivers)"
        ]
    install = f'python -m pip install -e ".[cuda{major}]" in a clone of skbn'
    return _missing_hardware(found) + _missing_packages(major, install)


def _missing_hardware(driver):
    if driver.version is None:
        return [
            "a GPU and the NVIDIA driver, whose libcuda is not found (a container has it with "
            "--gpus all, a cluster on nodes with GPUs; on Ubuntu: sudo ubuntu-drivers install; "
            "otherwise https://www.nvidia.com/drivers)"
        ]
    if not driver.n_gpus:
        said = f"cuInit fails with error {driver.error}" if driver.error else "it finds none"
        return [
            f"a GPU that the NVIDIA driver can use: {said} (see nvidia-smi; a process that was "
            "forked from one that has used CUDA cannot use it: start it with 'spawn')"
        ]
    return []


def _missing_packages(major, install):
    """The packages that are not installed, do not load, or are built for another CUDA."""
    absent = [name for name, module in PACKAGES.items() if not find_spec(module)]
    if absent:
        return [f"the packages {' and '.join(absent)}, not installed ({install})"]
    if len(cupys := _cupys()) > 1:
        return [f"one CuPy, not {' and '.join(cupys)}: uninstall all of them, then {install}"]
    try:
        from cupy import cublas, cuda  # noqa: F401  loads the libraries of CUDA
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
    """The names of the installed distributions of CuPy."""
    names = ["cupy", *(f"cupy-cuda{major}x" for major in range(11, 14))]
    return [name for name in names if any(distributions(name=name))]


def _first_line(error):
    return f"{error}\n".splitlines()[0]
