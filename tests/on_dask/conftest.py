"""Clusters of processes on this machine, and Dask without a cluster."""

import os
import warnings
from contextlib import contextmanager
from unittest.mock import patch

import dask
import pytest
from distributed import Client, LocalCluster
from sklearn.exceptions import ConvergenceWarning

from skbn.dask import _grouping


@contextmanager
def started(n_workers, memory_limit=0):
    """A cluster that listens on the loopback alone."""
    # Any port: another cluster of this machine may have the usual one.
    address = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    options = {"threads_per_worker": 1, "memory_limit": memory_limit, **address}
    with patch.dict(os.environ):
        cluster = LocalCluster(n_workers=n_workers, **options)
    with cluster:
        yield cluster


@pytest.fixture(scope="session")
def client():
    """A client of a cluster of two workers; a test that changes the workers mends them."""
    with started(2) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(autouse=True)
def environment_stays():
    """A worker that starts leaves the threads that it is given in the environment of all."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True)
def in_threads():
    """Dask without a cluster, where a test does not ask for one."""
    with dask.config.set(scheduler="threads"):
        yield


@pytest.fixture(autouse=True)
def few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture(autouse=True)
def small_partitions_are_not_grouped(monkeypatch):
    """The partitions of most tests are small, and each of them is to train."""
    monkeypatch.setattr(_grouping, "MIN_ROWS", 1)
