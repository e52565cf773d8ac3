"""Error on partitions that are sorted by class, without and with an exchange of rows.

    python benchmarks/dask_exchange.py --data covertype.npz

40,000 rows in 8 partitions are trained on for 10 passes, and 20,000 others judge.
"""

import argparse
import warnings

import dask.array as da
import numpy as np

from skbn.dask import BatchNormMLPClassifier

N_ROWS, N_TEST, N_PARTITIONS = 40_000, 20_000, 8


def error(X, y, test, **parameters):
    """The error of a model that is trained on the rows in this order."""
    chunk = N_ROWS // N_PARTITIONS
    model = BatchNormMLPClassifier(
        (64, 64), max_iter=10, numeric_encoding=None, random_state=0, **parameters
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(da.from_array(X, chunks=(chunk, -1)), da.from_array(y, chunks=chunk))
    return 1.0 - model.to_local().score(*test)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="an .npz file with the arrays X and y")
    with np.load(parser.parse_args().data) as data:
        X, y = data["X"], data["y"]
    order = np.random.default_rng(0).permutation(len(y))
    rows, others = order[:N_ROWS], order[N_ROWS : N_ROWS + N_TEST]
    by_class, test = rows[np.argsort(y[rows], kind="stable")], (X[others], y[others])
    print(f"in random order        {error(X[rows], y[rows], test):.4f}")
    print(f"sorted by class        {error(X[by_class], y[by_class], test):.4f}")
    exchanged = error(X[by_class], y[by_class], test, exchange_rows=True)
    print(f"sorted, exchange_rows  {exchanged:.4f}")


if __name__ == "__main__":
    main()
