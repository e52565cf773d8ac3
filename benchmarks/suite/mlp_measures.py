"""What is timed of the MLPs: calls of a contender that is warm and learns as well as the others."""

from functools import partial
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from .mlp_contenders import CONTENDERS
from .mlp_problems import LONG_FIT, N_PREDICTED_ROWS, SHORT_FIT
from .side_by_side import REST_SECONDS_AFTER_BLAS, interleaved_samples


def fitted(name, problem):
    """The contender, trained by the long fit and found accurate."""
    contender = CONTENDERS[name](problem.shape)
    X = problem.rows[contender.rows_dtype]
    contender.fit(*contender.load(X, problem.y), LONG_FIT)
    problem.check(contender.predict_proba(X))
    return contender


def predict_proba(contender, problem):
    """Probabilities of many rows."""
    X = problem.rows[contender.rows_dtype][:N_PREDICTED_ROWS]
    return partial(contender.predict_proba, X)


def predict_proba_one_row(contender, problem):
    """Probabilities of one row, which are those that it has among others."""
    X = problem.rows[contender.rows_dtype]
    expected = contender.predict_proba(X[:2])[:1]
    np.testing.assert_allclose(contender.predict_proba(X[:1]), expected, rtol=1e-3, atol=1e-6)
    return partial(contender.predict_proba, X[:1])


class Gemms:
    """The matrix products of a training step by ``np.dot`` and nothing else, on arrays in cache."""

    def __init__(self, shape, dtype):
        rng = np.random.default_rng(0)
        self.n_steps = shape.n_steps
        *units, n_classes = shape.units
        # scikit-learn and skbn have one output for two classes.
        units.append(n_classes if n_classes > 2 else 1)
        self.layers = [
            self.layer(rng, shape.batch_size, n_in, n_out, dtype) for n_in, n_out in pairwise(units)
        ]

    @staticmethod
    def layer(rng, n_rows, n_in, n_out, dtype):
        """Input, weights, output, and the gradients of weights and input."""
        shapes = (n_rows, n_in), (n_in, n_out), (n_rows, n_out), (n_in, n_out), (n_rows, n_in)
        return [rng.standard_normal(shape).astype(dtype) for shape in shapes]

    def epoch(self):
        for _ in range(self.n_steps):
            self.step()

    def step(self):
        for x, weights, z, _, _ in self.layers:
            np.dot(x, weights, out=z)
        for depth, (x, weights, z, grad_weights, grad_x) in enumerate(self.layers):
            np.dot(x.T, z, out=grad_weights)
            if depth:
                np.dot(z, weights.T, out=grad_x)


class Epoch(NamedTuple):
    """Median seconds of a long fit by its epochs, of an epoch alone, and of its matrix products."""

    fit: float
    alone: float
    gemms: float

    @property
    def outside_gemms(self):
        return self.alone - self.gemms


def epochs(contenders, problem, repeat):
    """The times of an epoch of each contender, all measured in turns."""
    dtypes = {contender.dtype for contender in contenders.values()}
    calls = {dtype: Gemms(problem.shape, dtype).epoch for dtype in dtypes}
    for name, contender in contenders.items():
        X, y = contender.load(problem.rows[contender.rows_dtype], problem.y)
        calls |= {(name, n): partial(contender.fit, X, y, n) for n in (LONG_FIT, SHORT_FIT)}
    samples = interleaved_samples(calls, 1, repeat, REST_SECONDS_AFTER_BLAS)
    return {n: epoch(samples, n, contender.dtype) for n, contender in contenders.items()}


def epoch(samples, name, dtype):
    """The epoch alone is the difference of two fits that were timed one after the other."""
    long, short = samples[name, LONG_FIT], samples[name, SHORT_FIT]
    alone = median(np.subtract(long, short)) / (LONG_FIT - SHORT_FIT)
    return Epoch(median(long) / LONG_FIT, alone, median(samples[dtype]))
