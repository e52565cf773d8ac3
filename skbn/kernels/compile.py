"""The one place that says how Numba compiles our functions."""

from contextlib import suppress

import numba

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
        compiled = numba.njit(cache=True, **FLAGS)(function)
    except RuntimeError:
        return numba.njit(**FLAGS)(function)
    _save_where_there_is_room(getattr(compiled, "_cache", None))
    return compiled


def _save_where_there_is_room(cache):
    """Let a disk that is full, or a folder that is gone since, cost the cache and not the call."""
    save = getattr(cache, "save_overload", None)
    if save is None:  # NUMBA_DISABLE_JIT
        return

    def save_overload(*overload):
        with suppress(OSError):
            save(*overload)

    cache.save_overload = save_overload


def cache_folder():
    """The folder that keeps machine code between processes, or None where none is writable."""
    stats = getattr(jit(cache_folder), "stats", None)
    return stats.cache_path if stats else None
