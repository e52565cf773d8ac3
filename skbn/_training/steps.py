"""Steps of an optimizer on batches of rows that are at hand."""

from dataclasses import dataclass

import numpy as np

from .._model import Workspace


@dataclass
class TrainingRows:
    """What is trained on.

    Attributes
    ----------
    rows : DenseRows or SparseRows
    targets : ndarray of shape (n,) or (n, n_outputs)
        As the loss takes them, on the device of the rows.
    weight : ndarray of shape (n,) or None
        In the statistics of batch normalization, whatever their scale.
    loss_weight : ndarray of shape (n,), float64, or None
    index : ndarray, int64
        The rows of all these that training takes.
    bounds : list of (start, stop)
        Of the batches, among the rows of the index.
    """

    rows: object
    targets: np.ndarray
    weight: np.ndarray | None
    loss_weight: np.ndarray | None
    index: np.ndarray
    bounds: list

    def __post_init__(self):
        self.n_rows = [stop - start for start, stop in self.bounds]


class Epoch:
    """The training rows in the order of one epoch, on the device.

    Attributes
    ----------
    index, targets : ndarray of shape (n,) or (n, n_outputs)
    weight, loss_weight : ndarray of shape (n,) or None
        In the statistics, and in the loss of their batch, where rows have weights.
    totals : list of float
        The sum of the weights in the loss, by batch.
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
        """Give the batch the rows from start to stop and their weights; gives their targets."""
        batch.take(self.index[start:stop])
        if self.weight is not None:
            batch.weight = self.weight[start:stop]
        if self.loss_weight is not None:
            batch.loss_weight = self.loss_weight[start:stop]
        return self.targets[start:stop]


class LossRecord:
    """The loss and the penalty of every batch of an epoch, read back once.

    Attributes
    ----------
    slots : list of (ndarray of shape (1,), ndarray of shape (1,))
        Where the loss and the penalty of each batch go, on the device.
    """

    def __init__(self, device, n_batches):
        self.device = device
        self.record = device.xp.zeros((2, n_batches))
        losses, penalties = self.record[0], self.record[1]
        self.slots = [(losses[i : i + 1], penalties[i : i + 1]) for i in range(n_batches)]

    def clear(self):
        """For batches that will write nothing."""
        self.record.fill(0.0)

    def read(self):
        """The losses and the penalties (n_batches,)."""
        return self.device.to_host(self.record)


class Steps:
    """Steps on the batches of the training rows, epoch by epoch.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : TrainingRows
    options : TrainOptions
    optimizer : Optimizer
    random_state : RandomState or None
        Of the order of the rows; None where ``run`` is given an order.
    seed : int
        Of the dropout.
    step : int
        Steps before: the dropout of a step depends on this number and the seed.

    Attributes
    ----------
    n_rows : int
        Rows of an epoch.
    largest_product : int
        Multiplications of the largest product of matrices.
    """

    def __init__(
        self, network, loss, data, options, optimizer, random_state=None, *, seed=0, step=0
    ):
        self.network, self.loss, self.data = network, loss, data
        self.options, self.optimizer, self.random_state = options, optimizer, random_state
        self.seed, self.step = seed, step
        self.order, self.n_rows = data.index, len(data.index)
        largest = max(data.n_rows)
        self.workspace = Workspace(network, data.rows, largest, options.virtual_batch_size)
        self.record = LossRecord(network.device, len(data.bounds))
        self.largest_product = largest * max(layer.weight.size for layer in network.dense)

    def train_epoch(self):
        """Train one epoch; the loss, averaged over its rows."""
        losses = self.run(self._shuffled(), 0, len(self.data.bounds))
        return float(losses @ self.data.n_rows) / self.n_rows

    def _shuffled(self):
        """A new order of the rows, as scikit-learn draws it."""
        if self.options.shuffle:
            drawn = np.arange(self.n_rows)
            self.random_state.shuffle(drawn)
            self.order = self.order[drawn]
        return self.order

    def run(self, order, first, last):
        """Train on the batches from first to last of the rows in that order; loss of each batch.

        With penalty; 0 for the batches that are left out.
        """
        epoch = Epoch(self.data, order, self.network.dtype)
        self.record.clear()
        batches = zip(self.data.bounds, epoch.totals, self.record.slots, strict=True)
        for bounds, total, slot in list(batches)[first:last]:
            if total > 0.0:  # rows without weight teach nothing
                self._step(epoch, bounds, total, slot)
        losses, penalties = self.record.read()
        return losses * self.loss.reported_factor + penalties

    def _step(self, epoch, bounds, total, slot):
        """Train on a batch whose weights in the loss sum to the total."""
        network, grads, (loss, penalty) = self.network, self.workspace.grads, slot
        batch = self.workspace.batch(bounds[1] - bounds[0])
        targets = epoch.fill(batch, *bounds)
        self.step += 1
        batch.seed, batch.step = self.seed, self.step
        self.loss(network.forward(batch), targets, batch.loss_weight, loss, batch.delta)
        network.backward(batch)
        if self.options.alpha:
            network.add_penalty(self.options.alpha / total, penalty, grads)
        self.optimizer.step(network, grads)
