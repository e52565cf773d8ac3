"""Compilation and launch of CUDA kernels. Only this module imports Numba's CUDA target."""

from functools import cache, lru_cache
from math import prod
from threading import get_ident

import cupy
import numpy as np
from numba import config, cuda

from ..._backends.numba_cache import set_source_stamp, tolerate_cache_errors
from .. import formulas
from ..compile import copy_for_formula
from . import driver

# NumPy 2.5 has no row_stack, but numba-cuda 0.30.4 needs it for its first compilation.
vars(np).setdefault("row_stack", np.vstack)

# numba-cuda treats any fastmath flag as all of them, and then approximates division of float32.
# Without fastmath flags it preserves NaN and infinity.
for _formula in vars(formulas).values():
    if hasattr(_formula, "targetoptions"):
        _formula.targetoptions = _formula.targetoptions | {"fastmath": False}

# Shape of a block of threads. COLUMNS threads read neighbouring columns, so that a warp reads 32
# neighbouring values. The simulator has small blocks, because each thread is a thread of Python.
COLUMNS, ROWS = (4, 2) if config.ENABLE_CUDASIM else (32, 8)
BLOCK = COLUMNS, ROWS, 1
THREADS = COLUMNS * ROWS
FLAT_BLOCK = THREADS, 1, 1

# Minimum number of rows for a thread. With fewer, blocks take longer to start than to compute.
MIN_ROWS_PER_THREAD = 8

# In kernels that compute sums, the registers of a multiprocessor suffice for this many blocks: a
# thread uses 72 registers when compiled for compute capability 9.0.
BLOCKS_PER_MULTIPROCESSOR = 3

# CUDA's limit for the third dimension of a grid.
MAX_GROUPS = 65_535

# Larger scratch memory is not kept, so that at most 64 MB are.
MAX_SCRATCH_VALUES = 1 << 16

# Values that a thread of a sum loads at a time. An H200 moves 4.3 TB/s with about 0.6 µs of
# latency, which requires 2.6 MB in flight (Little's law). Its 132 multiprocessors with 768 threads
# each have 3.2 MB in flight.
LOADS = 8


def kernel(function):
    """Compile ``function`` as a CUDA kernel, lazily, for the types of its first launch.

    Machine code is cached on disk if a folder is writable, as by ``compile.jit``.
    """
    try:
        compiled = set_source_stamp(cuda.jit(cache=True)(function))
    except RuntimeError:
        compiled = cuda.jit(function)
    return tolerate_cache_errors(compiled)


def kernel_for_formula(loop, formula):
    """Compile a copy of the loop as a kernel in which ``formula`` is this scalar function."""
    return kernel(copy_for_formula(loop, formula))


device_function = cuda.jit(device=True)


@cache
def max_blocks():
    """Number of blocks that keep the device busy."""
    return BLOCKS_PER_MULTIPROCESSOR * cuda.get_current_device().MULTIPROCESSOR_COUNT


@lru_cache(maxsize=1024)
def column_grid(n, c, n_groups=1):
    """Grid for column sums: tiles of c columns, parts of the n rows of a group, and groups."""
    if n_groups > MAX_GROUPS:
        raise ValueError(
            f"A batch has at most {MAX_GROUPS} ghost batches on a GPU, got {n_groups}: "
            "virtual_batch_size must be larger, or batch_size smaller."
        )
    n_tiles = -(-c // COLUMNS)
    n_parts = max(1, min(max_blocks() // (n_tiles * n_groups), n // (ROWS * MIN_ROWS_PER_THREAD)))
    return n_tiles, n_parts, n_groups


@lru_cache(maxsize=1024)
def element_grid(n, c, n_groups=1):
    """Grid over the elements of n_groups matrices (n, c), with the axes of ``column_grid``."""
    n_tiles = -(-c // COLUMNS)
    n_parts = max(1, min(8 * max_blocks() // (n_tiles * n_groups), -(-n // ROWS)))
    return n_tiles, n_parts, n_groups


@lru_cache(maxsize=1024)
def flat_grid(n):
    """Grid of blocks of THREADS threads for n values."""
    return max(1, min(-(-n // THREADS), 8 * max_blocks())), 1, 1


def launch(function, grid, block, *arguments):
    """Launch a kernel on CuPy's current stream; grid and block have three dimensions."""
    driver.launch(function, grid, block, arguments)


def launch_flat(function, n, *arguments):
    """Launch a kernel whose threads process n values."""
    launch(function, flat_grid(n), FLAT_BLOCK, *arguments)


def _here():
    """A key of the current stream. A stream pointer may mean another stream in each thread."""
    return cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr, get_ident()


@cache
def _ones(dtype, _where):
    return cupy.ones(1, dtype)


def ones(dtype):
    """An array with a single 1, for kernels whose rows have equal weights."""
    return _ones(dtype, _here())


@lru_cache(maxsize=128)
def _scratch(shape, dtype, _where):
    return cupy.empty(shape, dtype)


def scratch(shape, dtype=np.float64):
    """Memory that a launch on the current stream may overwrite, the same one for equal shapes.

    An allocation takes 2 µs of the host.
    """
    if prod(shape) > MAX_SCRATCH_VALUES:
        return cupy.empty(shape, dtype)
    return _scratch(shape, dtype, _here())


def forget_scratch():
    """Release the memory that ``scratch`` keeps."""
    _scratch.cache_clear()


@cache
def _tickets(n, _where):
    return cupy.zeros(n, np.uint32)


def tickets(n):
    """At least n counters, which are 0 before and after every launch on the current stream."""
    return _tickets(1 << max(n - 1, 1023).bit_length(), _here())
