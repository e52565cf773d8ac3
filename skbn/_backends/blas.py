"""Limits BLAS to one thread if matrix products are too small for two."""

from contextlib import nullcontext
from functools import cache
from threading import current_thread, main_thread

from threadpoolctl import ThreadpoolController

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
    if n_multiplications < MIN_THREADED_PRODUCT and current_thread() is main_thread():
        return _one_thread
    return nullcontext()


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
