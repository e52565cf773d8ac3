"""Training by a stochastic solver, epoch by epoch."""

import sys
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._backends import blas
from .._backends.stacklevel import levels_below_caller
from .._model import Network
from .._model.optimizers import Optimizer
from .history import History
from .options import TrainOptions
from .tasks import EpochTasks


class TrainingDivergedError(ValueError):
    """Raised if the loss or a parameter is not finite."""


def check_finite(network, loss, epoch):
    """Raise if training has diverged."""
    if not (np.isfinite(loss) and network.is_finite()):
        raise TrainingDivergedError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            f"values and need to be preprocessed. In epoch {epoch} the loss was {loss}: a smaller "
            "learning_rate_init may help too."
        )


@dataclass
class Trainer:
    """Epochs of training, with validation, checkpoints, callbacks and early stopping.

    Attributes
    ----------
    network : Network
    steps : Steps or Rounds
        An object whose ``train_epoch`` trains one epoch.
    options : TrainOptions
    history : History
    validate : callable or None
        Returns score and loss of a network on the validation rows.
    tasks : EpochTasks
    optimizer : Optimizer
    max_iter : int
        Maximum number of epochs.
    """

    network: Network
    steps: object
    options: TrainOptions
    history: History
    validate: object
    tasks: EpochTasks
    optimizer: Optimizer
    max_iter: int

    def run(self):
        """Train until the loss or the score stops improving, or for max_iter epochs.

        If the user interrupts training, the state after the last complete epoch is restored.
        """
        self.best_state = self.network.state() if self.options.early_stopping else None
        self.checkpoint = None
        try:
            self._run_epochs()
        except KeyboardInterrupt:
            if self.checkpoint is None:
                raise
            state, self.history, self.optimizer, self.best_state = self.checkpoint
            self.network.restore(state)
            warnings.warn("Training interrupted by user.", stacklevel=levels_below_caller())
        if self.options.early_stopping:
            self.network.restore(self.best_state)

    def _run_epochs(self):
        for _ in range(self.max_iter):
            has_converged = self.run_epoch()
            state, history = self.network.state(), self.history.copy()
            self.checkpoint = state, history, self.optimizer.copy(), self.best_state
            if self.tasks.end() or has_converged:
                return
        self._warn_of_max_iter()

    def run_epoch(self):
        """Train one epoch without ending its task; return whether training has converged."""
        self.tasks.begin()
        with blas.limit_blas_threads(self.steps.largest_product):
            with np.errstate(all="ignore"):  # check_finite raises if a value is not finite
                loss = self.steps.train_epoch()
            check_finite(self.network, loss, self.history.n_iter + 1)
            self.history.end_epoch(loss, self.steps.n_rows)
            self._say(f"Iteration {self.history.n_iter}, loss = {loss:.8f}")
            self._follow()
        self.optimizer.schedule.end_epoch(self.history.t)
        return self._has_converged()

    def _follow(self):
        """Validate the network, and compare the epoch with the best one so far."""
        history, tol = self.history, self.options.tol
        if self.validate is not None:
            history.end_validation(*self.validate(self.network))
            self._say(f"Validation score: {history.validation_scores[-1]:f}")
        if not self.options.early_stopping:
            history.follow_loss(tol)
            if self.validate is not None:
                history.update_best_validation(history.compare_validation(tol))
        elif history.follow_score(tol):
            self.best_state = self.network.state()

    def _has_converged(self):
        """Whether training has stopped improving, and the schedule has no lower rate left."""
        options, schedule = self.options, self.optimizer.schedule
        if self.history.no_improvement_count <= options.n_iter_no_change:
            return False
        if schedule.fixed_horizon:
            self.history.no_improvement_count = 0
            return False
        what = "Validation score" if options.early_stopping else "Training loss"
        action, is_stopping = schedule.on_plateau()
        self._say(
            f"{what} did not improve more than tol={options.tol:f} for "
            f"{options.n_iter_no_change} consecutive epochs. {action}"
        )
        if not is_stopping:
            self.history.no_improvement_count = 0
        return is_stopping

    def _warn_of_max_iter(self):
        if self.optimizer.schedule.fixed_horizon:
            return
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=levels_below_caller(),
        )

    def _say(self, line):
        if self.options.verbose:
            sys.stdout.write(line + "\n")
