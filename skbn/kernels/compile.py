"""The options with which Numba compiles all functions."""

from types import FunctionType

import numba

from .._backends.numba_cache import set_source_stamp, tolerate_cache_errors

FLAGS = {
    "nogil": True,
    # The fastmath flags that preserve NaN and infinity. They allow the compiler to multiply by a
    # reciprocal instead of dividing, and to use fused multiply-add. fastmath=True breaks isnan.
    "fastmath": {"contract", "nsz", "arcp"},
    # Division by zero gives infinity or NaN, as in NumPy, instead of an exception. A loop of
    # divisions is 4 times as fast.
    "error_model": "numpy",
}


def jit(function):
    """Compile ``function`` lazily, for the types of its first call, without the GIL.

    Machine code is cached on disk. If no cache folder is writable (a read-only installation
    without a home folder), Numba raises at decoration, which would make the import fail (numba
    #4908). In this case each process compiles the function again.
    """
    try:
        compiled = set_source_stamp(numba.njit(cache=True, **FLAGS)(function))
    except RuntimeError:
        compiled = numba.njit(**FLAGS)(function)
    return tolerate_cache_errors(compiled)


def copy_for_formula(loop, formula):
    """A copy of the loop in which the name ``formula`` is this scalar function.

    The name of the copy contains both names, because Numba's cache identifies the copies by it. A
    function passed as an argument, or kept in a closure, is a new object in every process, so that
    Numba would not find the cached code.
    """
    name = f"{loop.__name__}_of_{formula.__name__}"
    function = FunctionType(loop.__code__, loop.__globals__ | {"formula": formula}, name)
    function.__qualname__, function.__doc__ = name, loop.__doc__
    return function


def for_formula(loop, formula):
    """Compile a copy of the loop in which the name ``formula`` is this scalar function."""
    return jit(copy_for_formula(loop, formula))


def cache_folder():
    """The folder in which machine code is cached, or None if no folder is writable."""
    stats = getattr(jit(cache_folder), "stats", None)
    return stats.cache_path if stats else None
