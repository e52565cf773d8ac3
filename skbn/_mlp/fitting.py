"""One call of fit or partial_fit: from validated data to a trained network."""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import gen_batches

from .._device import CPU, device_of
from .._inference import FoldedNetwork
from .._network import MIN_BATCH_ROWS, Network, near_equal_bounds
from .._rows import rows_of
from .._training import (
    EpochLoop,
    History,
    LBFGSLoop,
    TrainingRows,
    Validation,
    set_population_moments,
)
from .._validation import levels_below_caller
from .sizes import LBFGS_MAX_ITER, scaled_batch_size, scaled_max_iter
from .solvers import optimizer_of
from .state import (
    check_rows_to_normalize_by,
    hidden_units,
    input_norm_of,
    is_fitted_name,
    load,
    network_attributes,
)


class Fitting:
    """Trains a model, which is a copy of the estimator.

    Parameters
    ----------
    model : BatchNormMLP
        Its parameters, and what is known of the data; the fitted attributes where training goes
        on. ``attributes`` tells what it becomes.
    is_first : bool
        Whether training starts from new weights.
    is_incremental : bool
        Whether it is one epoch, of ``partial_fit``.
    X : ndarray or CSR matrix of shape (n, d)
    targets : ndarray
        As the loss takes them.
    weight, loss_weight : ndarray of shape (n,), float64, or None
        Of the rows in the statistics and in the loss.
    held_out : tuple of (X, targets, weight) or None
        The rows that the user wants to validate on.
    """

    def __init__(self, model, is_first, is_incremental, X, targets, weight, loss_weight, held_out):
        self.model, self.is_first, self.is_incremental = model, is_first, is_incremental
        self.weight = weight
        self.uses_batches = model.solver != "lbfgs"
        self.stops_early = model.early_stopping and self.uses_batches
        self.device = device_of(model.device)
        self.network = self._network(X, is_first)
        self.loss = model._loss(self.device, self.network.dtype)
        self.input_norm = input_norm_of(model)
        index, held_out = self._split(X, targets, held_out)
        self._refuse_single_row(index)
        self.max_iter = 1 if is_incremental else self._max_iter(len(index))
        self.data = self._training_rows(X, targets, loss_weight, index)
        self.validate = None if held_out is None else self._validation(*held_out)
        self.history = History() if is_first else History.of(model)
        self.history.begin(held_out is not None, self.stops_early)
        self.network.step = self.history.t  # of a later call, another dropout

    def _training_rows(self, X, targets, loss_weight, index):
        rows = rows_of(X, self.input_norm, self.network.dtype, self.device)
        weight = self.weight
        scaled = None if weight is None else weight / weight.mean()  # float32 holds no 1e-50
        targets, bounds = self.device.to_device(targets), self._bounds(len(index))
        return TrainingRows(rows, targets, scaled, loss_weight, index, bounds)

    def _network(self, X, is_first):
        """A network of new weights, or one that goes on from the fitted attributes."""
        model = self.model
        network = Network(
            [X.shape[1], *hidden_units(model), model.n_outputs_],
            activation=model.activation,
            dtype=model._compute_dtype(X, is_first),
            device=self.device,
            batch_norm=model.batch_norm,
            epsilon=model.batch_norm_epsilon,
            momentum=model.batch_norm_momentum if self.uses_batches else 1.0,
            dropout=model.dropout if self.uses_batches else 0.0,
        )
        if is_first:
            network.initialize(model._random_state, 2.0 if model.activation == "logistic" else 6.0)
        else:
            load(network, model)
        if network.has_dropout:
            network.seed = int(model._random_state.randint(2**31 - 1))
        return network

    def _split(self, X, targets, held_out):
        """The index of the rows to train on, and the rows to validate on or None."""
        everything = np.arange(X.shape[0])
        if not self.stops_early or held_out is not None:
            return everything, held_out
        index, index_val = train_test_split(
            everything,
            random_state=self.model._random_state,
            test_size=self.model.validation_fraction,
            stratify=self.model._strata(targets),
        )
        if len(index_val) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        weight_val = None if self.weight is None else self.weight[index_val]
        self._refuse_no_weight(index)
        self._refuse_no_weight(index_val)
        return index, (X[index_val], targets[index_val], weight_val)

    def _refuse_no_weight(self, index):
        if self.weight is not None and not self.weight[index].any():
            raise ValueError(
                "sample_weight sums to 0 over the rows to train on or over those that "
                "early_stopping holds out, expected a positive sum of both."
            )

    def _refuse_single_row(self, index):
        """One row has no variance; in a stream running statistics serve, once there are some."""
        normalized = self.network.normalized
        knows_statistics = all(layer.running.any() for layer in normalized)
        if normalized and not (self.is_incremental and knows_statistics):
            check_rows_to_normalize_by(len(index) if self.weight is None else self.weight[index])

    def _bounds(self, n):
        """Bounds of the batches: near-equal where they are normalized, else scikit-learn's."""
        size = self._batch_size(n)
        if not self.network.normalized:
            return [(batch.start, batch.stop) for batch in gen_batches(n, size)]
        bounds = near_equal_bounds(n, max(size, MIN_BATCH_ROWS)).tolist()
        return list(pairwise(bounds))

    def _batch_size(self, n):
        size = self.model.batch_size
        if not self.uses_batches:
            return n
        if size == "auto":
            return min(200, n)
        if size == "scaled":
            return scaled_batch_size(n)
        if size > n and not self.is_incremental:  # a stream comes as it comes
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=levels_below_caller(),
            )
        return min(size, n)

    def _max_iter(self, n):
        if self.model.max_iter != "scaled":
            return self.model.max_iter
        return scaled_max_iter(n) if self.uses_batches else LBFGS_MAX_ITER

    def _validation(self, X, targets, weight):
        """What gives score and loss of a network on the rows held out."""
        model, network = self.model, self.network
        rows = rows_of(X, self.input_norm, network.dtype, self.device)
        loss = model._loss(CPU, network.dtype)
        score = Validation(rows, targets, weight, loss, model._score_of_logits)
        of_all = network.activation, model.out_activation_, self.input_norm, self.device

        def validate(network):
            return score(FoldedNetwork(network.fold(), *of_all))

        return validate

    def run(self, tasks):
        """Train; ``tasks`` are the EpochTasks."""
        common = self.network, self.loss, self.data, self.model, self.history, self.validate, tasks
        if not self.uses_batches:
            loop = LBFGSLoop(*common, max_iter=self.max_iter)
        else:
            self.optimizer = self._optimizer()
            loop = EpochLoop(*common, optimizer=self.optimizer, max_iter=self.max_iter)
        if self.is_incremental:
            loop.run_epoch()
            tasks.end()
        else:
            loop.run()
            self._set_population_moments()
        self.history = loop.history
        if self.uses_batches:
            self.optimizer = loop.optimizer

    def _set_population_moments(self):
        """Replace the running statistics by exact ones, unless the user interrupts."""
        state = self.network.state()
        try:
            set_population_moments(self.network, self.data.rows, self.data.index, self.weight)
        except KeyboardInterrupt:
            self.network.restore(state)
            warnings.warn(
                "Interrupted by user: the statistics of hidden layers are the running ones.",
                stacklevel=levels_below_caller(),
            )

    def _optimizer(self):
        """A new optimizer, in ``partial_fit`` one that goes on from that of the previous call."""
        n_steps = None if self.is_incremental else self.max_iter * len(self.data.bounds)
        optimizer = optimizer_of(self.model, self.network, n_steps)
        if self.is_incremental and not self.is_first:
            known = getattr(self.model, "_optimizer", None)
            if not optimizer.resume(known, self.device):
                optimizer.schedule.skip_start()
        return optimizer

    def attributes(self):
        """The fitted attributes as training stands."""
        model = self.model
        learned = {name: value for name, value in vars(model).items() if is_fitted_name(name)}
        is_weighted = self.weight is not None or any(
            norm._seen().is_weighted for norm in learned.get("batch_norms_", [])
        )
        learned |= network_attributes(self.network, model, is_weighted)
        learned |= self.history.attributes()
        if self.uses_batches:
            learned["_optimizer"] = self.optimizer.on_host(self.device)
        return learned
