"""Optimizer steps on batches of rows in the memory of this process."""

from .._model import Workspace
from .data import Epoch, RowOrders


class LossRecord:
    """The loss and the penalty of every batch of an epoch, copied to the host once.

    Attributes
    ----------
    slots : list of (ndarray of shape (1,), ndarray of shape (1,))
        Views for the loss and the penalty of each batch, on the device.
    """

    def __init__(self, device, n_batches):
        self.device = device
        self.record = device.xp.zeros((2, n_batches))
        losses, penalties = self.record[0], self.record[1]
        self.slots = [(losses[i : i + 1], penalties[i : i + 1]) for i in range(n_batches)]

    def clear(self):
        """Set all values to 0, because some batches may not write theirs."""
        self.record.fill(0.0)

    def read(self):
        """The losses and the penalties, an array of shape (2, n_batches) on the host."""
        return self.device.to_host(self.record)


class Steps:
    """Optimizer steps on the batches of the training rows.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : TrainingRows
    options : TrainOptions
    optimizer : Optimizer
    random_state : RandomState or None
        Generator for the order of the rows. None if only ``run`` is called, with an order.
    n_epochs : int
        Maximum number of epochs.
    seed : int
        Seed of the dropout.
    step : int
        Number of previous steps. The dropout of a step depends on its number and the seed.

    Attributes
    ----------
    n_rows : int
        Number of rows of an epoch.
    largest_product : int
        Number of multiplications of the largest matrix product.
    """

    def __init__(
        self,
        network,
        loss,
        data,
        options,
        optimizer,
        random_state=None,
        n_epochs=0,
        *,
        seed=0,
        step=0,
    ):
        self.network, self.loss, self.data = network, loss, data
        self.options, self.optimizer, self.seed, self.step = options, optimizer, seed, step
        self.n_rows = len(data.index)
        self.orders = RowOrders(data.index, random_state if options.shuffle else None, n_epochs)
        largest = max(data.n_rows)
        self.workspace = Workspace(network, data.rows, largest, options.virtual_batch_size)
        self.record = LossRecord(network.device, len(data.bounds))
        self.largest_product = largest * max(layer.weight.size for layer in network.dense)

    def train_epoch(self):
        """Train one epoch, and return the loss averaged over its rows."""
        self._start(self.orders.take(), 0, len(self.data.bounds))
        if not self.network.device.is_host:  # a GPU still computes, and reading losses waits for it
            self.orders.draw_ahead()
        return float(self._losses() @ self.data.n_rows) / self.n_rows

    def run(self, order, first, last):
        """Train on the batches from first to last of the rows in the given order.

        Returns
        -------
        losses : ndarray of shape (n_batches,)
            The loss of each batch with penalty, or 0 for a batch that is left out.
        """
        self._start(order, first, last)
        return self._losses()

    def _start(self, order, first, last):
        """Train on the batches from first to last. On a GPU this does not wait for its end."""
        epoch = Epoch(self.data, order, self.network.dtype)
        self.record.clear()
        batches = zip(self.data.bounds, epoch.totals, self.record.slots, strict=True)
        for bounds, total, slot in list(batches)[first:last]:
            if total > 0.0:  # rows without weight have no gradient
                self._step(epoch, bounds, total, slot)

    def _losses(self):
        """The losses that ``run`` returns."""
        losses, penalties = self.record.read()
        return losses * self.loss.reported_factor + penalties

    def _step(self, epoch, bounds, total, slot):
        """Train on a batch whose weights in the loss sum to ``total``."""
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
