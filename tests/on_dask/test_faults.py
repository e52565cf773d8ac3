"""Clusters of processes that lose workers, memory, their scheduler or their client in a fit."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, WorkerPlugin
from on_dask.conftest import started
from on_dask.parts import SIZES, in_parts
from sklearn.datasets import make_classification

from skbn.dask import BatchNormalizer, BatchNormMLPClassifier, _cluster

X, y = make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)
PARTS = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
PARAMETERS = {"hidden_layer_sizes": (32, 32), "random_state": 0, "numeric_encoding": None}
PARAMETERS |= {"sync_every": 1, "max_iter": 4, "batch_size": 10}


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)], model.loss_curve_


class InRound:
    """A callback that calls functions at the beginning of rounds, by their numbers."""

    def __init__(self, calls):
        self.calls, self.n_rounds = calls, 0

    def setup(self, estimator, context):
        """Nothing to set up."""

    def teardown(self, estimator, context):
        """Nothing to tear down."""

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "round":
            self.n_rounds += 1
            self.calls.get(self.n_rounds, lambda: None)()

    def on_fit_task_end(self, estimator, context):
        return False


def fitted(calls=None):
    model = BatchNormMLPClassifier(**PARAMETERS)
    if calls:
        model.set_callbacks(InRound(calls))
    return model.fit(*PARTS)


@pytest.fixture
def undisturbed():
    """What a fit learns without a cluster."""
    with dask.config.set(scheduler="threads"):
        return bits(fitted())


def kill(client, choose=lambda held: [max(held)]):
    """Kill the worker that holds most results, or others."""
    held = client.run(lambda dask_worker: (len(dask_worker.data), os.getpid())).values()
    for n, pid in choose(held):
        assert n > 0
        os.kill(pid, signal.SIGKILL)


@pytest.mark.reliability
@pytest.mark.slow
@pytest.mark.parametrize("choose", [lambda held: [max(held)], list], ids=["one worker", "all"])
def test_workers_killed_while_they_hold_rows_change_no_bit(undisturbed, choose):
    with started(2) as cluster, Client(cluster) as client:
        assert bits(fitted({3: partial(kill, client, choose)})) == undisturbed


class DiesInTasks(WorkerPlugin):
    """Kills the process of a worker in the fifth task of training that it begins.

    Parameters
    ----------
    folder : Path
        Where each process makes a file before it dies, so that ``n_deaths`` of them do.
    """

    name = "dies in tasks"

    def __init__(self, folder, n_deaths):
        self.folder, self.n_deaths, self.n_tasks = folder, n_deaths, 0

    def transition(self, key, start, finish, **options):
        if finish != "executing" or "skbn-train-round" not in str(key):
            return
        self.n_tasks += 1
        if self.n_tasks >= 5 and len(list(self.folder.iterdir())) < self.n_deaths:
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.reliability
@pytest.mark.slow
def test_workers_killed_in_rounds_of_one_graph_change_no_bit(undisturbed, tmp_path):
    with started(2) as cluster, Client(cluster) as client:
        client.register_plugin(DiesInTasks(tmp_path, n_deaths=2))
        assert bits(fitted()) == undisturbed
    assert len(list(tmp_path.iterdir())) >= 2


@pytest.mark.reliability
@pytest.mark.slow
def test_workers_that_come_and_go_in_a_fit_change_no_bit(undisturbed):
    with started(1) as cluster, Client(cluster) as client:

        def retire():
            client.retire_workers(list(client.scheduler_info(n_workers=-1)["workers"])[:2])

        def add():
            cluster.scale(3)
            client.wait_for_workers(3)

        assert bits(fitted({2: add, 6: retire})) == undisturbed
        assert len(client.scheduler_info(n_workers=-1)["workers"]) < 3


def large_block(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 50))


def large_rows():
    """Rows of which one partition has 400 MB."""
    blocks = [dask.delayed(large_block)(n, n) for n in (100, 1_000_000)]
    rows = [
        da.from_delayed(b, (n, 50), float) for b, n in zip(blocks, (100, 1_000_000), strict=True)
    ]
    return da.concatenate(rows)


FITS = {
    "normalizer": lambda rows: BatchNormalizer().fit(rows),
    "mlp": lambda rows: BatchNormMLPClassifier(**PARAMETERS).fit(rows, rows[:, 0] > 0),
}


@pytest.mark.reliability
@pytest.mark.slow
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_a_partition_that_does_not_fit_into_memory_raises_a_clear_error(fit):
    # A worker alone has some 200 MB.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        started(1, memory_limit="400MB") as cluster,
        Client(cluster),
        pytest.raises(
            RuntimeError, match=r"In partition [01]: 2 workers died .*smaller partitions"
        ),
    ):
        fit(large_rows())


@pytest.mark.reliability
@pytest.mark.slow
def test_a_cluster_that_has_lost_all_workers_raises_a_clear_error(monkeypatch):
    monkeypatch.setattr(_cluster, "TIMEOUT", "1 s")
    with started(1) as cluster, Client(cluster) as client:

        def lose_all():
            cluster.scale(0)
            while client.scheduler_info(n_workers=-1)["workers"]:
                time.sleep(0.01)

        with pytest.raises(RuntimeError, match=r"No worker is left.*no-workers-timeout"):
            fitted({2: lose_all})


@pytest.mark.reliability
@pytest.mark.slow
def test_a_cluster_may_have_no_workers_at_the_beginning(monkeypatch, undisturbed):
    monkeypatch.setattr(_cluster, "TIMEOUT", "1 ms")
    with started(0) as cluster, Client(cluster):
        timer = threading.Timer(2.5, cluster.scale, [1])
        timer.start()
        assert bits(fitted()) == undisturbed
        timer.join()


LOST = "The client of Dask was closed, or has lost its scheduler"


def tasks(address):
    """The keys of the tasks that the scheduler has, also those of other tests."""
    with Client(address, set_as_default=False) as client:
        return client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.tasks))


@pytest.mark.parametrize("n_round", [1, 3])
def test_a_client_closed_by_another_thread_raises_a_clear_error_and_leaves_no_task(client, n_round):
    address = client.scheduler.address
    before, other = tasks(address), Client(address, set_as_default=False)
    threads = [threading.Thread(target=other.close)]
    with other.as_current(), pytest.raises(RuntimeError, match=LOST):
        fitted({n_round: threads[0].start})
    threads[0].join()
    for _ in range(100):  # the scheduler releases them after its reply to the client
        left = tasks(address) - before
        if not left:
            break
        time.sleep(0.1)
    assert not left


SCHEDULER = """
import asyncio
from distributed import Scheduler

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
        print(scheduler.address, flush=True)
        await scheduler.finished()

asyncio.run(main())
"""


@pytest.mark.reliability
@pytest.mark.slow
def test_a_scheduler_that_goes_away_raises_a_clear_error():
    with dask.config.set({"distributed.comm.timeouts.connect": "2s"}):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        with subprocess.Popen([sys.executable, "-c", SCHEDULER], **options) as scheduler:
            address = scheduler.stdout.readline().strip()
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", address]
            worker += ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1"]
            with subprocess.Popen(worker, **options), Client(address) as client:
                client.wait_for_workers(1)
                with pytest.raises(RuntimeError, match=LOST):
                    fitted({3: scheduler.kill})
