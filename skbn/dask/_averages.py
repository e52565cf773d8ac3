"""Weighted averages of the states that training on the partitions gives in a round."""

from typing import NamedTuple

import numpy as np

from .._statistics.moments import RunningMoments
from ..kernels import cpu


class Trained(NamedTuple):
    """A state after a round, in one partition or averaged over several.

    Attributes
    ----------
    weight : float
        Weight of the rows in the loss, which is the weight of the state in an average.
    loss : float
        Mean loss of the batches.
    n_rows : int
    n_steps : int
        Number of steps of the optimizer; in an average, the maximum over the partitions.
    params : ndarray
    averages : list of ndarray
        The buffers of the optimizer.
    runnings : list of ndarray of shape (5, n_units)
        Moments tables, whose counts include only the rows of the round.
    """

    weight: float
    loss: float
    n_rows: int
    n_steps: int
    params: np.ndarray
    averages: list
    runnings: list

    @classmethod
    def of(cls, weight, loss, n_rows, network, optimizer, start):
        """The result of a network and an optimizer that began with the state ``start``."""
        to_host = network.device.to_host
        params, runnings = network.state()
        runnings = [to_host(table) for table in runnings]
        for table, before in zip(runnings, start.network[1], strict=True):
            table[cpu.COUNT] -= before[cpu.COUNT]
        averages = [to_host(average) for average in optimizer.states]
        n_steps = optimizer.t - start.t
        return cls(weight, loss, n_rows, n_steps, to_host(params), averages, runnings)


def average(group):
    """The weighted average of the states that are not None, or None if there are none."""
    group = [trained for trained in group if trained is not None]
    if len(group) < 2:
        return group[0] if group else None
    weights = np.array([trained.weight for trained in group], np.float64)
    fractions = weights / weights.sum() if weights.any() else np.full(len(group), 1.0 / len(group))
    return Trained(
        weights.sum(),
        float(fractions @ [trained.loss for trained in group]),
        sum(trained.n_rows for trained in group),
        max(trained.n_steps for trained in group),
        _weighted_sum(fractions, [trained.params for trained in group]),
        _of_each(_weighted_sum, fractions, [trained.averages for trained in group]),
        _of_each(_mixture, fractions, [trained.runnings for trained in group]),
    )


def _of_each(function, fractions, lists):
    return [function(fractions, arrays) for arrays in zip(*lists, strict=True)]


def _weighted_sum(fractions, arrays):
    """Σ fraction·array, summed in float64."""
    total = np.zeros(arrays[0].shape)
    for fraction, array in zip(fractions, arrays, strict=True):
        total += fraction * array
    return total.astype(arrays[0].dtype)


def _mixture(fractions, tables):
    """The moments table of a mixture of distributions. Counts are added."""
    parts = [_weighing(fraction, table) for fraction, table in zip(fractions, tables, strict=True)]
    mixed, *others = parts
    for table in others:
        cpu.merge_moments(mixed, table)
    weight = sum(f * table[cpu.WEIGHT] for f, table in zip(fractions, tables, strict=True))
    mixed[cpu.M2] *= weight / np.where(mixed[cpu.WEIGHT] > 0, mixed[cpu.WEIGHT], 1.0)
    mixed[cpu.WEIGHT] = weight
    return mixed


def _weighing(fraction, table):
    """A copy of the table with the fraction as its weight, in columns that have a weight."""
    scaled, weight = table.copy(), table[cpu.WEIGHT]
    scaled[cpu.WEIGHT] = np.where(weight > 0, fraction, 0.0)
    scaled[cpu.M2] *= scaled[cpu.WEIGHT] / np.where(weight > 0, weight, 1.0)
    return scaled


def moments_of_partitions(group):
    """The moments of the rows of all partitions."""
    return RunningMoments.merge(*group)
