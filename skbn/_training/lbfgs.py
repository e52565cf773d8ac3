"""Training by SciPy's L-BFGS on one batch of all rows, normalized by its own statistics."""

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from .._backends import blas
from .._backends.stacklevel import levels_below_caller
from .._model import Network, Workspace
from .data import Epoch, TrainingRows
from .history import History
from .options import TrainOptions
from .steps import LossRecord
from .tasks import EpochTasks
from .trainer import check_finite

STOPPED_BY_CALLBACK = 99


@dataclass
class LBFGSTrainer:
    """Training by L-BFGS; each of its iterations is an epoch.

    Attributes
    ----------
    network : Network
    loss : Loss
    data : TrainingRows
        Rows of a single batch.
    options : TrainOptions
    history : History
    validate : callable or None
        Returns score and loss of a network on the validation rows.
    tasks : EpochTasks
    max_iter : int
        Maximum number of iterations.
    check_result : callable
        Warns if the result of SciPy has not converged: (solver, result, max_iter).
    """

    network: Network
    loss: object
    data: TrainingRows
    options: TrainOptions
    history: History
    validate: object
    tasks: EpochTasks
    max_iter: int
    check_result: object

    def __post_init__(self):
        data, device = self.data, self.network.device
        n = len(data.index)
        workspace = Workspace(self.network, data.rows, n)
        self.batch, self.grads = workspace.batch(n), workspace.grads
        epoch = Epoch(data, data.index, self.network.dtype)
        self.targets, self.total = epoch.fill(self.batch, 0, n), epoch.totals[0]
        self.record = LossRecord(device, 1)
        self.to_host, self.to_device = device.to_host, device.to_device
        self.largest_product = n * max(layer.weight.size for layer in self.network.dense)

    def run(self):
        """Minimize the loss of all rows, starting from the parameters of the network.

        If the user interrupts training, the state after the last complete iteration is restored.
        """
        with blas.limit_blas_threads(self.largest_product):
            self._run()

    def _run(self):
        self.checkpoint = None
        try:
            x = self._minimize()
        except KeyboardInterrupt:
            if self.checkpoint is None:
                raise
            x, self.history = self.checkpoint
            warnings.warn("Training interrupted by user.", stacklevel=levels_below_caller())
        self._objective(x)
        check_finite(self.network, self.reported, self.history.n_iter)
        self.history.loss = self.reported

    def _minimize(self):
        options = self.options
        limits = {"maxfun": options.max_fun, "maxiter": self.max_iter, "gtol": options.tol}
        result = scipy.optimize.minimize(
            self._objective,
            self.to_host(self.network.params).astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=self._end_iteration,
            options=limits,
        )
        if result.status != STOPPED_BY_CALLBACK:
            self.check_result("lbfgs", result, self.max_iter)
        return result.x

    def _objective(self, x):
        """Loss with penalty, and its gradient, at the parameters x in float64."""
        network, batch = self.network, self.batch
        network.params[...] = self.to_device(x)
        loss, penalty = self.record.slots[0]
        with np.errstate(all="ignore"):  # check_finite raises if a value is not finite
            self.loss(network.forward(batch), self.targets, batch.loss_weight, loss, batch.delta)
            network.backward(batch)
        network.add_penalty(self.options.alpha / self.total, penalty, self.grads)
        (loss,), (penalty,) = self.record.read().tolist()
        self.reported = loss * self.loss.reported_factor + penalty
        return loss + penalty, self.to_host(self.grads).astype(np.float64)

    def _end_iteration(self, intermediate_result):
        """Record an iteration. SciPy requires this name of the parameter."""
        x, history = intermediate_result.x, self.history
        if not np.array_equal(self.to_host(self.network.params), x.astype(self.network.dtype)):
            self._objective(x)
        history.end_epoch(self.reported, n_rows=0)
        history.follow_loss(self.options.tol)
        if self.validate is not None:
            history.end_validation(*self.validate(self.network))
            history.update_best_validation(history.compare_validation(self.options.tol))
        self.checkpoint = x.copy(), history.copy()
        self.tasks.begin()
        if self.tasks.end():
            raise StopIteration
