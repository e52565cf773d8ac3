"""What is timed: calls of a contender that are warm, and whose answers were found to be right."""

from functools import partial
from typing import NamedTuple

import numpy as np

from .contenders import CONTENDERS
from .problems import N_BATCHES


class Measure(NamedTuple):
    """A call to time, and its largest error against NumPy; None for a floor."""

    call: callable
    error: float | None


def _statistics_error(contender, problem):
    if not hasattr(contender, "statistics"):
        return None
    return problem.check_statistics(*contender.statistics())


def _normalized_error(contender, Y, problem):
    if not hasattr(contender, "statistics"):
        return None
    return problem.check_normalized(contender.to_host(Y))


def fit(name, problem, device="cpu"):
    """Learn the statistics of all rows."""
    contender = CONTENDERS[name](device)
    X = contender.load(problem.X)
    contender.fit(X)
    return Measure(contender.timed(contender.fit, X), _statistics_error(contender, problem))


def fit_weighted(name, problem):
    """Learn the statistics of all rows, each of weight 2."""
    contender = CONTENDERS[name]()
    weight = np.full(len(problem.X), 2.0)
    contender.fit_weighted(problem.X, weight)
    error = _statistics_error(contender, problem)
    return Measure(partial(contender.fit_weighted, problem.X, weight), error)


def partial_fit(name, problem, device="cpu"):
    """Learn the statistics of one more batch."""
    contender = CONTENDERS[name](device)
    batches = [contender.load(batch) for batch in np.split(problem.X, N_BATCHES)]
    for batch in batches:
        contender.partial_fit(batch)
    error = _statistics_error(contender, problem)
    return Measure(contender.timed(contender.partial_fit, batches[0]), error)


def transform(name, problem, device="cpu", n_rows=None):
    """Normalize the first rows (all by default) by the statistics of all."""
    contender = CONTENDERS[name](device)
    X = contender.load(problem.X)
    contender.learn(X)
    Y = contender.transform(X[:n_rows])
    error = _normalized_error(contender, Y, problem)
    return Measure(contender.timed(contender.transform, X[:n_rows]), error)


def transform_one_row(name, problem, device="cpu"):
    """Normalize one row by the statistics of all."""
    return transform(name, problem, device, n_rows=1)


def fit_transform(name, problem, device="cpu"):
    """Learn the statistics of all rows, and normalize them."""
    contender = CONTENDERS[name](device)
    X = contender.load(problem.X)
    contender.learn(X)
    _statistics_error(contender, problem)
    error = _normalized_error(contender, contender.fit_transform(X), problem)
    return Measure(contender.timed(contender.fit_transform, X), error)
