"""Training in one call of fit or partial_fit, from validated data to fitted attributes."""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.utils import gen_batches

from .._backends import blas
from .._backends.cpu import CPU
from .._backends.selection import device_of
from .._backends.stacklevel import levels_below_caller
from .._model import MIN_BATCH_ROWS, Network, near_equal_bounds
from .._model.inputs import rows_of
from .._model.optimizers import OPTIMIZERS
from .._training import (
    EpochTasks,
    History,
    LBFGSTrainer,
    Trainer,
    TrainingDivergedError,
    TrainingRows,
    TrainOptions,
    Validation,
    optimizer_of,
)
from .far_values import check_variances
from .normalizer_statistics import seen_moments
from .sizes import LBFGS_MAX_ITER, scaled_batch_size, scaled_max_iter
from .state import (
    OF_DATA,
    OF_TARGETS,
    fitted_attributes,
    folded_network,
    hidden_units,
    input_norm_of,
    load,
    network_attributes,
)
from .validation import check_optimize_result

# Fitted attributes that are set before training; the network and the history give the others.
BEFORE_TRAINING = (*OF_DATA, *OF_TARGETS, "n_layers_", "batch_norms_", "_random_state")


def uses_batches(estimator):
    """Whether the solver of an estimator uses batches."""
    return estimator.solver in OPTIMIZERS


def network_of(estimator, dtype):
    """The network that the parameters of an estimator describe."""
    input_norm = input_norm_of(estimator)
    return Network(
        [input_norm.n_inputs, *hidden_units(estimator), estimator.n_outputs_],
        activation=estimator.activation,
        dtype=dtype,
        device=device_of(estimator.device),
        batch_norm=estimator.batch_norm,
        epsilon=estimator.batch_norm_epsilon,
        momentum=estimator.batch_norm_momentum if uses_batches(estimator) else 1.0,
        dropout=estimator.dropout if uses_batches(estimator) else 0.0,
        embedded=input_norm.embedded,
    )


def batch_bounds(network, n, size):
    """Bounds of the batches: nearly equal sizes with batch normalization, else scikit-learn's."""
    if not network.batch_norms:
        return [(batch.start, batch.stop) for batch in gen_batches(n, size)]
    bounds = near_equal_bounds(n, max(size, MIN_BATCH_ROWS)).tolist()
    return list(pairwise(bounds))


def rows_to_train(estimator, network, X):
    """The rows of X as inputs of the network, without the limits that apply to inference."""
    norm = input_norm_of(estimator)._replace(limits=None)
    return rows_of(X, norm, network.dtype, network.device)


def training_rows(estimator, network, X, targets, weight, loss_weight, index, bounds):
    """The TrainingRows of X at the index; the weights are scaled, if there are any."""
    rows, targets = rows_to_train(estimator, network, X), network.device.to_device(targets)
    return TrainingRows(rows, targets, weight, loss_weight, index, bounds)


def scaled_weights(weight):
    """The weights divided by their mean, because float32 cannot represent 1e-50."""
    return weight / weight.mean()


class Fitting:
    """Trains a copy of an estimator. Subclasses provide the rows.

    Parameters
    ----------
    estimator : BatchNormMLP
        The parameters and attributes of the data, and the fitted attributes if training continues.
        ``attributes`` returns the new ones.
    targets : LabelTargets or RegressionTargets
        Attributes learned from y.
    first_pass : bool
        Whether training starts from new weights.
    incremental : bool
        Whether the call is ``partial_fit``, which trains one epoch.
    dtype : dtype
        Dtype of the network.
    random_state : RandomState
        Generator of the initial weights, of the order of the rows and of the split.

    Attributes
    ----------
    is_weighted : bool
        Whether rows have weights. Subclasses set it, and the following attributes.
    data : TrainingRows
        The rows that "lbfgs" uses.
    max_iter, n_batches : int
        Maximum number of epochs, and number of batches of an epoch.
    validate : callable or None
        Returns score and loss of a network on the validation set.
    """

    def __init__(self, estimator, targets, first_pass, incremental, dtype, random_state):
        self.random_state = random_state
        self.estimator, self.targets = estimator, targets
        self.first_pass, self.incremental = first_pass, incremental
        self.options = TrainOptions.of(vars(estimator))
        self.uses_batches = uses_batches(estimator)
        self.stops_early = estimator.early_stopping and self.uses_batches
        self.network = network_of(estimator, dtype)
        self.device = self.network.device
        self._begin_network()
        self.loss = targets.loss(self.device, self.network.dtype)
        self.input_norm = input_norm_of(estimator)

    def _begin_network(self):
        """Draw new weights, or load the fitted attributes."""
        estimator, network = self.estimator, self.network
        if self.first_pass:
            network.initialize(self.random_state)
        else:
            load(network, estimator)
        self.seed = int(self.random_state.randint(2**31 - 1)) if network.has_dropout else 0

    def _begin_history(self, has_validation):
        self.history = History() if self.first_pass else History.of(vars(self.estimator))
        self.history.begin(has_validation, self.stops_early)
        self.step = self.history.t  # so that the dropout masks of each call differ

    def _knows_statistics(self):
        """Whether running statistics can normalize a single row."""
        to_host = self.network.device.to_host
        is_known = all(to_host(layer.running).any() for layer in self.network.batch_norms)
        return self.incremental and is_known

    def _batch_size(self, n):
        """The number of rows per batch, for n training rows."""
        size = self.estimator.batch_size
        if not self.uses_batches:
            return n
        if size == "auto":
            return min(200, n)
        if size == "scaled":
            return scaled_batch_size(n)
        if size > n and not self.incremental:  # batches of a stream may be smaller
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=levels_below_caller(),
            )
        return min(size, n)

    def _max_iter(self, n):
        """The largest number of epochs over n rows."""
        if self.incremental:
            return 1
        if self.estimator.max_iter != "scaled":
            return self.estimator.max_iter
        return scaled_max_iter(n) if self.uses_batches else LBFGS_MAX_ITER

    def tasks_of(self, context, arguments):
        """The EpochTasks of a callback context, with the arguments that are passed to each hook."""
        return EpochTasks(context, arguments, self.attributes)

    def begin(self, _context, _arguments):
        """Return self, which no pilots precede."""
        return self

    def run_pilot(self, tasks):
        """Train without checkpoints: an interruption ends the call."""
        trainer = self._trainer(tasks)
        try:
            for _ in range(self.max_iter):
                trainer.run_epoch()
                if tasks.end():
                    break
            self._set_population_moments()
        finally:
            blas.restore()

    def logits(self, X):
        """The logits (n, n_outputs) of rows in inference mode, in host memory."""
        X = self.input_norm.filled(X)
        rows = rows_of(X, self.input_norm, self.network.dtype, self.device)
        folded = folded_network(self.network, self.estimator, self.input_norm)
        return self.device.to_host(folded.logits_of(rows))

    def run(self, tasks):
        """Train; ``tasks`` is the result of ``tasks_of``.

        If training diverges, the error names the value of X that may be the reason.
        """
        trainer = self._trainer(tasks)
        try:
            if self.incremental:
                trainer.run_epoch()
                tasks.end()
            else:
                trainer.run()
                self._keep_exact_moments()
                self.network.scale_outputs(1.0 / self.targets.temperature)
            check_variances(self.estimator.input_norm_, self.estimator.smooth_clip)
        except TrainingDivergedError as error:
            raise ValueError(f"{error}{self._farthest_value()}") from None
        finally:
            blas.restore()
        self.history = trainer.history
        if self.uses_batches:
            self.optimizer = trainer.optimizer

    def _trainer(self, tasks):
        followed = self.options, self.history, self.validate, tasks
        if not self.uses_batches:
            rows = self.loss, self.data
            limits = self.max_iter, check_optimize_result
            return LBFGSTrainer(self.network, *rows, *followed, *limits)
        self.optimizer = self._optimizer()
        return Trainer(self.network, self._steps(), *followed, self.optimizer, self.max_iter)

    def _keep_exact_moments(self):
        """Replace the running statistics by exact ones, unless the user interrupts this."""
        state = self.network.state()
        try:
            self._set_population_moments()
        except KeyboardInterrupt:
            self.network.restore(state)
            warnings.warn(
                "Interrupted by user: the statistics of hidden layers are the running ones.",
                stacklevel=levels_below_caller(),
            )

    def _optimizer(self):
        """A new optimizer; in ``partial_fit`` it continues with the state of the previous call."""
        n_steps = None if self.incremental else self.max_iter * self.n_batches
        optimizer = optimizer_of(self.options, self.network, n_steps)
        if self.incremental and not self.first_pass:
            previous = vars(self.estimator).get("_optimizer")
            if not optimizer.resume(previous, self.device):
                optimizer.schedule.fast_forward()
        return optimizer

    def _validation(self, X, targets, weight):
        """A function that returns score and loss of a network on the validation set."""
        network = self.network
        if weight is not None and not weight.all():
            counted = np.flatnonzero(weight)
            X, targets, weight = X[counted], targets[counted], weight[counted]
        X = self.input_norm.filled(X)
        rows = rows_of(X, self.input_norm, network.dtype, self.device)
        loss = self.targets.loss(CPU, network.dtype)
        score = Validation(rows, targets, weight, loss, self.targets.score)

        def validate(network):
            return score(folded_network(network, self.estimator, self.input_norm))

        return validate

    def attributes(self):
        """The fitted attributes in the current state of training."""
        attributes = self.learned_attributes() | {"loss_curve_": self.history.loss_curve()}
        if self.uses_batches:  # later epochs write to the arrays of this one
            attributes["_optimizer"] = attributes["_optimizer"].copy()
        return attributes

    def learned_attributes(self):
        """The fitted attributes except ``loss_curve_``, which the estimator extends in place."""
        estimator = self.estimator
        learned = fitted_attributes(estimator, (*BEFORE_TRAINING, "max_iter_"))
        previous = [] if self.first_pass else learned["batch_norms_"]
        is_weighted = self.is_weighted or any(seen_moments(norm).is_weighted for norm in previous)
        learned |= network_attributes(self.network, estimator, is_weighted)
        learned |= self.history.attributes()
        if not self.incremental:
            learned["max_iter_"] = self.max_iter
        if self.uses_batches:
            learned["_optimizer"] = self.optimizer.on_host(self.device)
        return learned
