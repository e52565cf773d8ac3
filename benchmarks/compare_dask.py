"""What a cluster of two workers costs beside one process: statistics, rounds, bytes, memory.

    python benchmarks/compare_dask.py [--rows N] [--partitions N] [--repeat N]

Everything is on this machine: bytes go over its loopback, whose counters are read.
"""

import argparse
import os
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait
from suite.side_by_side import print_footer, print_header, print_row

import skbn
import skbn.dask

N_WORKERS = 2
N_COLUMNS = 100
UNITS = (192, 192, 192)


def block(n, seed):
    return np.random.default_rng(seed).standard_normal((n, N_COLUMNS), dtype=np.float32)


def rows_on_workers(n_rows, n_partitions):
    """A collection whose partitions are in the memory of the workers."""
    n = n_rows // n_partitions
    parts = [dask.delayed(block)(n, seed) for seed in range(n_partitions)]
    shape = {"shape": (n, N_COLUMNS), "dtype": np.float32}
    X = da.concatenate([da.from_delayed(part, **shape) for part in parts]).persist()
    wait(X)
    return X


def seconds_of(call, repeat):
    """Median of calls that are warm."""
    call()
    seconds = []
    for _ in range(repeat):
        started = perf_counter()
        call()
        seconds.append(perf_counter() - started)
    return median(seconds)


def compare_statistics(client, n_rows, n_partitions, repeat):
    alone = seconds_of(partial(skbn.BatchNormalizer().fit, block(n_rows, 0)), repeat)
    X = rows_on_workers(n_rows, n_partitions)
    on_cluster = seconds_of(partial(skbn.dask.BatchNormalizer().fit, X), repeat)
    client.cancel(X)
    name = f"fit of {n_rows:,} × {N_COLUMNS} float32"
    print_row(name, f"{alone:.3f} s", f"{on_cluster:.3f} s", f"{on_cluster - alone:.3f} s more")


def loopback_bytes():
    """Received over the loopback since the machine was started."""
    line = next(s for s in Path("/proc/net/dev").read_text().splitlines() if "lo:" in s)
    return int(line.split()[1])


def anonymous_megabytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


@contextmanager
def peak_of_workers(client):
    """A list that becomes the largest anonymous memory of a worker, in MB, before and at most."""
    pids = list(client.run(os.getpid).values())
    before = max(map(anonymous_megabytes, pids))
    result, is_over = [before, before], threading.Event()

    def watch():
        while not is_over.is_set():
            result[1] = max(result[1], *map(anonymous_megabytes, pids))
            sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield result
    finally:
        is_over.set()
        thread.join()


def fit(estimator, X, y, n_epochs, **parameters):
    """Seconds, bytes over the loopback, and the model."""
    of_all = {"max_iter": n_epochs, "batch_size": 256, "random_state": 0}
    model = estimator(UNITS, **of_all, **parameters)
    n_bytes, started = loopback_bytes(), perf_counter()
    model.fit(X, y)
    return perf_counter() - started, loopback_bytes() - n_bytes, model


def epoch(estimator, X, y, **parameters):
    """Seconds and bytes of an epoch: a third of what a fit of four has more than one of one."""
    short, long = (fit(estimator, X, y, n, **parameters)[:2] for n in (1, 4))
    return [(b - a) / 3 for a, b in zip(short, long, strict=True)]


def compare_rounds(client, n_rows, n_partitions):
    """Time and bytes of a pass and of a round."""
    X = rows_on_workers(n_rows, n_partitions)
    y = (X[:, 0] > X[:, 1]).astype(np.int64).persist()
    wait(y)
    alone, _ = epoch(skbn.BatchNormMLPClassifier, *dask.compute(X, y))
    distributed = skbn.dask.BatchNormMLPClassifier
    with peak_of_workers(client) as peak:
        model = fit(distributed, X, y, 1)[2]
        # Parameters and the two averages of Adam; γ and β are as many as biases would be, twice.
        n_offsets = 2 * sum(UNITS) + model.intercepts_[-1].size
        state = 3 * 4 * (sum(coef.size for coef in model.coefs_) + n_offsets)
        n_batches = n_rows // n_partitions // 256
        for sync_every in (None, 64, 16, 4):
            n_rounds = 1 if sync_every is None else -(-n_batches // sync_every)
            seconds, n_bytes = epoch(distributed, X, y, sync_every=sync_every)
            name, ratio = f"a pass in {n_rounds} rounds", f"{seconds / alone:.2f} × the time"
            print_row(name, f"{alone:.2f} s", f"{seconds:.2f} s", ratio)
            of_round = f"{1e3 * seconds / n_rounds:.0f} ms, {n_bytes / 1e6 / n_rounds:.1f} MB"
            of_state = f"{n_bytes / n_rounds / state / n_partitions:.2f} × the state a partition"
            print_row("a round of it", "–", of_round, of_state)
    print_row(
        f"memory of a worker, partitions of {X.nbytes / N_WORKERS / 2**20:.0f} MB",
        f"{peak[0]:.0f} MB before",
        f"{peak[1]:.0f} MB at most",
        f"{peak[1] - peak[0]:.0f} MB more",
    )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="of the statistics: 2 GB")
    parser.add_argument("--train-rows", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    return parser.parse_args()


def main():
    options = arguments()
    # What the suite sets for this process workers would inherit; Dask gives each one thread.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.pop(variable, None)
    cluster = {"n_workers": N_WORKERS, "threads_per_worker": 1, "host": "127.0.0.1"}
    cluster |= {"dashboard_address": "127.0.0.1:0", "memory_limit": 0}
    with LocalCluster(**cluster) as started, Client(started) as client:
        print_header("measure", "one process", "two workers", "difference")
        compare_statistics(client, options.rows, options.partitions, options.repeat)
        compare_rounds(client, options.train_rows, options.partitions)
        print_footer()


if __name__ == "__main__":
    main()
