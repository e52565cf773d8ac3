"""Where baselines compute, and what a GPU asks of those who time it."""

import timeit
from functools import partial
from statistics import median

import numpy as np

DEVICES = "cpu", "cuda"

# Launches return before the GPU has done their work; it is waited for once in so many calls.
CUDA_CALLS = 20


def require_gpu():
    """skbn's Device of the GPU, or NotImplementedError, by which asv skips a benchmark."""
    try:
        # asv also measures commits older than the module.
        from skbn._backends.selection import device_of

        return device_of("cuda")
    except (ImportError, RuntimeError) as error:
        raise NotImplementedError("no GPU; compare_cuda.py tells what is missing") from error


def array_module(device):
    """NumPy or CuPy."""
    return np if device == "cpu" else require_gpu().xp


def finished(call, device):
    """The call, which on the GPU also waits for what it has launched; on the CPU itself."""
    if device == "cpu":
        return call
    # Of the device, not of a stream: CuPy's, PyTorch's and Numba's all are waited for.
    wait = require_gpu().xp.cuda.Device().synchronize

    def call_and_wait():
        call()
        wait()

    return call_and_wait


class OnDevice:
    """A baseline on one of the devices that it knows."""

    devices = ("cpu",)

    def __init__(self, device="cpu"):
        if device not in self.devices:
            raise NotImplementedError(f"{type(self).__name__} does not compute on {device!r}")
        if device == "cuda":
            require_gpu()
        self.device = device

    def timed(self, method, *arguments):
        """What is timed of a method of this baseline."""
        return finished(partial(method, *arguments), self.device)


def n_calls(device):
    """How many calls are made before the device is waited for."""
    return 1 if device == "cpu" else CUDA_CALLS


def back_to_back(call, device):
    """``n_calls`` calls, and a wait for the device."""

    def calls():
        for _ in range(n_calls(device)):
            call()

    return finished(calls, device)


def seconds_of(call, device):
    """Median seconds of a call that is warm, many of them back to back."""
    seconds = timeit.repeat(back_to_back(call, device), number=1, repeat=5)
    return median(seconds) / n_calls(device)


def copy(n_bytes, device):
    """A copy of so many bytes within the memory of the device, all of it touched before.

    On the GPU a copy by its driver: cudaMemcpyAsync from device to device.
    """
    xp = array_module(device)
    source, target = xp.ones(n_bytes, np.uint8), xp.ones(n_bytes, np.uint8)
    return partial(xp.copyto, target, source)


def copy_bandwidth(n_bytes, device):
    """Bytes a second that ``copy`` reads and writes, those read and those written both counted."""
    call = copy(n_bytes, device)
    call()
    return 2 * n_bytes / seconds_of(call, device)
