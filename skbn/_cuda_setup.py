"""What this machine and this process have of CUDA, and what installs the rest."""

import ctypes
import os
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import NamedTuple

# What the extras bring, and by what module it is known.
MIN_CUDA = 12
PACKAGES = {"numba-cuda": "numba_cuda", "CuPy": "cupy"}


class Driver(NamedTuple):
    """The NVIDIA driver: its version of CUDA, 1000 times the first number and 10 the second.

    ``version`` is None where there is none, ``error`` is what it says where it does not start.
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
    """What CUDA needs and this process has not, with what installs it."""
    found = driver()
    major = 13 if found.version is None else min(found.version // 1000, 13)
    if major < MIN_CUDA:
        return [
            f"a newer NVIDIA driver: this one is of CUDA {major}, {MIN_CUDA} is the least "
            "(https://www.nvidia.com/drivers)"
        ]
    install = f"python -m pip install 'skbn[cuda{major}]'"
    return _missing_hardware(found) + _missing_packages(major, install)


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
