"""Training of an estimator on partitions, in rounds."""

import dask

from .._estimators.fitting import Fitting, batch_bounds
from .._estimators.state import check_rows_to_normalize_by
from ._averages import moments_of_partitions
from ._cluster import compute, explaining_lost_cluster
from ._errors import naming_partitions
from ._lazy import has_callbacks
from ._rounds import Rounds, RoundTasks, host_state
from ._tasks import mapped, merged, persisted, shared
from ._workers import (
    RoundConfig,
    farthest_in_rows,
    for_workers,
    moments_of_layer,
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

    def reduce(self, function, merge, prepared, *arguments):
        """Merge the results of function(config, rows, *arguments) of all partitions."""
        parts = [(self.config, rows, *arguments) for rows in prepared.rows]
        results = mapped(function, parts, prepared.places)
        return self.value_of(merged(results, merge), results, prepared.places)

    def value_of(self, total, results, places):
        """Compute a Delayed that depends on the results of the partitions at the places."""
        # Dask warns of graphs above 10 MB. This graph contains the state, which has to be sent.
        threshold = 10_000_000 + 4 * self.network.params.nbytes
        with (
            dask.config.set({"distributed.admin.large-graph-warning-threshold": threshold}),
            naming_partitions(results, places),
        ):
            return compute(total)[0]

    def tasks_of(self, context, arguments):
        """The RoundTasks of a callback context."""
        return RoundTasks(context, arguments, self.attributes, len(self.starts))

    def run(self, tasks):
        """Train. The workers release the rows when nothing refers to them any more."""
        self.tasks = tasks
        try:
            with explaining_lost_cluster():
                super().run(tasks)
        finally:
            # Cycles of references, which would keep the rows until gc.collect().
            self.validate = self.tasks = None

    def _farthest_value(self):
        """A sentence on the value of X that may make training diverge, or an empty string."""
        return self.reduce(farthest_in_rows, max, self.prepared)[1]

    def _steps(self):
        return Rounds(
            network=self.network,
            optimizer=self.optimizer,
            tasks=self.tasks,
            value_of=self.value_of,
            config=self.config,
            prepared=self.prepared,
            starts=self.starts,
            sync_every=self.sync_every,
            has_callbacks=has_callbacks(self.estimator),
            epoch=self.history.t % 2**31,  # a later call has another order
            step=self.step,
            n_rows=self.n_rows,
        )

    def _set_population_moments(self):
        for i, layer in enumerate(self.network.batch_norms):
            state = shared(host_state(self.network))
            moments = self.reduce(moments_of_layer, moments_of_partitions, self.prepared, state, i)
            layer.running = self.device.xp.array(moments.table)

    def _validation_by(self, validation_data):
        """A function that returns score and loss of a network on the validation rows."""
        if isinstance(validation_data, tuple):
            return self._validation(*validation_data)
        merge = self.targets.merged_scores

        def validate(network):
            total = self.reduce(validate_rows, merge, validation_data, shared(host_state(network)))
            return self.targets.score_of_parts(total.score), float(total.loss)

        return validate
