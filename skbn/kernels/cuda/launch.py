"""How our CUDA kernels are compiled and launched: the one importer of Numba's CUDA target."""

import warnings
from functools import cache, lru_cache
from threading import get_ident

import cupy
import numpy as np
from numba import config, cuda
from numba.cuda.args import ArgHint

from ..._cache import set_source_stamp
from .. import formulas
from ..compile import copy_for_formula

# Gone from NumPy 2.5; numba-cuda 0.30.4 asks for it when it first compiles.
vars(np).setdefault("row_stack", np.vstack)

# numba-cuda takes any of the flags of fastmath for all of them, and divides float32 by
# approximation; what it does without them keeps NaN and infinity.
for _formula in vars(formulas).values():
    if hasattr(_formula, "targetoptions"):
        _formula.targetoptions = _formula.targetoptions | {"fastmath": False}

# Threads of a block: one a column, so that a warp reads 32 neighbours, and as many rows at a time.
# The simulator runs every thread of a block as one of Python's.
COLUMNS, ROWS = (4, 2) if config.ENABLE_CUDASIM else (32, 8)
BLOCK = COLUMNS, ROWS
THREADS = COLUMNS * ROWS

# Rows that a thread reads at the least, lest blocks cost more than their work.
MIN_ROWS_PER_THREAD = 8

# As many as have room for their registers where sums are taken: 72 of a thread, compiled for 9.0.
BLOCKS_PER_MULTIPROCESSOR = 3

# Of the third dimension of a grid, by CUDA.
MAX_GROUPS = 65_535

# Values that a thread of a sum has on their way at a time. An H200 moves 4.3 TB/s with some 0.6 µs
# of latency: 2.6 MB are on their way (Little's law), of 132 multiprocessors with 768 threads 3.2.
LOADS = 8


def kernel(function):
    """Compile ``function`` as a CUDA kernel, lazily, for the types of its first launch.

    Kept on disk where a folder is writeable, as ``compile.jit`` does.
    """
    try:
        return set_source_stamp(cuda.jit(cache=True)(function))
    except RuntimeError:
        return cuda.jit(function)


def kernel_for_formula(loop, formula):
    """Compile a copy of the loop as a kernel that calls this scalar function ``formula``."""
    return kernel(copy_for_formula(loop, formula))


device_function = cuda.jit(device=True)


@cache
def max_blocks():
    """Blocks that keep the device busy."""
    return BLOCKS_PER_MULTIPROCESSOR * cuda.get_current_device().MULTIPROCESSOR_COUNT


def column_grid(n, c, n_groups=1):
    """Blocks that sum columns: tiles of c columns, parts of the n rows of a group, and groups."""
    if n_groups > MAX_GROUPS:
        raise ValueError(
            f"A batch has at most {MAX_GROUPS} ghost batches on a GPU, got {n_groups}: "
            "virtual_batch_size must be larger, or batch_size smaller."
        )
    n_tiles = -(-c // COLUMNS)
    n_parts = max(1, min(max_blocks() // (n_tiles * n_groups), n // (ROWS * MIN_ROWS_PER_THREAD)))
    return n_tiles, n_parts, n_groups


def element_grid(n, c, n_groups=1):
    """Blocks over the elements of n_groups matrices (n, c), in the order of ``column_grid``."""
    n_tiles = -(-c // COLUMNS)
    n_parts = max(1, min(8 * max_blocks() // (n_tiles * n_groups), -(-n // ROWS)))
    return n_tiles, n_parts, n_groups


def flat_grid(n):
    """Blocks of THREADS over n values."""
    return max(1, min(-(-n // THREADS), 8 * max_blocks()))


@lru_cache(maxsize=1024)
def configured(function, grid, block, stream):
    """The kernel, ready for its arguments. Numba warns of every small grid; small data have one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        return function[grid, block, cuda.external_stream(stream) if stream else 0]


class Resident(ArgHint):
    """An array of the device as an argument, which Numba need not look at in every launch.

    It would ask what each is, whether to copy it there and back, and wait for the stream that CuPy
    names. Five arrays and a number: 31 µs of the host so, 8 with this.
    """

    def __init__(self, array):
        super().__init__(array)
        self.memory = cuda.In(array).to_device([])

    def to_device(self, _copied_back, _stream=0):
        """What In, Out and InOut call what they hand to the kernel."""
        return self.memory


@lru_cache(maxsize=4096)
def _resident(pointer, shape, strides, dtype):
    """Of the address alone, which stays right when other memory comes to lie there."""
    interface = {"data": (pointer, False), "shape": shape, "strides": strides}
    interface |= {"typestr": dtype.str, "version": 3}
    return Resident(cuda.from_cuda_array_interface(interface, sync=False))


def _argument(x):
    """An argument as a kernel takes it: an array of CuPy's as a Resident, a scalar as it is."""
    if isinstance(x, cupy.ndarray):
        return _resident(x.data.ptr, x.shape, x.strides, x.dtype)
    return x


def launch(function, grid, block, *arguments):
    """Launch a kernel on CuPy's current stream."""
    stream = cupy.cuda.get_current_stream().ptr
    configured(function, grid, block, stream)(*map(_argument, arguments))


def _here():
    """The stream that launches go to: one number may be a stream of its own in every thread."""
    return cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr, get_ident()


@cache
def _ones(dtype, _where):
    return cupy.ones(1, dtype)


def ones(dtype):
    """One 1, for kernels whose rows weigh alike."""
    return _ones(dtype, _here())


@cache
def _tickets(n, _where):
    return cupy.zeros(n, np.uint32)


def tickets(n):
    """Counters (n,) that are 0 before and after every launch on the current stream."""
    return _tickets(1 << max(n - 1, 1023).bit_length(), _here())
