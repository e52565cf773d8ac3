"""Training on partitions in rounds: local SGD (Stich 2019, arXiv:1805.09767)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import dask
import numpy as np

from .._estimators.fitting import Fitting, batch_bounds
from .._estimators.state import check_rows_to_normalize_by
from .._model import Network
from .._model.optimizers import Optimizer
from .._training import EpochTasks
from ..kernels.layout import COUNT
from ._averages import average, moments_of_partitions
from ._preparing import Prepared
from ._tasks import mapped, merged, persisted, shared
from ._workers import (
    RoundConfig,
    State,
    farthest_in_rows,
    for_workers,
    moments_of_layer,
    train_round,
    validate_rows,
)

# Rows of a step of all partitions together: a partition has a part of them, but at least
# MIN_BATCH_ROWS, because small batches have noisy statistics. Error on 100,000 rows of covertype
# (10 epochs, 8 partitions, averages after 4 steps): 0.150 with batches of 128, 0.153 with 256,
# 0.160 with 64. A local fit has 0.148.
STEP_ROWS = 1024
MIN_BATCH_ROWS = 64

# ``sync_every="auto"``. Error of the same fits, with batches of 128: 0.172 with averages after 16
# steps, which are 62 in the fit, 0.159 after 8, 0.150 after 4, and 0.145 after 1 to 2. Few averages
# at the beginning or at the end of a fit are worse than as many at equal distances. On all 464,810
# rows (15 passes) a fit with averages after 16 steps, 220 in all, is better than a local fit.
AVERAGES_OF_A_FIT = 256
AVERAGES_OF_A_PASS = 16
MAX_SYNC_EVERY = 16


class RoundTasks(EpochTasks):
    """The subtasks of a fit, one for each epoch, and those of an epoch, one for each round."""

    def __init__(self, context, arguments, attributes, n_rounds):
        super().__init__(context, arguments, attributes)
        self.n_subtasks = n_rounds

    def begin_round(self):
        """Call the hooks at the beginning of a round."""
        self.round = self.epoch.subcontext(task_name="round")
        self.round.call_on_fit_task_begin(**self.arguments)

    def end_round(self):
        """Call the hooks at the end of a round."""
        self.round.call_on_fit_task_end(**self.arguments, reconstruction_attributes=self.attributes)


@dataclass
class Rounds:
    """Training on all partitions in parallel, with ``sync_every`` steps in each round.

    All partitions start a round from the same state, and the states at the end are averaged.

    Attributes
    ----------
    network : Network
    optimizer : Optimizer
    tasks : RoundTasks
    compute : callable
        See DistributedFitting.compute.
    prepared : Prepared
        The training rows.
    starts : range
        The first batch of each round.
    sync_every : int
        Number of steps in a round.
    epoch : int
        Number of the epoch, which determines the order of the rows.
    step : int
        Number of steps, which determines the dropout masks.
    n_rows, largest_product : int
        See Steps.
    """

    network: Network
    optimizer: Optimizer
    tasks: RoundTasks
    compute: Callable
    prepared: Prepared
    starts: range
    sync_every: int
    epoch: int
    step: int
    n_rows: int

    # BLAS has one thread if partitions are trained on threads of this process: training a small
    # network on two partitions took 0.22 s with one thread of BLAS, and 5.8 s with two. Other
    # processes have their own limit.
    largest_product: ClassVar = 0

    def train_epoch(self):
        """Train one epoch, and return the loss averaged over its rows."""
        results = [self._round(first) for first in self.starts]
        self.epoch += 1
        results = [result for result in results if result is not None]
        if not results:
            check_rows_to_normalize_by(1)  # raises: no partition has two rows
        n_rows = [result.n_rows for result in results]
        return float(np.average([result.loss for result in results], weights=n_rows))

    def _round(self, first):
        """Train the batches from ``first`` to the next start; None if no partition could train."""
        self.tasks.begin_round()
        state, last = shared(self._state()), first + self.sync_every
        result = self.compute(train_round, average, self.prepared, state, self.epoch, first, last)
        if result is not None:
            self._take_over(result)
        self.tasks.end_round()
        return result

    def _state(self):
        network, optimizer = self.network, self.optimizer.on_host(self.network.device)
        return State(
            network=host_state(network),
            states=optimizer.states,
            schedule=optimizer.schedule,
            t=optimizer.t,
            step=self.step,
        )

    def _take_over(self, result):
        """Set the network and the optimizer to the average."""
        before = self.network.state()[1]
        xp = self.network.device.xp
        for table, previous in zip(result.runnings, before, strict=True):
            table[COUNT] += self.network.device.to_host(previous)[COUNT]
        runnings = [xp.array(table) for table in result.runnings]
        self.network.restore((xp.asarray(result.params), runnings))
        self.optimizer.states = [xp.array(array) for array in result.states]
        self.optimizer.t += result.n_steps
        self.step += result.n_steps


def host_state(network):
    """The state of a network, in host memory."""
    params, runnings = network.state()
    return network.device.to_host(params), [network.device.to_host(table) for table in runnings]


class DistributedFitting(Fitting):
    """Training of an estimator on the partitions of collections.

    Parameters
    ----------
    estimator, targets, first_pass, incremental, dtype, random_state
        See Fitting.
    prepared : Prepared
        The training rows, and those that early stopping holds out.
    validation_data : Prepared, tuple of (X, targets, weight) or None
        The validation rows of the user, from a collection or in memory.
    """

    def __init__(
        self,
        estimator,
        targets,
        first_pass,
        incremental,
        dtype,
        random_state,
        prepared,
        validation_data,
    ):
        super().__init__(estimator, targets, first_pass, incremental, dtype, random_state)
        self.prepared, self.is_weighted = prepared, prepared.is_weighted
        self._check_two_rows()
        self.n_rows = sum(prepared.n_rows)
        self.batch_size = self._batch_size(self.n_rows)
        self.n_batches = max(map(self._n_batches_of, prepared.n_rows))
        self.max_iter = self._max_iter(self.n_rows)
        self.sync_every = self._sync_every(estimator.sync_every)
        self.starts = range(0, self.n_batches, self.sync_every)
        self.config = self._make_config()
        if validation_data is None and self.stops_early:
            validation_data = prepared
        self.validate = None if validation_data is None else self._validation_by(validation_data)
        self._begin_history(validation_data is not None)

    def _check_two_rows(self):
        if self.network.batch_norms and not self._knows_statistics():
            check_rows_to_normalize_by(max(self.prepared.n_rows))

    def _batch_size(self, n):
        """The number of rows per batch in each partition, for n training rows of all partitions."""
        size = super()._batch_size(n)
        if self.estimator.batch_size != "scaled":
            return size
        return min(size, max(MIN_BATCH_ROWS, STEP_ROWS // len(self.prepared.rows)))

    def _sync_every(self, given):
        """The number of steps of a round."""
        if given != "auto" or len(self.prepared.rows) == 1:  # one group has nothing to average
            return self.n_batches if given in (None, "auto") else given
        n_averages = AVERAGES_OF_A_PASS if self.incremental else AVERAGES_OF_A_FIT
        n_steps = self.n_batches * (1 if self.incremental else self.max_iter)
        return min(max(n_steps // n_averages, 1), MAX_SYNC_EVERY)

    def _n_batches_of(self, n):
        return len(batch_bounds(self.network, n, min(self.batch_size, n))) if n else 0

    def _make_config(self):
        """The RoundConfig of all rounds, on the workers."""
        config = RoundConfig(
            estimator=for_workers(self.estimator),
            targets=self.targets,
            dtype=self.network.dtype,
            batch_size=self.batch_size,
            n_rows=self.n_rows,
            n_steps=None if self.incremental else self.max_iter * self.n_batches,
            seed=int(self.random_state.randint(2**31 - 1)),
            dropout_seed=self.seed,
        )
        return persisted(config)

    def compute(self, function, merge, prepared, *arguments):
        """Merge the results of function(config, rows, *arguments) of all partitions."""
        parts = [(self.config, rows, *arguments) for rows in prepared.rows]
        # Dask warns of graphs above 10 MB. This graph contains the state, which has to be sent.
        threshold = 10_000_000 + 4 * self.network.params.nbytes
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": threshold}):
            return merged(mapped(function, parts, prepared.places), merge).compute()

    def tasks_of(self, context, arguments):
        """The RoundTasks of a callback context."""
        return RoundTasks(context, arguments, self.attributes, len(self.starts))

    def run(self, tasks):
        """Train. The workers release the rows when nothing refers to them any more."""
        self.tasks = tasks
        try:
            super().run(tasks)
        finally:
            # Cycles of references, which would keep the rows until gc.collect().
            self.validate = self.tasks = None

    def _farthest_value(self):
        """A sentence on the value of X that may make training diverge, or an empty string."""
        return self.compute(farthest_in_rows, max, self.prepared)[1]

    def _steps(self):
        return Rounds(
            network=self.network,
            optimizer=self.optimizer,
            tasks=self.tasks,
            compute=self.compute,
            prepared=self.prepared,
            starts=self.starts,
            sync_every=self.sync_every,
            epoch=self.history.t % 2**31,  # a later call has another order
            step=self.step,
            n_rows=self.n_rows,
        )

    def _set_population_moments(self):
        for i, layer in enumerate(self.network.batch_norms):
            state = shared(host_state(self.network))
            moments = self.compute(moments_of_layer, moments_of_partitions, self.prepared, state, i)
            layer.running = self.device.xp.array(moments.table)

    def _validation_by(self, validation_data):
        """A function that returns score and loss of a network on the validation rows."""
        if isinstance(validation_data, tuple):
            return self._validation(*validation_data)
        merge = self.targets.merged_scores

        def validate(network):
            total = self.compute(validate_rows, merge, validation_data, shared(host_state(network)))
            return self.targets.score_of_parts(total.score), float(total.loss)

        return validate
