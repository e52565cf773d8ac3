"""Computing collections, with clear errors if workers, the scheduler or the client are lost."""

from contextlib import contextmanager
from time import monotonic
from weakref import WeakSet

import dask
from dask.base import get_scheduler
from dask.utils import parse_timedelta
from distributed import Client, KilledWorker, get_worker, wait

# Seconds between two checks that a worker of the cluster can run tasks.
CHECK_SECONDS = 1.0

# How long a cluster that had workers may be without one that runs tasks. A nanny starts a worker
# again in about 3 s. Dask's setting for this replaces it.
TIMEOUT = "2 minutes"
TIMEOUT_SETTING = "distributed.scheduler.no-workers-timeout"

REMEDY = (
    "Use smaller partitions, workers with more memory (memory_limit), or fewer threads for each "
    "worker. The logs of the workers say why they stopped."
)


def compute(*collections):
    """The values of collections, as of ``dask.compute``."""
    with explaining_lost_cluster():
        client = _client()
        is_local = client is None or _is_in_task()
        if is_local or not all(map(dask.is_dask_collection, collections)):
            return dask.compute(*collections)
        return _computed(client, collections)


def _computed(client, collections):
    watch, futures = ClusterWatch(client), client.compute(list(collections))
    try:
        for future in futures:
            watch.wait_for(future)
        return tuple(client.gather(futures))
    finally:  # the traceback of an error would keep the futures, and the tasks on the workers
        for future in futures:
            future.release()


def persist(*collections):
    """The collections, computed where they stay, as of ``dask.persist``."""
    with explaining_lost_cluster():
        return dask.persist(*collections)


def _client():
    """The client that computes collections, or None without a cluster."""
    client = getattr(get_scheduler(), "__self__", None)
    return client if isinstance(client, Client) else None


def _is_in_task():
    """Whether this thread runs a task of a worker, which Client.get takes into account."""
    try:
        get_worker()
    except ValueError:
        return False
    return True


class ClusterLostError(RuntimeError):
    """Raised if workers, the scheduler or the client were lost while a method ran."""


@contextmanager
def explaining_lost_cluster():
    """Raise a ClusterLostError that says what happened if the client or its workers are lost.

    Without their client, rows that are persisted on a cluster have no values any more, and the
    errors of Dask differ with the moment of the loss.
    """
    client = _client()
    try:
        yield
    except ClusterLostError:
        raise
    except KilledWorker as error:
        raise ClusterLostError(
            f"{error.allowed_failures + 1} workers died while they ran the same task, probably "
            f"because their memory was full. {REMEDY}"
        ) from error
    except Exception as error:
        if client is None or client.status == "running":
            raise
        raise ClusterLostError(
            "The client of Dask was closed, or has lost its scheduler, before the result was "
            "computed. Connect a new Client, and call the method again."
        ) from error


# The clients whose cluster is known to have had a worker.
_had_workers = WeakSet()


class ClusterWatch:
    """Waits for futures as long as the cluster may still compute them.

    A cluster that has had no workers yet may get some at any time.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client):
        self.client, self.last_seen = client, monotonic()
        if client not in _had_workers:
            self._workers()

    def wait_for(self, future):
        """Wait until the future is finished. Raise if no worker has run tasks for too long."""
        while not future.done():
            try:
                wait(future, timeout=CHECK_SECONDS)
            except TimeoutError:
                self._check()

    def _workers(self):
        workers = self.client.scheduler_info(n_workers=-1).get("workers", {}).values()
        if workers:
            _had_workers.add(self.client)
        return workers

    def _check(self):
        workers = self._workers()
        if self.client not in _had_workers or any(map(_may_run, workers)):
            self.last_seen = monotonic()
            return
        limit = parse_timedelta(dask.config.get(TIMEOUT_SETTING, None) or TIMEOUT)
        if monotonic() - self.last_seen > limit:
            states = ", ".join(sorted(worker["status"] for worker in workers))
            state = f"Workers run no tasks ({states})" if workers else "No worker is left"
            raise ClusterLostError(
                f"{state}, and none has run a task for {limit:.0f} s, probably because their "
                f"memory was full. {REMEDY} To wait longer, set Dask's {TIMEOUT_SETTING}."
            )


def _may_run(worker):
    """Whether a worker takes tasks, or has one that it may finish."""
    counts = worker.get("metrics", {}).get("task_counts", {})
    return worker["status"] == "running" or bool(counts.get("executing"))
