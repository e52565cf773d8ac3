"""The rounds of local SGD (Stich 2019, arXiv:1805.09767), several of them in one graph."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import dask
import numpy as np
from dask.delayed import Delayed

from .._estimators.state import check_rows_to_normalize_by
from .._model import Network
from .._model.optimizers import Optimizer
from .._training import EpochTasks
from ._averages import average
from ._preparing import Prepared
from ._tasks import in_groups, key_of, mapped, shared
from ._workers import Progress, State, after_round, train_round

# Number of tasks of training that one graph has at most. Rounds of one graph follow each other on
# the workers. On a cluster of this machine (2 workers, 8 partitions, 3 layers of 192 units) workers
# wait 25 ms for a round that the client starts, and 5 ms for another one. If a worker is lost, all
# rounds of a graph may have to run again.
TASKS_OF_A_GRAPH = 256


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
    value_of : callable
        See DistributedFitting.value_of.
    config : Delayed
        The RoundConfig.
    prepared : Prepared
        The training rows.
    starts : range
        The first batch of each round.
    sync_every : int
        Number of steps in a round.
    has_callbacks : bool
        Whether hooks are to be called at the beginning and at the end of each round.
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
    value_of: Callable
    config: Delayed
    prepared: Prepared
    starts: range
    sync_every: int
    has_callbacks: bool
    epoch: int
    step: int
    n_rows: int

    # BLAS has one thread if partitions are trained on threads of this process: training a small
    # network on two partitions took 0.22 s with one thread of BLAS, and 5.8 s with two. Other
    # processes have their own limit.
    largest_product: ClassVar = 0

    def train_epoch(self):
        """Train one epoch, and return the loss averaged over its rows."""
        n_rounds = max(1, TASKS_OF_A_GRAPH // len(self.prepared.rows))
        if self.has_callbacks:
            results = sum((self._observed(first) for first in self.starts), ())
        else:
            cuts = range(0, len(self.starts), n_rounds)
            results = sum((self._train(self.starts[i : i + n_rounds]) for i in cuts), ())
        self.epoch += 1
        if not results:
            check_rows_to_normalize_by(1)  # raises: no partition has two rows
        losses, n_rows = zip(*results, strict=True)
        return float(np.average(losses, weights=n_rows))

    def _observed(self, first):
        """Train one round between its hooks."""
        self.tasks.begin_round()
        result = self._train([first])
        self.tasks.end_round()
        return result

    def _train(self, starts):
        """Train rounds in one graph; return loss and rows of those in which a partition trained."""
        progress, graph, trained = shared(Progress(self._state())), {}, []
        for first in starts:
            graph |= dict(progress.dask)
            # Without the graph: Dask would copy the graph of all previous rounds for each task.
            start = Delayed(progress.key, {})
            results = self._results(start, first)
            trained += results
            progress = dask.delayed(after_round)(
                start, in_groups(results, average), dask_key_name=key_of("average", first)
            )
        graph |= dict(progress.dask)
        places = self.prepared.places * len(starts)
        progress = self.value_of(Delayed(progress.key, graph), trained, places)
        self._take_over(progress.state)
        return progress.results

    def _results(self, start, first):
        """The Delayed results of a round of all partitions, which begins with a Progress."""
        arguments = self.epoch, first, first + self.sync_every
        parts = [(self.config, rows, start, *arguments) for rows in self.prepared.rows]
        return mapped(train_round, parts, self.prepared.places)

    def _state(self):
        network, optimizer = self.network, self.optimizer.on_host(self.network.device)
        return State(
            network=host_state(network),
            states=optimizer.states,
            schedule=optimizer.schedule,
            t=optimizer.t,
            step=self.step,
        )

    def _take_over(self, state):
        """Set the network and the optimizer to the average."""
        xp = self.network.device.xp
        params, runnings = state.network
        self.network.restore((xp.asarray(params), [xp.array(table) for table in runnings]))
        self.optimizer.states = [xp.array(array) for array in state.states]
        self.optimizer.t, self.step = state.t, state.step


def host_state(network):
    """The state of a network, in host memory."""
    params, runnings = network.state()
    return network.device.to_host(params), [network.device.to_host(table) for table in runnings]
