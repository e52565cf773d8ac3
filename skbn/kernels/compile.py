"""The one place that says how Numba compiles our functions."""

from types import FunctionType

import numba

from .._cache import set_source_stamp, tolerate_cache_errors

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
        compiled = set_source_stamp(numba.njit(cache=True, **FLAGS)(function))
    except RuntimeError:
        compiled = numba.njit(**FLAGS)(function)
    return tolerate_cache_errors(compiled)


def copy_for_formula(loop, formula):
    """A copy of the loop that calls this scalar function by the name ``formula``.

    Its name has both names, by which Numba's cache tells the copies apart. A function passed as an
    argument, or kept in a closure, is another one in every process: nothing would be cached.
    """
    name = f"{loop.__name__}_of_{formula.__name__}"
    function = FunctionType(loop.__code__, loop.__globals__ | {"formula": formula}, name)
    function.__qualname__, function.__doc__ = name, loop.__doc__
    return function


def for_formula(loop, formula):
    """Compile a copy of the loop that calls this scalar function by the name ``formula``."""
    return jit(copy_for_formula(loop, formula))


def cache_folder():
    """The folder that keeps machine code between processes, or None where none is writable."""
    stats = getattr(jit(cache_folder), "stats", None)
    return stats.cache_path if stats else None
