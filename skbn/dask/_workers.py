"""Functions that workers run on one partition. They can run again, with the same results."""

from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .._backends import blas
from .._backends.cpu import CPU
from .._estimators.categories import number_columns
from .._estimators.far_values import farthest_value
from .._estimators.fitting import (
    batch_bounds,
    network_of,
    rows_to_train,
    scaled_weights,
    training_rows,
)
from .._estimators.state import (
    OF_DATA,
    OF_NETWORK,
    OF_TARGETS,
    fitted_attributes,
    folded_network,
    input_norm_of,
)
from .._estimators.validation import feature_names, identity
from .._model.inputs import rows_of
from .._training import Steps, TrainOptions, Validation, layer_moments, optimizer_of
from ..kernels.layout import COUNT
from ._averages import RoundResult, average
from ._targets import PartitionScore

# Difference between the dropout seeds of two partitions: 2^32 divided by the golden ratio.
SEED_STRIDE = 0x9E3779B1


def for_workers(estimator):
    """A copy of an estimator with its parameters and with what was learned from X and y."""
    other = type(estimator)(**estimator.get_params(deep=False))
    vars(other).update(fitted_attributes(estimator, (*OF_DATA, *OF_TARGETS, *OF_NETWORK)))
    return other


class RoundConfig(NamedTuple):
    """The values that are constant over all rounds.

    Attributes
    ----------
    estimator : BatchNormMLP
        The estimator, with its parameters and with what was learned from X and y.
    targets : PartitionedLabels or PartitionedRegression
    dtype : dtype
        Dtype of the network.
    batch_size : int
    n_rows : int
        Number of rows of all partitions.
    n_steps : int or None
        Number of steps of the whole fit; None for a stream.
    seed, dropout_seed : int
    """

    estimator: object
    targets: object
    dtype: np.dtype
    batch_size: int
    n_rows: int
    n_steps: int | None
    seed: int
    dropout_seed: int

    def network(self):
        return network_of(self.estimator, self.dtype)


class State(NamedTuple):
    """The state from which a round starts.

    Attributes
    ----------
    network : tuple
        Parameters and running moments, as returned by ``Network.state``.
    states : list of ndarray
        The optimizer's state arrays.
    schedule : Constant
    t, step : int
        Number of steps of the optimizer, and of the dropout.
    """

    network: tuple
    states: list
    schedule: object
    t: int
    step: int


class Progress(NamedTuple):
    """The state after some rounds, and what is known of them.

    Attributes
    ----------
    state : State
    results : tuple of (float, int)
        The loss and the number of rows of each round in which a partition trained.
    """

    state: State
    results: tuple = ()


@dataclass
class PartitionRows:
    """The rows of a partition, in the form that training takes.

    Attributes
    ----------
    number : int
        Number of the partition.
    index, index_val : ndarray, int64
        The training rows, and those that early stopping holds out.
    X, targets, weight, loss_weight : array or None
        See TrainingRows.
    scaled_weight : ndarray or None
        The weights divided by their mean, because float32 cannot represent 1e-50.
    n_weighted : int
        Number of training rows of weight > 0.
    last_order, last_bounds : tuple
        The seed of the order that was drawn last, and that order; the size of the batches that were
        made last, and their bounds.
    """

    number: int
    index: np.ndarray
    index_val: np.ndarray
    X: object = None
    targets: np.ndarray | None = None
    weight: np.ndarray | None = None
    loss_weight: np.ndarray | None = None
    last_order: tuple = (None, None)
    last_bounds: tuple = (None, None)

    def __post_init__(self):
        """Compute what each round needs of the weights of all rows."""
        self.scaled_weight, self.n_weighted = None, len(self.index)
        if self.weight is not None and len(self.index):
            self.scaled_weight = scaled_weights(self.weight)
            self.n_weighted = int(np.count_nonzero(self.weight[self.index]))

    def __getstate__(self):
        """The state without the order and the bounds, which another worker makes again."""
        return vars(self) | {"last_order": (None, None), "last_bounds": (None, None)}

    def __sizeof__(self):
        """Include the arrays, because Dask moves objects between workers if they are small."""
        values = [getattr(value, "data", value) for value in vars(self).values()]  # of sparse X
        values.append(self.last_order[1])
        return object.__sizeof__(self) + sum(getattr(value, "nbytes", 0) for value in values)

    def order(self, config, epoch):
        """The rows in the order of an epoch, which is the same in all rounds of the epoch.

        It is drawn in the first round. A worker that takes the rows over draws it again.
        """
        if not config.estimator.shuffle:
            return self.index
        seed = config.seed, self.number, epoch
        if self.last_order[0] != seed:
            self.last_order = seed, np.random.RandomState(seed).permutation(self.index)
        return self.last_order[1]

    def bounds(self, config, network):
        """The bounds of the batches, which are the same in all rounds."""
        size = min(config.batch_size, len(self.index))
        if self.last_bounds[0] != size:
            self.last_bounds = size, batch_bounds(network, len(self.index), size)
        return self.last_bounds[1]

    def as_training_rows(self, config, network):
        """The TrainingRows of the partition."""
        rows = self.X, self.targets, self.scaled_weight, self.loss_weight, self.index
        return training_rows(config.estimator, network, *rows, self.bounds(config, network))

    def can_train(self, network):
        """Whether two rows have a weight > 0, or one has and there are running statistics."""
        n_rows = self.n_weighted
        knows_statistics = all(layer.running.any() for layer in network.batch_norms)
        return n_rows > 1 or (n_rows == 1 and knows_statistics)


def train_round(config, rows, progress, epoch, first, last):
    """Train on the batches from first to last of an epoch; None if there are none."""
    network, state = config.network(), progress.state
    network.restore(state.network)
    if not rows.can_train(network):
        return None
    data = _of_round(rows.as_training_rows(config, network), rows.order(config, epoch), first, last)
    if not data.bounds:
        return None
    seed = config.dropout_seed + rows.number * SEED_STRIDE
    steps = _steps(config, state, network, data, len(rows.index), seed)
    with np.errstate(all="ignore"), blas.limit_blas_threads(steps.largest_product):
        losses = steps.run(data.index, 0, len(data.bounds))
    weight = len(data.index)
    if data.loss_weight is not None:
        weight = data.loss_weight[data.index].sum()
    loss = float(np.average(losses, weights=data.n_rows))
    return RoundResult.of(
        network, steps.optimizer, start=state, weight=weight, loss=loss, n_rows=len(data.index)
    )


def after_round(progress, group):
    """The Progress after a round, of which a group has results for all partitions."""
    result, before = average(group), progress.state
    if result is None:
        return progress
    runnings = [table.copy() for table in result.runnings]
    for table, previous in zip(runnings, before.network[1], strict=True):
        table[COUNT] += previous[COUNT]
    state = before._replace(
        network=(result.params, runnings),
        states=result.states,
        t=before.t + result.n_steps,
        step=before.step + result.n_steps,
    )
    return Progress(state, (*progress.results, (result.loss, result.n_rows)))


def _of_round(data, order, first, last):
    """The TrainingRows of the batches from first to last of an epoch, in their order.

    The cost of a round is that of its rows, however many a partition has.
    """
    bounds = data.bounds[first:last]
    start, stop = (bounds[0][0], bounds[-1][1]) if bounds else (0, 0)
    bounds = [(low - start, high - start) for low, high in bounds]
    return replace(data, index=order[start:stop], bounds=bounds)


def _steps(config, state, network, data, n_rows, seed):
    """Steps with an optimizer that continues from the state; the partition has n_rows rows."""
    options = TrainOptions.of(vars(config.estimator))
    optimizer = optimizer_of(options, network, config.n_steps)
    optimizer.schedule, optimizer.t = copy(state.schedule), state.t
    optimizer.states = [network.device.xp.array(array) for array in state.states]
    # The penalty is that of one batch that consists of the batches of all partitions.
    alpha = options.alpha * n_rows / config.n_rows
    loss = config.targets.loss(network.device, network.dtype)
    options = replace(options, alpha=alpha)
    return Steps(network, loss, data, options, optimizer, seed=seed, step=state.step)


def moments_of_layer(config, rows, state, i):
    """Moments of the training rows in layer i, with the previous layers in inference mode."""
    network = config.network()
    network.restore(state)
    taken = rows_to_train(config.estimator, network, rows.X)
    return layer_moments(network, network.batch_norms[i], taken, rows.index, rows.weight)


def validate_rows(config, rows, state):
    """Score and loss of the held-out rows of weight > 0, or None if there are none."""
    index = rows.index_val
    if rows.weight is not None:
        index = index[rows.weight[index] > 0]
    if not len(index):
        return None
    weight = np.ones(len(index)) if rows.weight is None else rows.weight[index]
    network, estimator = config.network(), config.estimator
    network.restore(state)
    norm, device = input_norm_of(estimator), network.device
    loss = config.targets.loss(CPU, network.dtype)
    taken = rows_of(rows.X[index], norm, config.dtype, device)
    validate = Validation(taken, rows.targets[index], weight, loss, config.targets.score_part)
    score, loss = validate(folded_network(network, estimator, norm))
    return PartitionScore(weight=weight.sum(), score=score, loss=loss)


def farthest_in_rows(config, rows):
    """The distance of the value farthest from the others, and a sentence that describes it."""
    estimator = config.estimator
    far = farthest_value(rows.X, input_norm_of(estimator))
    if far is None:
        return 0.0, ""
    column = number_columns(estimator)[far.column]
    name = feature_names(identity(estimator), estimator.n_features_in_)[column]
    return far.distance, (
        f" The value farthest from the others is {far}, feature {name}, in partition {rows.number}."
    )
