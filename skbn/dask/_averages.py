"""Weighted averages of what partitions make of the state of a round."""

from typing import NamedTuple

import numpy as np

from .._moments import RunningMoments
from ..kernels import cpu


class Trained(NamedTuple):
    """A state after a round, in one partition or averaged over several.

    Attributes
    ----------
    weight : float
        Of the rows in the loss: that of the state in an average.
    loss : float
        The mean of the batches.
    n_rows : int
    n_steps : int
        That the optimizer has taken, the most of any partition.
    params : ndarray
    averages : list of ndarray
        The buffers of the optimizer.
    runnings : list of ndarray of shape (5, n_units)
        Tables of moments, whose counts are of rows that the round has added.
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
        """Of a network and an optimizer that began with the state ``start``."""
        to_host = network.device.to_host
        params, runnings = network.state()
        runnings = [to_host(table) for table in runnings]
        for table, before in zip(runnings, start.network[1], strict=True):
            table[cpu.COUNT] -= before[cpu.COUNT]
        averages = [to_host(average) for average in optimizer.states]
        n_steps = optimizer.t - start.t
        return cls(weight, loss, n_rows, n_steps, to_host(params), averages, runnings)


def average(group):
    """The weighted average of those that are not None, or None."""
    group = [trained for trained in group if trained is not None]
    if len(group) < 2:
        return group[0] if group else None
    weights = np.array([trained.weight for trained in group], np.float64)
    shares = weights / weights.sum() if weights.any() else np.full(len(group), 1.0 / len(group))
    return Trained(
        weights.sum(),
        float(shares @ [trained.loss for trained in group]),
        sum(trained.n_rows for trained in group),
        max(trained.n_steps for trained in group),
        _weighted_sum(shares, [trained.params for trained in group]),
        _of_each(_weighted_sum, shares, [trained.averages for trained in group]),
        _of_each(_mixture, shares, [trained.runnings for trained in group]),
    )


def _of_each(function, shares, lists):
    return [function(shares, arrays) for arrays in zip(*lists, strict=True)]


def _weighted_sum(shares, arrays):
    """Σ share·array, summed in float64."""
    total = np.zeros(arrays[0].shape)
    for share, array in zip(shares, arrays, strict=True):
        total += share * array
    return total.astype(arrays[0].dtype)


def _mixture(shares, tables):
    """The table of moments of a mixture: means and squares with their shares, counts summed up."""
    parts = [_with_weight(share, table) for share, table in zip(shares, tables, strict=True)]
    mixed, *others = parts
    for table in others:
        cpu.merge_moments(mixed, table)
    weight = sum(share * table[cpu.WEIGHT] for share, table in zip(shares, tables, strict=True))
    mixed[cpu.M2] *= weight / np.where(mixed[cpu.WEIGHT] > 0, mixed[cpu.WEIGHT], 1.0)
    mixed[cpu.WEIGHT] = weight
    return mixed


def _with_weight(share, table):
    """A copy of the table that weighs its share in a merge, if it has any weight."""
    scaled, weight = table.copy(), table[cpu.WEIGHT]
    scaled[cpu.WEIGHT] = np.where(weight > 0, share, 0.0)
    scaled[cpu.M2] *= scaled[cpu.WEIGHT] / np.where(weight > 0, weight, 1.0)
    return scaled


def merged_moments(group):
    """The moments of the rows of all."""
    return RunningMoments.merge(*group)
