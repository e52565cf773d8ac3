"""Passes over rows on a CUDA device.

Rows in host memory are copied to the device chunk by chunk, so that they may exceed its memory. Two
lanes process chunks alternately: while one copies or computes, the host fills the buffer of the
other. Rows on the device stay there.
"""

from collections import deque
from functools import cache
from itertools import cycle
from threading import get_ident

import cupy
import numpy as np

from .._backends.threads import for_each, n_threads
from ..kernels import cpu, cuda
from .host import MIN_BLOCK_ROWS, kernel_dtype

# 32 MB of float32. A bus of 50 GB/s copies them in 0.6 ms; the host spends 0.05 ms on a chunk.
CHUNK_VALUES = 1 << 23


class Lane:
    """A stream, with buffers for a chunk in host memory and on the device.

    Host buffers are page-locked, because only then does a copy run in parallel with the host.
    """

    def __init__(self, stream):
        self.stream = stream
        self.buffers = {}

    def _buffer(self, name, shape, dtype, allocate):
        n = int(np.prod(shape))
        if name not in self.buffers or self.buffers[name].size < n:
            self.buffers[name] = allocate(n, dtype)
        return self.buffers[name][:n].reshape(shape)

    def pinned(self, name, shape, dtype):
        """A page-locked host array. Arrays of the same name share their memory."""
        return self._buffer(("host", name), shape, dtype, _pinned)

    def buffer(self, name, shape, dtype):
        """A device array. Arrays of the same name share their memory."""
        return self._buffer(("device", name), shape, dtype, cupy.empty)

    def upload(self, name, values, dtype):
        """Copy the values (n, ...) to the device as a C-contiguous array of this dtype."""
        staged = self.pinned(name, values.shape, dtype)
        _copy(values, staged)
        target = self.buffer(name, values.shape, dtype)
        target.set(staged, stream=self.stream)
        return target


@cache
def _streams(_device, _thread):
    """Two streams, which are kept because CuPy does not reuse memory of another stream."""
    return [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]


def _pinned(n, dtype):
    memory = cupy.cuda.alloc_pinned_memory(max(1, n * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, n)


def _copy(values, target):
    """target[...] = values, on threads, because one thread copies more slowly than the bus."""
    n = n_threads() if values.nbytes >= 1 << 20 else 1
    parts = zip(np.array_split(target, n), np.array_split(values, n), strict=True)
    for_each(np.copyto, parts)


def _row_chunks(X):
    """The slices of rows, one for each chunk."""
    step = max(MIN_BLOCK_ROWS, CHUNK_VALUES // X.shape[1])
    return [slice(start, start + step) for start in range(0, X.shape[0], step)]


def _in_lanes(X, begin, finish):
    """Call ``begin(lane, rows)`` for every chunk of X, and ``finish(lane, rows)`` once it is done.

    Both are called in the order of the chunks. A lane is free again when its chunk is finished.
    """
    streams, begun = _streams(cupy.cuda.runtime.getDevice(), get_ident()), deque()
    lanes = [Lane(stream) for stream in streams]

    def finish_first():
        lane, rows = begun.popleft()
        lane.stream.synchronize()
        finish(lane, rows)

    try:
        for lane, rows in zip(cycle(lanes), _row_chunks(X)):
            if len(begun) == len(lanes):
                finish_first()
            with lane.stream:
                begin(lane, rows)
            begun.append((lane, rows))
        while begun:
            finish_first()
    finally:  # no copy may continue into memory that is reused
        for lane in lanes:
            lane.stream.synchronize()


def _ready(X):
    """X in the form that kernels take, which is X itself if it has this form."""
    return cupy.ascontiguousarray(X, dtype=kernel_dtype(X.dtype))


def _is_ready(X):
    return X.flags.c_contiguous and X.dtype == kernel_dtype(X.dtype)


def _chunks_on_device(X):
    """All rows if kernels take X unchanged, otherwise chunks, which are converted one by one."""
    return [slice(None)] if _is_ready(X) else _row_chunks(X)


def _launch_moments(X, weight, table):
    if weight is None:
        cuda.column_moments(X, table)
    else:
        cuda.weighted_column_moments(X, weight, table)


class DevicePasses:
    """Passes over rows, by the kernels of the device. HostPasses has the same methods."""

    inference_values = 1 << 26  # 256 MB of float32

    def column_moments(self, X, weight):
        """The moments table (5, c) of X (n, c) with row weights (n,) or None; NaN is skipped.

        X is in host memory or on the device. The weight and the result are in host memory.
        """
        moments_of = _moments_of_host if isinstance(X, np.ndarray) else _moments_of_device
        table = np.zeros((5, X.shape[1]))
        moments_of(X, weight, table)
        return table

    def normalize(self, X, mean, scale, offset, out):
        """out (n, c) = scale·(X − mean) + offset by column. X and out may be the same array.

        X and out are both in host memory or both on the device. The vectors are in host memory.

        Returns
        -------
        int
            The number of infinite values of X.
        """
        vectors = [cupy.asarray(vector) for vector in (mean, scale, offset)]
        infinite = cupy.zeros(1, np.int64)
        passes = _normalize_host if isinstance(X, np.ndarray) else _normalize_device
        passes(X, [*vectors, infinite], out)
        return int(infinite[0])

    def in_blocks(self, kernel, constants, *arrays):
        """Call the kernel on the flat arrays (n,), in a single launch."""
        kernel(constants, *arrays)


def _moments_of_host(X, weight, table):
    dtype, shape = kernel_dtype(X.dtype), table.shape

    def begin(lane, rows):
        block = lane.upload("X", X[rows], dtype)
        block_weight = None if weight is None else lane.upload("weight", weight[rows], np.float64)
        _launch_moments(block, block_weight, lane.buffer("table", shape, np.float64))

    def finish(lane, _rows):
        chunk_table = lane.buffer("table", shape, np.float64)
        cpu.merge_moments(table, chunk_table.get(stream=lane.stream))

    _in_lanes(X, begin, finish)


def _moments_of_device(X, weight, table):
    weight = None if weight is None else cupy.asarray(weight, dtype=np.float64)
    for rows in _chunks_on_device(X):
        chunk_table = cupy.empty(table.shape)
        _launch_moments(_ready(X[rows]), None if weight is None else weight[rows], chunk_table)
        cpu.merge_moments(table, chunk_table.get())


def _normalize_host(X, parameters, out):
    dtype = kernel_dtype(X.dtype)
    cupy.cuda.get_current_stream().synchronize()  # lanes do not wait for uploads on this stream

    def begin(lane, rows):
        block = lane.upload("X", X[rows], dtype)
        cuda.normalize(block, *parameters, block)
        block.get(out=lane.pinned("X", block.shape, dtype), stream=lane.stream, blocking=False)

    def finish(lane, rows):
        _copy(lane.pinned("X", out[rows].shape, dtype), out[rows])

    _in_lanes(X, begin, finish)


def _normalize_device(X, parameters, out):
    takes_all = _is_ready(X) and _is_ready(out) and out.dtype == X.dtype
    for rows in [slice(None)] if takes_all else _row_chunks(X):
        block = _ready(X[rows])
        target = out[rows] if takes_all else cupy.empty_like(block)
        cuda.normalize(block, *parameters, target)
        if not takes_all:
            out[rows] = target
