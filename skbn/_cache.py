"""Numba's cache of machine code on disk, and what must not come out of it."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from numba.core.compiler_lock import global_compiler_lock

from ._interrupts import defer_signals

# Numba compares the file of a function alone, not those of the functions that it calls (numba
# #1833): an upgrade would go on with the old machine code.
SOURCES = hashlib.sha256(
    b"".join(
        path.read_bytes() for path in sorted((Path(__file__).parent / "kernels").glob("**/*.py"))
    )
).hexdigest()

# A child of fork would wait for ever for a compiler that another thread has held.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


# Numba writes the index before the machine code, and two processes the same name: an index would
# lead to what another process, or the version before, has left there.
WRITER = uuid4().hex[:16]


def set_source_stamp(compiled):
    """The function, whose machine code is taken from the disk for these sources alone."""
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if index is not None:
        index._source_stamp = SOURCES
        index._data_name_pattern = index._data_name_pattern.replace("{", WRITER + ".{")
    return compiled


def tolerate_cache_errors(compiled):
    """The function, which no file of the cache and no Ctrl-C while it is loaded can break."""
    if hasattr(compiled, "_cache"):  # not under NUMBA_DISABLE_JIT
        _ignore_errors(compiled._cache)
        compiled.compile = _with_deferred_signals(compiled.compile)
    return compiled


def _ignore_errors(cache):
    """Let a file that is damaged or unreadable, or a full disk, cost the cache and not the call."""
    load, save = cache.load_overload, cache.save_overload

    def load_overload(*of_signature):
        try:
            return load(*of_signature)
        except Exception:  # what unpickling raises is anything
            with suppress(OSError):
                cache.flush()
            return None

    def save_overload(*overload):
        with suppress(Exception):
            save(*overload)

    cache.load_overload, cache.save_overload = load_overload, save_overload


def _with_deferred_signals(compile_signature):
    """Ctrl-C within Numba leaves registries half loaded, and later calls of the process fail."""

    def compile_to_the_end(signature):
        with defer_signals():
            return compile_signature(signature)

    return compile_to_the_end
