"""Peak memory of a worker in a fit, beside the rows that it has to hold.

    python benchmarks/dask_memory.py [--rows N] [--partitions N]

Two worker processes of this machine. Rows are made on the workers in float32, and a worker holds
half of the partitions. "Rows" are those that the fit has to hold on a worker; if the collection is
persisted, they are in the memory of the worker before.
"""

import argparse
import gc
import os
import warnings

import dask
import dask.array as da
import numpy as np
from compare_dask import N_WORKERS, peak_of_workers
from distributed import Client, LocalCluster, wait
from sklearn.exceptions import ConvergenceWarning
from suite.side_by_side import print_footer, print_header, print_row

from skbn.dask import BatchNormalizer, BatchNormMLPClassifier

N_COLUMNS = 50


def block(n, seed):
    return np.random.default_rng(seed).standard_normal((n, N_COLUMNS), dtype=np.float32)


def rows_on_workers(n_rows, n_partitions):
    """A collection that is made when it is read, and its labels."""
    n = n_rows // n_partitions
    parts = [dask.delayed(block)(n, seed) for seed in range(n_partitions)]
    blocks = [da.from_delayed(part, (n, N_COLUMNS), np.float32) for part in parts]
    X = da.concatenate(blocks)
    return X, (X[:, 0] > X[:, 1]).astype(np.int8)


def fit_mlp(X, y, **parameters):
    parameters |= {"max_iter": 2, "batch_size": 4096, "sync_every": None, "random_state": 0}
    BatchNormMLPClassifier((64, 64), numeric_encoding=None, **parameters).fit(X, y)


def fit_normalizer(X, _y):
    BatchNormalizer().fit(X)


FITS = {
    "BatchNormalizer": fit_normalizer,
    "MLP": fit_mlp,
    "MLP, early stopping": lambda X, y: fit_mlp(X, y, early_stopping=True),
    "MLP, exchange_rows": lambda X, y: fit_mlp(X, y, exchange_rows=True),
}


def trim():
    """Give free memory back to the system, so that a later fit has to ask for it again."""
    import ctypes

    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)


def measure(client, name, fit, data, n_bytes):
    client.run(trim)
    with peak_of_workers(client) as peak:
        fit(*data)
    before, most = peak
    more, rows = most - before, n_bytes / N_WORKERS / 2**20
    print_row(name, f"{before:.0f} MB", f"{most:.0f} MB", f"{more:.0f} MB", f"{rows:.0f} MB")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    return parser.parse_args()


def main():
    options = arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.pop(variable, None)
    cluster = {"n_workers": N_WORKERS, "threads_per_worker": 1, "host": "127.0.0.1"}
    cluster |= {"dashboard_address": "127.0.0.1:0", "memory_limit": 0}
    print_header("fit", "before", "at most", "more", "rows of a worker")
    for kind in ("read when needed", "persisted"):
        for name, fit in FITS.items():
            with LocalCluster(**cluster) as started, Client(started) as client:
                fit(*rows_on_workers(100_000, options.partitions))  # imports, and compiled kernels
                data = rows_on_workers(options.rows, options.partitions)
                n_bytes = data[0].nbytes
                if kind == "persisted":
                    data = dask.persist(*data)
                    wait(data)
                measure(client, f"{name}, {kind}", fit, data, n_bytes)
    print_footer()


if __name__ == "__main__":
    main()
