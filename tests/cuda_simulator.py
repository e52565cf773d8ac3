"""What Numba's CUDA simulator lacks: blocks in any order, faster threads, and a CuPy to import."""

import random
import sys
import threading
from functools import cache
from types import SimpleNamespace

import cupy_stand_in
import numpy as np


def _launch(function, grid, block, arguments):
    """Launch a kernel of the simulator, after the copies that its stream was given."""
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    from skbn.kernels.cuda import driver

    cupy_stand_in.get_current_stream()
    is_array = [isinstance(argument, cupy_stand_in.ndarray) for argument in arguments]
    for x, i in zip(arguments, is_array, strict=True):
        assert x.flags.c_contiguous if i else type(x) in driver.SCALARS
    function[grid, block](
        *(FakeCUDAArray(x._host) if i else x for x, i in zip(arguments, is_array, strict=True))
    )


def _shared_array(self, shape, dtype):
    """One array by line of code; the simulator may give two threads two of them."""
    caller = sys._getframe(1)
    where = caller.f_code.co_filename, caller.f_lineno
    return self._allocations.setdefault(where, cupy_stand_in.poisoned(np.empty(shape, dtype)))


def _syncthreads(self):
    self.syncthreads_blocked = True
    self._manager.stopped.release()
    self.syncthreads_event.wait()
    self.syncthreads_event.clear()
    self.syncthreads_blocked = False
    if self.abort:
        raise RuntimeError("another thread of the block has failed")


def _run_block(self, grid_point, *args):
    """One thread after the other as far as it gets; the simulator polls them, 8 times slower."""
    from numba.cuda.simulator.kernel import BlockThread

    def body():
        try:
            self._f(*args)
        finally:
            self.stopped.release()

    def go_on(thread):
        thread.syncthreads_event.set() if thread.ident else thread.start()
        self.stopped.acquire()

    self.stopped = threading.Semaphore(0)
    points = np.ndindex(*self._block_dim)
    live = [BlockThread(body, self, grid_point, point, self._debug) for point in points]
    while live:
        for thread in live:
            go_on(thread)
        for thread in (done := [thread for thread in live if not thread.syncthreads_blocked]):
            thread.join()
        live = [thread for thread in live if thread not in done]
        if failed := [thread.exception for thread in done if thread.exception]:
            for thread in live:
                thread.abort = True
                go_on(thread)
            raise failed[0][0].with_traceback(failed[0][1])


class AnyOrder:
    """NumPy for the simulator, whose blocks then run in another order at every launch."""

    def __init__(self):
        self.draw = random.Random(0)

    def __getattr__(self, name):
        return getattr(np, name)

    def ndindex(self, *shape):
        points = list(np.ndindex(*shape))
        self.draw.shuffle(points)
        return points


@cache
def install():
    """Give the simulator what it lacks, and the product a CuPy to import."""
    from numba import cuda
    from numba.cuda.simulator import kernel
    from numba.cuda.simulator.kernel import BlockManager, BlockThread
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    sys.modules["cupy"] = cupy = cupy_stand_in.module()
    sys.modules |= cupy_stand_in.submodules(cupy)
    FakeCUDAShared.array = _shared_array
    BlockThread.syncthreads, BlockManager.run = _syncthreads, _run_block
    type(cuda.get_current_device()).MULTIPROCESSOR_COUNT = 2
    kernel.np = AnyOrder()

    from skbn._backends import cuda_setup
    from skbn.kernels.cuda import launch

    cuda_setup.driver = lambda: cuda_setup.Driver(13_000, 1)
    cuda_setup._cupys = lambda: ["cupy-cuda13x"]
    launch.driver = SimpleNamespace(launch=_launch)
