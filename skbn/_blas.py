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
def _controller():
    return ThreadpoolController().select(user_api="blas")


def threads_for(n_multiplications):
    """A context in which BLAS has the threads that pay for products of so many.

    The limit is that of the process. Only the main thread sets it, so that no two contexts overlap
    and restore what the other has set; OpenBLAS does not listen to other threads anyway.
    """
    if n_multiplications < MIN_THREADED_PRODUCT and current_thread() is main_thread():
        return _controller().limit(limits=1)
    return nullcontext()
