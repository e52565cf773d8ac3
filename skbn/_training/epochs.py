"""The loop over epochs and batches of the stochastic solvers."""

import sys
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .. import _blas
from .._network import Network, Workspace
from .._optimizers import Optimizer
from .._validation import levels_below_caller
from .history import History
from .tasks import EpochTasks


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
    weight, share : ndarray of shape (n,) or None
        In the statistics, and in the loss of their batch, where rows have weights.
    totals : list of float
        The sum of the weights in the loss, by batch.
    """

    def __init__(self, data, index, dtype):
        self.data, self.device = data, data.rows.device
        self.index = self.device.to_device(index)
        self.targets = data.targets.take(self.index, axis=0)
        self.weight = self.share = None
        self.totals = data.n_rows
        if data.weight is not None:
            self.weight = self.device.to_device(data.weight[index].astype(dtype))
        if data.loss_weight is not None:
            self._share(data.loss_weight[index], dtype)

    def _share(self, weight, dtype):
        starts = [start for start, _ in self.data.bounds]
        totals = np.add.reduceat(weight, starts)
        of_row = np.repeat(totals, self.data.n_rows)
        share = np.divide(weight, of_row, where=of_row > 0.0, out=np.zeros_like(weight))
        self.share, self.totals = self.device.to_device(share.astype(dtype)), totals.tolist()

    def fill(self, batch, start, stop):
        """Give the batch the rows from start to stop and their weights; gives their targets."""
        rows = self.data.rows
        batch.inputs = rows.take(self.index[start:stop], batch.buffer)
        if self.weight is not None:
            batch.weight = self.weight[start:stop]
        if self.share is not None:
            batch.share = self.share[start:stop]
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


def refuse_non_finite(network, loss, epoch):
    """Raise where training has diverged."""
    if not (np.isfinite(loss) and network.device.xp.isfinite(network.params).all()):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            f"values and need to be preprocessed. In epoch {epoch} the loss was {loss}: a smaller "
            "learning_rate_init may help too."
        )


@dataclass
class EpochLoop:
    """Training, epoch by epoch.

    Attributes
    ----------
    network : Network
    loss : Loss
    data : TrainingRows
    settings : estimator
        Its parameters are read, and its ``_random_state`` is drawn from.
    history : History
    validate : callable or None
        Gives score and loss of a network on the validation rows.
    tasks : EpochTasks
    optimizer : Optimizer
    max_iter : int
        Largest number of epochs.
    """

    network: Network
    loss: object
    data: TrainingRows
    settings: object
    history: History
    validate: object
    tasks: EpochTasks
    optimizer: Optimizer
    max_iter: int

    def __post_init__(self):
        self.alpha = self.settings.alpha
        self.order = self.data.index
        n_rows = max(self.data.n_rows)
        virtual_batch_size, is_dense = self.settings.virtual_batch_size, self.data.rows.is_dense
        self.workspace = Workspace(self.network, n_rows, virtual_batch_size, is_dense)
        self.record = LossRecord(self.network.device, len(self.data.bounds))
        self.largest_product = n_rows * max(weight.size for weight in self.network.weights)

    def run(self):
        """Train until the loss or the score stays, or for max_iter epochs.

        Interrupted by the user, training ends with the last whole epoch.
        """
        self.best = self.network.state() if self.settings.early_stopping else None
        self.whole = None
        try:
            with _blas.threads_for(self.largest_product):
                self._run_epochs()
        except KeyboardInterrupt:
            if self.whole is None:
                raise
            state, self.history, self.optimizer, self.best = self.whole
            self.network.restore(state)
            warnings.warn("Training interrupted by user.", stacklevel=levels_below_caller())
        if self.settings.early_stopping:
            self.network.restore(self.best)

    def _run_epochs(self):
        for _ in range(self.max_iter):
            has_converged = self.run_epoch()
            state, history = self.network.state(), self.history.copy()
            self.whole = state, history, self.optimizer.copy(), self.best
            if self.tasks.end() or has_converged:
                return
        self._warn_of_max_iter()

    def run_epoch(self):
        """Train one epoch, whose task is left to end; tells whether training has converged."""
        self.tasks.begin()
        with np.errstate(all="ignore"):  # what is not finite is refused in words
            loss = self._mean_loss()
        refuse_non_finite(self.network, loss, self.history.n_iter + 1)
        self.history.end_epoch(loss, len(self.order))
        self._say(f"Iteration {self.history.n_iter}, loss = {loss:.8f}")
        self._follow()
        self.optimizer.schedule.end_epoch(self.history.t)
        return self._has_converged()

    def _mean_loss(self):
        """The loss of one epoch, averaged over its rows."""
        epoch = Epoch(self.data, self._shuffled(), self.network.dtype)
        self.record.clear()
        for bounds, total, slot in zip(
            self.data.bounds, epoch.totals, self.record.slots, strict=True
        ):
            if total > 0.0:  # rows without weight teach nothing
                self._step(epoch, bounds, total, slot)
        losses, penalties = self.record.read()
        of_batch = losses * self.loss.reported_share + penalties
        return float(of_batch @ self.data.n_rows) / len(self.order)

    def _shuffled(self):
        """A new order of the rows, as scikit-learn draws it."""
        if self.settings.shuffle:
            drawn = np.arange(len(self.order))
            self.settings._random_state.shuffle(drawn)
            self.order = self.order[drawn]
        return self.order

    def _step(self, epoch, bounds, total, slot):
        """Train on a batch whose weights in the loss sum to the total."""
        network, rows, (loss, penalty) = self.network, self.data.rows, slot
        batch = self.workspace.batch(bounds[1] - bounds[0])
        targets = epoch.fill(batch, *bounds)
        network.step += 1
        logits = network.forward(rows, batch)
        self.loss(logits, targets, batch.share, loss, batch.layers[-1].delta)
        network.backward(rows, batch)
        if self.alpha:
            network.add_penalty(self.alpha / total, penalty)
        self.optimizer.step(network)

    def _follow(self):
        """Validate, and compare with the best epoch so far."""
        history, tol = self.history, self.settings.tol
        if self.validate is not None:
            history.end_validation(*self.validate(self.network))
            self._say(f"Validation score: {history.validation_scores[-1]:f}")
        if self.settings.early_stopping:
            history.follow_score(tol)
        else:
            history.follow_loss(tol)
        is_best = self.validate is not None and history.update_best_score()
        if is_best and self.settings.early_stopping:
            self.best = self.network.state()

    def _has_converged(self):
        """Whether training has stopped to improve, and the schedule knows no slower rate."""
        settings, schedule = self.settings, self.optimizer.schedule
        if self.history.no_improvement_count <= settings.n_iter_no_change:
            return False
        if schedule.ends_by_plan:
            self.history.no_improvement_count = 0
            return False
        what = "Validation score" if settings.early_stopping else "Training loss"
        action, is_stopping = schedule.slow_down()
        self._say(
            f"{what} did not improve more than tol={settings.tol:f} for "
            f"{settings.n_iter_no_change} consecutive epochs. {action}"
        )
        if not is_stopping:
            self.history.no_improvement_count = 0
        return is_stopping

    def _warn_of_max_iter(self):
        if self.optimizer.schedule.ends_by_plan:
            return
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=levels_below_caller(),
        )

    def _say(self, line):
        if self.settings.verbose:
            sys.stdout.write(line + "\n")
