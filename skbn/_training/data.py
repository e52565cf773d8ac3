"""The rows of a fit with their targets and weights, in the order of an epoch."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np


@dataclass
class TrainingRows:
    """The rows of a fit, with their targets and weights.

    Attributes
    ----------
    rows : DenseRows or SparseRows
    targets : ndarray of shape (n,) or (n, n_outputs)
        Targets in the form that the loss takes, on the device of the rows.
    weight : ndarray of shape (n,) or None
        Weights in the statistics of batch normalization. Their scale does not matter.
    loss_weight : ndarray of shape (n,), float64, or None
        Weights in the loss.
    index : ndarray, int64
        The rows that are used for training.
    bounds : list of (start, stop)
        Bounds of the batches within the index.
    """

    rows: object
    targets: np.ndarray
    weight: np.ndarray | None
    loss_weight: np.ndarray | None
    index: np.ndarray
    bounds: list

    def __post_init__(self):
        self.n_rows = [stop - start for start, stop in self.bounds]


class RowOrders:
    """The orders of the rows in the epochs of a fit, drawn as in scikit-learn.

    Attributes
    ----------
    order : ndarray, int64
        The order of the last epoch, which that of the next one shuffles.
    random_state : RandomState or None
        Generator of the orders. If None, all epochs have the same order.
    n_left : int
        Number of orders that may still be drawn ahead.
    ahead : tuple of (RandomState, ndarray) or None
        The order of the next epoch, and a copy of the generator that has drawn it.
    """

    def __init__(self, index, random_state, n_epochs):
        self.order, self.random_state, self.n_left = index, random_state, n_epochs
        self.ahead = None

    def draw_ahead(self):
        """Draw the order of the next epoch, if there may be one.

        The generator does not change, because training may stop before that epoch.
        """
        if self.random_state is not None and self.n_left > 0:
            random_state = deepcopy(self.random_state)
            self.ahead = random_state, self._shuffled(random_state)

    def take(self):
        """The order of the next epoch."""
        self.n_left -= 1
        if self.ahead is not None:
            drawn_by, self.order = self.ahead
            self.random_state.set_state(drawn_by.get_state())
            self.ahead = None
        elif self.random_state is not None:
            self.order = self._shuffled(self.random_state)
        return self.order

    def _shuffled(self, random_state):
        drawn = np.arange(len(self.order))
        random_state.shuffle(drawn)
        return self.order[drawn]


class Epoch:
    """The training rows in the order of one epoch, on the device.

    Attributes
    ----------
    index, targets : ndarray of shape (n,) or (n, n_outputs)
    weight, loss_weight : ndarray of shape (n,) or None
        Weights in the statistics, and in the loss of the batch; None if rows have no weights.
    totals : list of float
        Sum of the weights in the loss for each batch.
    """

    def __init__(self, data, index, dtype):
        self.data, self.device = data, data.rows.device
        self.index = self.device.to_device(index)
        self.targets = data.targets.take(self.index, axis=0)
        self.weight = self.loss_weight = None
        self.totals = data.n_rows
        if data.weight is not None:
            self.weight = self.device.to_device(data.weight[index].astype(dtype))
        if data.loss_weight is not None:
            self._weigh_losses(data.loss_weight[index], dtype)

    def _weigh_losses(self, weight, dtype):
        starts = [start for start, _ in self.data.bounds]
        totals = np.add.reduceat(weight, starts)
        of_row = np.repeat(totals, self.data.n_rows)
        fraction = np.divide(weight, of_row, where=of_row > 0.0, out=np.zeros_like(weight))
        self.loss_weight, self.totals = (
            self.device.to_device(fraction.astype(dtype)),
            totals.tolist(),
        )

    def fill(self, batch, start, stop):
        """Set rows and weights of the batch to those from start to stop; return their targets."""
        batch.take(self.index[start:stop])
        if self.weight is not None:
            batch.weight = self.weight[start:stop]
        if self.loss_weight is not None:
            batch.loss_weight = self.loss_weight[start:stop]
        return self.targets[start:stop]
