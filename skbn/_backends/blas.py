"""Limits BLAS to one thread: for small products, and where several threads compute products."""

from contextlib import nullcontext
from functools import cache
from threading import current_thread, main_thread

from threadpoolctl import ThreadpoolController

from .threads import for_each, n_threads

# Number of multiplications of the largest matrix product. Times of a step with two threads and
# with one: 64 units, batches of 128 rows (2**19 multiplications) 83 and 78 µs, or 500 µs with two
# threads if another process uses the second core; 784 features, 100 units, batches of 60 rows
# (2**22) 398 and 470 µs.
MIN_THREADED_PRODUCT = 1 << 21


@cache
def _libraries():
    return ThreadpoolController().select(user_api="blas").lib_controllers


def limit_blas_threads(n_multiplications):
    """A context that limits BLAS to one thread if matrix products have few multiplications.

    The limit applies to the process. Only the main thread sets it, so that no two contexts overlap
    and restore the limit of each other.
    """
    is_small = n_multiplications < MIN_THREADED_PRODUCT
    return _one_thread if is_small and _may_limit() else nullcontext()


def _may_limit():
    """Whether this thread may limit BLAS, and no context around this one does so already."""
    return current_thread() is main_thread() and not _one_thread.before


def for_each_product(function, items):
    """``threads.for_each`` for calls that multiply matrices, each with one thread of BLAS.

    Two threads of BLAS divide each product and wait for each other. While another process used the
    second core, 20,000 rows of 784 features in float64 took 581 ms in this way, and 135 ms with
    blocks of rows on threads. Only the main thread may limit BLAS; others process items in order.
    """
    items = list(items)
    if len(items) == 1 or n_threads() == 1 or current_thread() is not main_thread():
        for_each_in_order(function, items)
        return
    if not _may_limit():
        for_each(function, items)
        return
    try:
        with _one_thread:
            for_each(function, items)
    finally:
        restore()


def for_each_in_order(function, items):
    """Call ``function(*item)`` for each item."""
    for item in items:
        function(*item)


def restore():
    """Restore the number of BLAS threads if Ctrl-C prevented a context from restoring it."""
    if current_thread() is main_thread():
        _one_thread.restore()


class _OneThread:
    """A context that limits BLAS to one thread, and remains correct after Ctrl-C.

    threadpoolctl's context would leave its limit in force after Ctrl-C at its beginning or end.
    Ctrl-C may also prevent the call of ``__exit__``, so the previous numbers of threads are kept.
    """

    def __init__(self):
        self.before = []

    def __enter__(self):
        if not self.before:
            self.before = [library.get_num_threads() for library in _libraries()]
        try:
            _set_threads([1] * len(self.before))
        except BaseException:
            self.restore()
            raise

    def __exit__(self, *_):
        try:
            self.restore()
        except KeyboardInterrupt:
            self.restore()
            raise

    def restore(self):
        if self.before:
            _set_threads(self.before)
            self.before = []


_one_thread = _OneThread()


def _set_threads(numbers):
    for library, number in zip(_libraries(), numbers, strict=True):
        library.set_num_threads(number)
