"""Numba's cache of machine code on disk, protected from stale and from damaged files."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from numba.core.compiler_lock import global_compiler_lock

from .signals import defer_signals

# Numba checks whether the file of a function has changed, but not the files of the functions that
# it calls (numba #1833). After an upgrade it would still use the old machine code.
SOURCES = hashlib.sha256(
    b"".join(
        path.read_bytes()
        for path in sorted((Path(__file__).parents[1] / "kernels").glob("**/*.py"))
    )
).hexdigest()

# A forked child would wait forever for the compiler lock if another thread held it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


# Numba writes the index before the machine code, and all processes use the same file names. An
# index could refer to a file of another process, or of the previous version.
WRITER = uuid4().hex[:16]


def set_source_stamp(compiled):
    """Make the function load machine code from disk only if it was compiled from these sources."""
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if index is not None:
        index._source_stamp = SOURCES
        index._data_name_pattern = index._data_name_pattern.replace("{", WRITER + ".{")
    return compiled


def tolerate_cache_errors(compiled):
    """Protect the function from errors of the cache, and from Ctrl-C while code is loaded."""
    if hasattr(compiled, "_cache"):  # not under NUMBA_DISABLE_JIT
        _ignore_errors(compiled._cache)
        compiled.compile = _with_deferred_signals(compiled.compile)
    return compiled


def _ignore_errors(cache):
    """Continue without the cache if a file is damaged or unreadable, or if the disk is full."""
    load, save = cache.load_overload, cache.save_overload

    def load_overload(*of_signature):
        try:
            return load(*of_signature)
        except Exception:  # unpickling may raise any exception
            with suppress(OSError):
                cache.flush()
            return None

    def save_overload(*overload):
        with suppress(Exception):
            save(*overload)

    cache.load_overload, cache.save_overload = load_overload, save_overload


def _with_deferred_signals(compile_signature):
    """Defer Ctrl-C while code is loaded.

    An interruption would leave Numba's registries incomplete, and later calls would fail.
    """

    def compile_to_the_end(signature):
        with defer_signals():
            return compile_signature(signature)

    return compile_to_the_end
