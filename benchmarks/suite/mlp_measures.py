"""What is timed of the MLPs: calls of a baseline that is warm and learns as well as the others."""

from functools import partial
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from .devices import array_module, finished, require_gpu
from .mlp_baselines import BASELINES
from .mlp_problems import LONG_FIT, N_PREDICTED_ROWS, SHORT_FIT
from .side_by_side import REST_SECONDS_AFTER_BLAS, interleaved_samples


def fitted(name, problem, device="cpu"):
    """The baseline, trained by the long fit and found accurate."""
    baseline = BASELINES[name](problem.shape, device)
    X = problem.rows[baseline.rows_dtype]
    baseline.fit(*baseline.load(X, problem.y), LONG_FIT)
    problem.check(baseline.predict_proba(X))
    return baseline


def predict_proba(baseline, problem):
    """Probabilities of many rows."""
    X = problem.rows[baseline.rows_dtype][:N_PREDICTED_ROWS]
    return partial(baseline.predict_proba, X)


def predict_proba_one_row(baseline, problem):
    """Probabilities of one row, which are those that it has among others."""
    X = problem.rows[baseline.rows_dtype]
    expected = baseline.predict_proba(X[:2])[:1]
    np.testing.assert_allclose(baseline.predict_proba(X[:1]), expected, rtol=1e-3, atol=1e-6)
    return partial(baseline.predict_proba, X[:1])


class Gemms:
    """The matrix products of a training step and nothing else, on arrays in cache.

    By ``np.dot``, on the GPU by cuBLAS.
    """

    def __init__(self, shape, dtype, device):
        rng = np.random.default_rng(0)
        self.device, self.n_steps = device, shape.n_steps
        self.dot = np.dot if device == "cpu" else require_gpu().dot
        *units, n_classes = shape.units
        # scikit-learn and skbn have one output for two classes.
        units.append(n_classes if n_classes > 2 else 1)
        self.layers = [
            self.layer(rng, shape.batch_size, n_in, n_out, dtype) for n_in, n_out in pairwise(units)
        ]

    def layer(self, rng, n_rows, n_in, n_out, dtype):
        """Input, weights, output, and the gradients of weights and input."""
        shapes = (n_rows, n_in), (n_in, n_out), (n_rows, n_out), (n_in, n_out), (n_rows, n_in)
        arrays = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
        return list(map(array_module(self.device).asarray, arrays))

    def epoch(self):
        for _ in range(self.n_steps):
            self.step()

    def step(self):
        for x, weights, z, _, _ in self.layers:
            self.dot(x, weights, out=z)
        for depth, (x, weights, z, grad_weights, grad_x) in enumerate(self.layers):
            self.dot(x.T, z, out=grad_weights)
            if depth:
                self.dot(z, weights.T, out=grad_x)


class Epoch(NamedTuple):
    """Median seconds of a long fit by its epochs, of an epoch alone, and of its matrix products."""

    fit: float
    alone: float
    gemms: float

    @property
    def outside_gemms(self):
        return self.alone - self.gemms


def computing(baseline):
    """What the matrix products of a baseline depend on."""
    return baseline.dtype, baseline.device


def epochs(baselines, problem, repeat):
    """The times of an epoch of each baseline, all measured in turns."""
    calls = {}
    for dtype, device in {computing(baseline) for baseline in baselines.values()}:
        gemms = Gemms(problem.shape, dtype, device)
        calls[dtype, device] = finished(gemms.epoch, device)
    for name, baseline in baselines.items():
        X, y = baseline.load(problem.rows[baseline.rows_dtype], problem.y)
        for n in (LONG_FIT, SHORT_FIT):
            calls[name, n] = baseline.timed(baseline.fit, X, y, n)
    samples = interleaved_samples(calls, 1, repeat, REST_SECONDS_AFTER_BLAS)
    return {n: epoch(samples, n, computing(baseline)) for n, baseline in baselines.items()}


def epoch(samples, name, gemms):
    """The epoch alone is the difference of two fits that were timed one after the other."""
    long, short = samples[name, LONG_FIT], samples[name, SHORT_FIT]
    alone = median(np.subtract(long, short)) / (LONG_FIT - SHORT_FIT)
    return Epoch(median(long) / LONG_FIT, alone, median(samples[gemms]))
