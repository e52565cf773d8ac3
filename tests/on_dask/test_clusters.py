"""Clusters of processes: the same bits on any number of workers, and with one of them killed."""

import os
import signal
import threading
import warnings

import joblib
import numpy as np
import pytest
from distributed import Client
from on_dask.conftest import started
from on_dask.parts import SIZES, frame, in_parts
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

import skbn
from skbn.dask import BatchNormalizer, BatchNormMLPClassifier

SMALL = {"hidden_layer_sizes": (64, 64), "random_state": 0, "sync_every": 4}


def problem(n=200):
    return make_classification(n, 6, n_informative=4, n_classes=3, random_state=0)


def learned():
    """The bits of what is learned of partitions of unequal sizes."""
    X, y = problem()
    weight = np.random.default_rng(0).random(len(X))
    parts = [in_parts(array, SIZES["many"]) for array in (X, y, weight)]
    normalizer = BatchNormalizer().fit(parts[0], sample_weight=parts[2])
    model = BatchNormMLPClassifier(**SMALL, max_iter=3, batch_size=4).fit(*parts)
    arrays = normalizer.mean_, normalizer.var_, *model.coefs_, model.batch_norms_[1].var_
    return [array.tobytes() for array in arrays]


def test_bits_are_the_same_on_any_number_of_workers():
    bits = [learned()]  # in threads
    with started(1) as cluster, Client(cluster) as client:
        for n_workers in (1, 2, 3):
            cluster.scale(n_workers)
            client.wait_for_workers(n_workers)
            bits.append(learned())
    assert all(other == bits[0] for other in bits)


class KillsAWorker:
    """A callback that kills the process of a worker while it computes a round."""

    def __init__(self, client):
        self.pids = iter(client.run(os.getpid).values())
        self.n_rounds, self.killed_in = 0, []

    def setup(self, estimator, context):
        """Nothing to set up."""

    def teardown(self, estimator, context):
        """Nothing to tear down."""

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "round":
            self.n_rounds += 1
            if self.n_rounds == 2:
                threading.Timer(0.1, self.kill).start()

    def kill(self):
        os.kill(next(self.pids), signal.SIGKILL)
        self.killed_in.append(self.n_rounds)

    def on_fit_task_end(self, estimator, context):
        return False


def test_a_worker_killed_in_a_round_changes_no_bit():
    X, y = problem(n=40_000)
    parts = in_parts(X, [10_000] * 4), in_parts(y, [10_000] * 4)
    # A round takes each worker some 0.5 s.
    parameters = {"hidden_layer_sizes": (256, 256), "max_iter": 2, "batch_size": 32}
    parameters |= {"random_state": 0, "sync_every": 160}
    undisturbed = BatchNormMLPClassifier(**parameters).fit(*parts)
    with started(2) as cluster, Client(cluster) as client:
        killer = KillsAWorker(client)
        disturbed = BatchNormMLPClassifier(**parameters).set_callbacks(killer).fit(*parts)
    assert killer.n_rounds == 4
    assert killer.killed_in == [2]
    for ours, theirs in zip(disturbed.coefs_, undisturbed.coefs_, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert disturbed.loss_curve_ == undisturbed.loss_curve_


def test_an_error_of_a_worker_reaches_the_user(client):
    X, y = problem()
    X[130, 1] = np.inf
    with client.as_current(), pytest.raises(ValueError, match="partition 2: Input X contains inf"):
        BatchNormMLPClassifier(**SMALL).fit(
            in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
        )


def test_frames_are_learned_from_and_predicted(client):
    X, y = problem()
    rows, labels = frame(X, SIZES["unequal"]), frame(y, SIZES["unequal"])
    with client.as_current():
        model = BatchNormMLPClassifier(**SMALL, max_iter=20).fit(rows, labels)
        predicted = model.predict(rows).compute()
        normalized = BatchNormalizer().fit(rows).transform(rows).compute()
    assert (predicted == model.predict(rows.compute())).all()
    np.testing.assert_allclose(normalized, skbn.BatchNormalizer().fit_transform(X))


def test_a_grid_of_local_estimators_runs_on_the_cluster(client):
    X, y = problem()
    model = skbn.BatchNormMLPClassifier((16,), max_iter=5, random_state=0)
    search = GridSearchCV(model, {"dropout": [0.0, 0.5]}, cv=2)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    with client.as_current(), joblib.parallel_backend("dask"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of joblib and distributed
        scores = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, expected)


def fed(model, X, y):
    """What a task of dask-ml's ``Incremental`` does: the model goes from block to block."""
    return model.partial_fit(X, y, classes=[0, 1, 2])


def test_blocks_may_be_fed_to_a_local_estimator_one_by_one(client):
    X, y = problem()
    local = skbn.BatchNormMLPClassifier((16,), random_state=0)
    task = local
    for X_part, y_part in zip(np.split(X, 4), np.split(y, 4), strict=True):
        task = client.submit(fed, task, X_part, y_part, pure=False)
    expected = skbn.BatchNormMLPClassifier((16,), random_state=0)
    for X_part, y_part in zip(np.split(X, 4), np.split(y, 4), strict=True):
        fed(expected, X_part, y_part)
    for ours, theirs in zip(task.result().coefs_, expected.coefs_, strict=True):
        assert np.array_equal(ours, theirs)
