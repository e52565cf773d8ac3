"""Ioffe & Szegedy 2015, section 4.1: MNIST with and without batch normalization.

    python benchmarks/paper_mnist.py [--data mnist.npz] [--steps N] [--curves FILE] [--picture FILE]

784 → 3×100 sigmoid → 10, batches of 60, 50,000 steps of plain SGD from the same weights, then the
learning rate times 5 and 30. Prints tables, and draws their figures 1 and 2 where matplotlib is.
With --curves, what was seen is kept in a JSON file, and drawn from it without training if it is
there.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.datasets import fetch_openml
from suite.side_by_side import print_footer, print_header, print_row

from skbn import BatchNormMLPClassifier

BATCH_SIZE = 60
LEARNING_RATE = 0.1
FACTORS = (1, 5, 30)
PERCENTILES = (15, 50, 85)
UNIT = 0
# Steps between two looks at the model: fine where it learns fast.
LOOKS = [10] * 20 + [100] * 18 + [500] * 96
N_TRAIN = 60_000


class Curve(NamedTuple):
    """What is seen of a model while it trains."""

    steps: list
    accuracy: list
    percentiles: list
    seconds: float

    def steps_to(self, accuracy):
        """The first step seen at which it was so accurate, or None."""
        reached = (s for s, a in zip(self.steps, self.accuracy, strict=True) if a >= accuracy)
        return next(reached, None)


def mnist(path):
    """Rows in [0, 1] and labels, the paper's 60,000 to train on first."""
    if path is None:
        X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    else:
        with np.load(path) as data:
            X, y = data["X"], data["y"]
    X, y = X.astype(np.float32) / 255, y.astype(np.int64)
    return X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN:], y[N_TRAIN:]


def unit_inputs(model, X):
    """What the sigmoid of one unit of the last hidden layer is given, for each row (n,)."""
    out = X
    for i, coef in enumerate(model.coefs_[:-1]):
        z = out @ coef + model.intercepts_[i]
        z = model.batch_norms_[i].transform(z) if model.batch_norm else z
        out = expit(z)
    return z[:, UNIT]


def batches(rng, n_rows, n_steps):
    """Indices of the rows of so many steps, in a new order for each epoch."""
    n_wanted = n_steps * BATCH_SIZE
    epochs = [rng.permutation(n_rows) for _ in range(-(-n_wanted // n_rows))]
    return np.concatenate(epochs)[:n_wanted]


def looks(n_steps):
    """Steps from each look to the next, n_steps in all."""
    bounds = np.cumsum([0, *LOOKS])
    return np.diff(np.append(bounds[bounds < n_steps], n_steps))


def unfitted(batch_norm, learning_rate):
    """The paper's network, all of its settings said."""
    return BatchNormMLPClassifier(
        (100, 100, 100),
        activation="logistic",
        solver="sgd",
        momentum=0.0,
        learning_rate="constant",
        learning_rate_init=learning_rate,
        alpha=0.0,
        batch_size=BATCH_SIZE,
        shuffle=False,
        batch_norm=batch_norm,
        normalize_inputs=False,
        dropout=0.0,
        label_smoothing=0.0,
        numeric_encoding=None,
        clip_inputs=False,
        random_state=0,
    )


def train(batch_norm, learning_rate, data, n_steps):
    """The Curve of one model."""
    X, y, X_test, y_test = data
    model = unfitted(batch_norm, learning_rate)
    order = batches(np.random.default_rng(0), len(X), n_steps)
    curve, start, started = Curve([], [], [], 0.0), 0, perf_counter()
    for n_batches in looks(n_steps):
        rows = order[start * BATCH_SIZE : (start + n_batches) * BATCH_SIZE]
        model.partial_fit(X[rows], y[rows], classes=np.arange(10))
        start += int(n_batches)
        curve.steps.append(start)
        curve.accuracy.append(model.score(X_test, y_test))
        curve.percentiles.append(np.percentile(unit_inputs(model, X_test), PERCENTILES).tolist())
    return curve._replace(seconds=perf_counter() - started)


def label(batch_norm, factor):
    name = "with BN" if batch_norm else "without BN"
    return name if factor == 1 else f"{name}, {factor}× the rate"


def print_table(curves):
    target = max(curves[label(False, 1)].accuracy)
    print_header("model", "best test accuracy", "at the end", f"steps to {target:.4f}", "seconds")
    for name, curve in curves.items():
        reached = curve.steps_to(target)
        steps = "never" if reached is None else f"{reached:,}"
        best, last = max(curve.accuracy), curve.accuracy[-1]
        print_row(name, f"{best:.4f}", f"{last:.4f}", steps, f"{curve.seconds:.0f}")
    print_footer()


def draw(curves, path):
    """The paper's figures 1 and 2, on one sheet."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained")
    axes = axes.ravel()
    draw_accuracy(axes[0], {name: curves[name] for name in (label(True, 1), label(False, 1))})
    draw_accuracy(axes[1], curves)
    axes[1].set(title="learning rates 1×, 5×, 30×", xscale="log", xlim=(100, None))
    for ax, batch_norm in zip(axes[2:], (False, True), strict=True):
        draw_unit(ax, curves[label(batch_norm, 1)])
        ax.set(title=f"inputs of a sigmoid, {label(batch_norm, 1)}")
    axes[2].sharey(axes[3])
    axes[2].legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize="small")
    handles = axes[1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=110)
    print(f"drawn in {path}")


def draw_accuracy(ax, curves):
    """Dark with batch normalization and light without, solid, dashed and dotted by the rate."""
    for batch_norm, color in ((True, "C0"), (False, "C1")):
        for factor, style in zip(FACTORS, ("-", "--", ":"), strict=True):
            name = label(batch_norm, factor)
            if name in curves:
                curve, look = curves[name], {"color": color, "linestyle": style, "linewidth": 1.3}
                ax.plot(curve.steps, curve.accuracy, label=name, **look)
    ax.set(xlabel="steps", ylabel="test accuracy", ylim=(0.7, 1.0), title="test accuracy")


def draw_unit(ax, curve):
    low, middle, high = np.transpose(curve.percentiles)
    names = [f"{percentile}th percentile" for percentile in PERCENTILES]
    for values, style, name in zip((high, middle, low), ("--", "-", ":"), names[::-1], strict=True):
        ax.plot(curve.steps, values, f"k{style}", label=name, linewidth=1.3)
    ax.set(xlabel="steps", ylabel="input of the sigmoid")


def train_all(options):
    """The Curve of every model, by its label."""
    data = mnist(options.data)
    return {
        label(batch_norm, factor): train(batch_norm, factor * LEARNING_RATE, data, options.steps)
        for factor in FACTORS
        for batch_norm in (True, False)
    }


def load_or_train(options):
    """The curves that are kept in the file of --curves, or new ones, which are kept there."""
    path = options.curves
    if path and path.exists():
        return {name: Curve(**curve) for name, curve in json.loads(path.read_text()).items()}
    curves = train_all(options)
    if path:
        path.write_text(json.dumps({name: curve._asdict() for name, curve in curves.items()}))
    return curves


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="npz with X and y of MNIST; without, from OpenML")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--curves", type=Path, help="JSON file that keeps what was seen")
    parser.add_argument("--picture", type=Path, default=Path("paper_mnist.png"))
    return parser.parse_args()


def main():
    options = arguments()
    curves = load_or_train(options)
    print_table(curves)
    try:
        draw(curves, options.picture)
    except ImportError:
        print("no picture: matplotlib is not installed")


if __name__ == "__main__":
    main()
