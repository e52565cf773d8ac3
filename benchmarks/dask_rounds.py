"""Error over rounds, by the number of partitions and by the steps of a round.

    python benchmarks/dask_rounds.py --data covertype.npz [--passes N] [--picture FILE]

The rows are in the memory of one process, which trains the partitions one after the other on its
threads: errors are those of a cluster, to the last bit, times are not. A fifth of the rows judges.
"""

import argparse
import warnings
from pathlib import Path
from typing import NamedTuple

import dask
import dask.array as da
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from suite.side_by_side import print_footer, print_header, print_row
from threadpoolctl import threadpool_limits

import skbn
import skbn.dask

PARTITIONS = (1, 2, 4, 8, 16)
SYNC_EVERY = (4, 16, 64, None)
BATCH_SIZE = 256
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


class Curve(NamedTuple):
    """The error of the rows that judge, after each pass, and the rounds until then."""

    name: str
    rounds: np.ndarray
    errors: np.ndarray
    final: float


def split(path):
    with np.load(path) as data:
        X, y = data["X"].astype(np.float32), data["y"].astype(np.int64)
    return train_test_split(X, y, test_size=0.2, random_state=0)


def curve(name, n_partitions, sync_every, data, n_passes):
    """Train on so many partitions."""
    X, X_test, y, y_test = data
    n = -(-len(X) // n_partitions)
    parts = da.from_array(X, chunks=(n, -1)), da.from_array(y, chunks=n)
    parameters = {"max_iter": n_passes, "batch_size": BATCH_SIZE, "random_state": 0}
    model = skbn.dask.BatchNormMLPClassifier(**parameters, sync_every=sync_every)
    model.fit(*parts, X_val=X_test, y_val=y_test)
    of_pass = 1 if sync_every is None else -(-(n // BATCH_SIZE) // sync_every)
    rounds = of_pass * np.arange(1, n_passes + 1)
    errors, final = 1 - np.array(model.validation_scores_), 1 - model.score(X_test, y_test)
    print_row(name, f"{of_pass:,}", f"{final:.4f}")
    return Curve(name, rounds, errors, final)


def draw(by_partitions, by_steps, path):
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for ax, curves in zip(axes, (by_partitions, by_steps), strict=True):
        for each, style in zip(curves, STYLES, strict=False):
            ax.plot(each.rounds, each.errors, color="k", linestyle=style, label=each.name)
        ax.set(xscale="log", yscale="log", xlabel="rounds")
        ax.legend(fontsize="small")
    axes[0].set(ylabel="error of rows not trained on", title="16 steps a round")
    axes[1].set(title="8 partitions")
    figure.savefig(path, dpi=110)
    print(f"drawn in {path}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="npz with X and y, of classes")
    parser.add_argument("--passes", type=int, default=15)
    parser.add_argument("--picture", type=Path, default=Path("dask_rounds.png"))
    return parser.parse_args()


def main():
    options = arguments()
    data, n_passes = split(options.data), options.passes
    warnings.simplefilter("ignore", ConvergenceWarning)
    print_header("training", "rounds a pass", "error")
    with threadpool_limits(1, "blas"), dask.config.set(scheduler="threads", num_workers=2):
        local = skbn.BatchNormMLPClassifier(
            max_iter=n_passes, batch_size=BATCH_SIZE, numeric_encoding=None, random_state=0
        ).fit(data[0], data[2])
        print_row("local", "–", f"{1 - local.score(data[1], data[3]):.4f}")
        by_partitions = [
            curve(f"{n} partitions" if n > 1 else "1 partition", n, 16, data, n_passes)
            for n in PARTITIONS
        ]
        by_steps = [
            curve(f"{n} steps a round" if n else "a pass a round", 8, n, data, n_passes)
            for n in SYNC_EVERY
        ]
    print_footer()
    draw(by_partitions, by_steps, options.picture)


if __name__ == "__main__":
    main()
