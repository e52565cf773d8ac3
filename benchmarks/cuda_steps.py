"""Time a training step on the GPU, and what of it the host spends, and print a table in Markdown.

It also runs over a stand-in of the driver that computes nothing; the column "GPU" is then void.
"""

import time
from contextlib import contextmanager
from statistics import median
from unittest.mock import patch

import numpy as np
from suite.devices import require_gpu
from suite.launches import counting
from suite.side_by_side import print_footer, print_header, print_row, rounded

from skbn import BatchNormMLPClassifier
from skbn._training import steps, trainer
from skbn._training.data import Epoch

N_FEATURES, N_CLASSES, N_BATCHES = 100, 10, 24
SHAPES = (((256, 256, 256), 256), ((256, 256, 256), 8192), ((192, 192, 192), 256), ((64,), 64))

# Steps in a sample, and those that wait in the queue of the GPU while a kernel holds it.
N_STEPS, N_QUEUED = 200, 12
HOLD = r"""extern "C" __global__ void hold(long long cycles) {
    long long start = clock64();
    while (clock64() - start < cycles);
}"""


def steps_of(units, batch_size):
    """The Steps of a fit of one epoch with default dropout and weight decay."""
    rng, kept = np.random.default_rng(0), []
    X = rng.standard_normal((batch_size * N_BATCHES, N_FEATURES), dtype=np.float32)
    model = BatchNormMLPClassifier(
        units, batch_size=batch_size, dropout=0.1, max_iter=1, numeric_encoding=None, device="cuda"
    )
    train_epoch = steps.Steps.train_epoch
    keep = patch.object(
        steps.Steps, "train_epoch", lambda self: (kept.append(self), train_epoch(self))[1]
    )
    # A stand-in of the driver leaves parameters as they are in memory.
    with keep, patch.object(trainer, "check_finite", lambda *_: None):
        model.fit(X, rng.integers(0, N_CLASSES, len(X)))
    return kept[0]


def runner(of_fit):
    """A function that queues so many steps."""
    epoch = Epoch(of_fit.data, of_fit.orders.order, of_fit.network.dtype)
    batches = list(zip(of_fit.data.bounds, epoch.totals, of_fit.record.slots, strict=True))

    def run(n):
        for i in range(n):
            of_fit._step(epoch, *batches[i % len(batches)])

    return run


def step_seconds(run):
    """Median seconds of a step, until the GPU has done it."""
    wait, samples = require_gpu().xp.cuda.Device().synchronize, []
    run(20)
    for _ in range(5):
        wait()
        start = time.perf_counter()
        run(N_STEPS)
        wait()
        samples.append((time.perf_counter() - start) / N_STEPS)
    return median(samples)


def gpu_seconds(run):
    """Median seconds of a step on the GPU, whose steps all wait in its queue."""
    xp, samples = require_gpu().xp, []
    hold = xp.RawKernel(HOLD, "hold")
    for _ in range(5):
        start, end = xp.cuda.Event(), xp.cuda.Event()
        hold((1,), (1,), (np.int64(200_000_000),))
        start.record()
        run(N_QUEUED)
        end.record()
        end.synchronize()
        samples.append(1e-3 * xp.cuda.get_elapsed_time(start, end) / N_QUEUED)
    return median(samples)


@contextmanager
def nothing_launched(network):
    """Kernels and products return at once."""
    from skbn.kernels.cuda import driver

    real = network.device
    idle = real._replace(dot=lambda *_, **__: None)
    with patch.object(driver, "launch", lambda *_: None):
        for layer in network.layers:
            layer.device = idle
        yield
    for layer in network.layers:
        layer.device = real


def row(units, batch_size):
    of_fit = steps_of(units, batch_size)
    run = runner(of_fit)
    seconds, of_gpu = step_seconds(run), gpu_seconds(run)
    with nothing_launched(of_fit.network):
        of_python = step_seconds(run)
    name = "-".join(map(str, (N_FEATURES, *units, N_CLASSES)))
    times = (f"{rounded(1e6 * s, 3)} µs" for s in (seconds, of_gpu, of_python))
    return f"{name} by {batch_size}", *counts_of_step(units, batch_size), *times


def counts_of_step(units, batch_size):
    """Launches and products of one step."""
    with counting() as counts:
        run = runner(steps_of(units, batch_size))
        before = [counted.count for counted in counts]
        run(1)
    return [str(counted.count - n) for counted, n in zip(counts, before, strict=True)]


def main():
    print_header("network", "launches", "products", "step", "GPU", "host beside the calls")
    for shape in SHAPES:
        print_row(*row(*shape))
    print_footer()


if __name__ == "__main__":
    main()
