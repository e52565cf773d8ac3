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
        As the loss takes them.
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

    def weigh(self, batch, index):
        """Set the weights of a batch of the rows at the index (m,); gives their sum in the loss."""
        if self.weight is not None:
            batch.weight[:] = self.weight[index]
        if self.loss_weight is None:
            return float(len(index))
        weight = self.loss_weight[index]
        total = float(weight.sum())
        if total > 0.0:
            np.divide(weight, total, out=batch.share, casting="same_kind")
        return total


def refuse_non_finite(network, loss, epoch):
    """Raise where training has diverged."""
    if not (np.isfinite(loss) and np.isfinite(network.params).all()):
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
        self.order = np.arange(len(self.data.index))
        n_rows = max(stop - start for start, stop in self.data.bounds)
        virtual_batch_size, is_dense = self.settings.virtual_batch_size, self.data.rows.is_dense
        self.workspace = Workspace(self.network, n_rows, virtual_batch_size, is_dense)
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
            state, self.history = self.whole
            self.network.restore(state)
            warnings.warn("Training interrupted by user.", stacklevel=levels_below_caller())
        if self.settings.early_stopping:
            self.network.restore(self.best)

    def _run_epochs(self):
        for _ in range(self.max_iter):
            has_converged = self.run_epoch()
            self.whole = self.network.state(), self.history.copy()
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
        index = self.data.index[self._shuffled()]
        total = 0.0
        for start, stop in self.data.bounds:
            total += (stop - start) * self._step(index[start:stop])
        return total / len(index)

    def _shuffled(self):
        """A new order of the rows, as scikit-learn draws it."""
        if self.settings.shuffle:
            drawn = np.arange(len(self.order))
            self.settings._random_state.shuffle(drawn)
            self.order = self.order[drawn]
        return self.order

    def _step(self, index):
        """Train on the rows at the index (m,), and give their loss with penalty."""
        network, rows = self.network, self.data.rows
        batch = self.workspace.batch(len(index))
        batch.inputs = rows.take(index, batch.buffer)
        total = self.data.weigh(batch, index)
        if total == 0.0:  # rows without weight teach nothing
            return 0.0
        network.step += 1
        logits = network.forward(rows, batch)
        targets = self.data.targets.take(index, axis=0)
        loss = self.loss(logits, targets, batch.share, batch.layers[-1].delta)
        network.backward(rows, batch)
        penalty = network.add_penalty(self.alpha / total) if self.alpha else 0.0
        self.optimizer.step(network)
        return loss * self.loss.reported_share + penalty

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
