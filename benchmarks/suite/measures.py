"""What is timed: calls of a baseline that are warm, and whose answers were found to be right."""

from functools import partial
from typing import NamedTuple

import numpy as np

from .baselines import BASELINES
from .problems import N_BATCHES


class Measure(NamedTuple):
    """A call to time, and its largest error against NumPy; None for a floor."""

    call: callable
    error: float | None


def _statistics_error(baseline, problem):
    if not hasattr(baseline, "statistics"):
        return None
    return problem.check_statistics(*baseline.statistics())


def _normalized_error(baseline, Y, problem):
    if not hasattr(baseline, "statistics"):
        return None
    return problem.check_normalized(baseline.to_host(Y))


def fit(name, problem, device="cpu"):
    """Learn the statistics of all rows."""
    baseline = BASELINES[name](device)
    X = baseline.load(problem.X)
    baseline.fit(X)
    return Measure(baseline.timed(baseline.fit, X), _statistics_error(baseline, problem))


def fit_weighted(name, problem):
    """Learn the statistics of all rows, each of weight 2."""
    baseline = BASELINES[name]()
    weight = np.full(len(problem.X), 2.0)
    baseline.fit_weighted(problem.X, weight)
    error = _statistics_error(baseline, problem)
    return Measure(partial(baseline.fit_weighted, problem.X, weight), error)


def partial_fit(name, problem, device="cpu"):
    """Learn the statistics of one more batch."""
    baseline = BASELINES[name](device)
    batches = [baseline.load(batch) for batch in np.split(problem.X, N_BATCHES)]
    for batch in batches:
        baseline.partial_fit(batch)
    error = _statistics_error(baseline, problem)
    return Measure(baseline.timed(baseline.partial_fit, batches[0]), error)


def transform(name, problem, device="cpu", n_rows=None):
    """Normalize the first rows (all by default) by the statistics of all."""
    baseline = BASELINES[name](device)
    X = baseline.load(problem.X)
    baseline.learn(X)
    Y = baseline.transform(X[:n_rows])
    error = _normalized_error(baseline, Y, problem)
    return Measure(baseline.timed(baseline.transform, X[:n_rows]), error)


def transform_one_row(name, problem, device="cpu"):
    """Normalize one row by the statistics of all."""
    return transform(name, problem, device, n_rows=1)


def fit_transform(name, problem, device="cpu"):
    """Learn the statistics of all rows, and normalize them."""
    baseline = BASELINES[name](device)
    X = baseline.load(problem.X)
    baseline.learn(X)
    _statistics_error(baseline, problem)
    error = _normalized_error(baseline, baseline.fit_transform(X), problem)
    return Measure(baseline.timed(baseline.fit_transform, X), error)
