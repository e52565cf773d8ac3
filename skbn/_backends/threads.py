"""The pool of threads on which kernels process blocks."""

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cache
from multiprocessing import current_process

import numba

from .signals import defer_signals


def n_threads():
    """Number of threads that kernels may use: NUMBA_NUM_THREADS, which loky sets in its workers.

    It is 1 in the daemonic workers of a multiprocessing pool, because their number is unknown. The
    value is read from the configuration, because ``numba.get_num_threads()`` would launch a
    threading layer.
    """
    if current_process().daemon:
        return 1
    return numba.config.NUMBA_NUM_THREADS


@cache
def _pool():
    return ThreadPoolExecutor(max(1, n_threads() - 1), thread_name_prefix="skbn")


# A forked child has the pool object but none of its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def for_each(function, items):
    """Call ``function(*item)`` for each item, on threads if there are several items.

    The calling thread also processes items, so that it need not wait for a pool that is busy. If
    one call fails, no further item is begun, and the exception is raised when all threads have
    finished. Ctrl-C takes effect between two items, because within concurrent.futures it may leave
    a lock acquired forever.
    """
    shared = _Pass(function, items)
    n_helpers = min(n_threads(), len(shared.queue)) - 1
    if n_helpers < 1:
        shared.work()
        return
    with defer_signals() as deliver:
        helpers = _submit(shared.work, n_helpers)
        try:
            shared.work(deliver)
        finally:
            shared.join(helpers)
    if shared.errors:
        raise shared.errors[0]


class _Pass:
    """The items that the threads process, and the errors that occur."""

    def __init__(self, function, items):
        self.function, self.queue = function, deque(items)
        self.active, self.errors = [], []

    def work(self, before_each=lambda: None):
        """Process items until there are none, or until one has failed."""
        self.active.append(None)
        try:
            while True:
                before_each()
                try:
                    item = self.queue.popleft()
                except IndexError:
                    return
                self.function(*item)
        except BaseException as error:
            self.queue.clear()
            self.errors.append(error)
            raise
        finally:
            self.active.pop()

    def join(self, helpers):
        """Wait for all threads, even those whose start seemed to fail and that have no future."""
        self.queue.clear()
        wait([helper for helper in helpers if not helper.cancel()])
        while self.active:
            time.sleep(1e-4)


def _submit(work, times):
    """Futures of the work; fewer if a thread cannot be started, as when Python shuts down."""
    helpers = []
    with suppress(RuntimeError):
        while len(helpers) < times:
            helpers.append(_pool().submit(work))
    return helpers
