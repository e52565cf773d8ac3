"""Keeps BLAS to one thread where its products of matrices are too small for two."""

from contextlib import nullcontext
from functools import cache
from threading import current_thread, main_thread

from threadpoolctl import ThreadpoolController

# Multiplications of the largest product. Steps of two threads against one: 64 units, batch 128
# (2**19) 83 against 78 µs, and 500 where another process wants the second core; 784 features,
# 100 units, batch 60 (2**22) 398 against 470 µs.
MIN_THREADED_PRODUCT = 1 << 21


@cache
def _libraries():
    return ThreadpoolController().select(user_api="blas").lib_controllers


def limit_blas_threads(n_multiplications):
    """A context in which BLAS has the threads that pay for products of so many.

    The limit is that of the process. Only the main thread sets it, so that no two contexts overlap
    and restore what the other has set.
    """
    if n_multiplications < MIN_THREADED_PRODUCT and current_thread() is main_thread():
        return _one_thread
    return nullcontext()


def restore():
    """Give BLAS the threads that a limit took, where Ctrl-C kept the limit from doing it."""
    if current_thread() is main_thread():
        _one_thread.restore()


class _OneThread:
    """Not threadpoolctl's own limit, which Ctrl-C at its beginning or end would leave in force.

    Ctrl-C may also keep ``__exit__`` from being called: what it would have restored is kept.
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
