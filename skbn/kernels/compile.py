"""The one place that says how Numba compiles our functions."""

import numba

from .._cache import guarded, stamped

FLAGS = {
    "nogil": True,
    # The subset of fastmath that keeps NaN and infinity: a reciprocal may replace a division,
    # a fused multiply-add a multiplication and an addition. fastmath=True breaks isnan.
    "fastmath": {"contract", "nsz", "arcp"},
    # NumPy's division by zero instead of an exception: 4x faster in a division loop.
    "error_model": "numpy",
}


def jit(function):
    """Compile ``function`` lazily, for the types of its first call, without the GIL.

    Machine code is cached on disk. Where no cache folder is writable (a read-only install
    without a home) Numba refuses to decorate, and the import would fail (numba #4908): then
    the function is compiled anew in each process.
    """
    try:
        compiled = stamped(numba.njit(cache=True, **FLAGS)(function))
    except RuntimeError:
        compiled = numba.njit(**FLAGS)(function)
    return guarded(compiled)


def cache_folder():
    """The folder that keeps machine code between processes, or None where none is writable."""
    stats = getattr(jit(cache_folder), "stats", None)
    return stats.cache_path if stats else None
