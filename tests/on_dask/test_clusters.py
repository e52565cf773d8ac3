"""Clusters of processes: the same bits on any number of workers, and with one of them killed."""

import os
import signal
import time
import warnings

import joblib
import numpy as np
import pytest
from distributed import WorkerPlugin
from on_dask.parts import SIZES, frame, in_parts
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

import skbn
from skbn.dask import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

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


def test_bits_are_the_same_on_any_number_of_workers(client):
    bits = [learned()]  # in threads
    with client.as_current():
        for n_workers in (2, 3, 1):
            scale(client, n_workers)
            bits.append(learned())
    scale(client, 2)
    assert all(other == bits[0] for other in bits)


def scale(client, n_workers):
    client.cluster.scale(n_workers)
    while len(client.scheduler_info(n_workers=-1)["workers"]) != n_workers:
        time.sleep(0.01)


class DiesInATask(WorkerPlugin):
    """Kills the process of the first worker that begins a task of training.

    Parameters
    ----------
    mark : Path
        A file that the process makes before it dies, so that it is the only one.
    """

    name = "dies in a task"

    def __init__(self, mark):
        self.mark = mark

    def transition(self, key, start, finish, **options):
        if finish == "executing" and "skbn-train-round" in str(key):
            try:
                self.mark.touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)


class BeginsToKill:
    """A callback that lets a worker of the client die in a task of the second round."""

    def __init__(self, client, mark):
        self.client, self.mark = client, mark
        self.n_rounds, self.killed_in = 0, None

    def setup(self, estimator, context):
        """Nothing to set up."""

    def teardown(self, estimator, context):
        """Nothing to tear down."""

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "round":
            self.n_rounds += 1
            if self.n_rounds == 2:
                self.client.register_plugin(DiesInATask(self.mark))

    def on_fit_task_end(self, estimator, context):
        if self.killed_in is None and self.mark.exists():
            self.killed_in = self.n_rounds
        return False


def test_a_worker_killed_in_a_round_changes_no_bit(client, tmp_path):
    X, y = problem()
    parts = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
    parameters = {**SMALL, "max_iter": 2, "batch_size": 10, "sync_every": 3}
    undisturbed = BatchNormMLPClassifier(**parameters).fit(*parts)
    killer = BeginsToKill(client, tmp_path / "killed")
    before = set(client.run(os.getpid).values())
    with client.as_current():
        disturbed = BatchNormMLPClassifier(**parameters).set_callbacks(killer).fit(*parts)
    client.wait_for_workers(2)
    client.unregister_worker_plugin(DiesInATask.name)
    assert len(before & set(client.run(os.getpid).values())) == 1
    assert killer.n_rounds == 4
    assert killer.killed_in == 2
    for ours, theirs in zip(disturbed.coefs_, undisturbed.coefs_, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert disturbed.loss_curve_ == undisturbed.loss_curve_


VALIDATED = {
    "accuracy": (BatchNormMLPClassifier, {}),
    "R²": (BatchNormMLPRegressor, {}),
    "R² of counts": (BatchNormMLPRegressor, {"loss": "poisson"}),
}


def validated(Model, parameters, validation_data):
    """What a fit with early stopping knows of its validation rows, and its first weights."""
    X, y = problem()
    weight = np.random.default_rng(0).random(len(X))
    names = ("X_val", "y_val", "sample_weight_val") if validation_data else ()
    rows = zip(names, (X + 0.1, y, weight), strict=False)
    options = {name: in_parts(array, (60, 0, 139, 1)) for name, array in rows}
    options["sample_weight"] = in_parts(weight, SIZES["unequal"])
    parameters = SMALL | {"early_stopping": True, "learning_rate": "constant"} | parameters
    model = Model(**parameters, max_iter=30, n_iter_no_change=2)
    model.fit(in_parts(X, SIZES["unequal"]), in_parts(y, SIZES["unequal"]), **options)
    curves = model.validation_scores_, model.validation_loss_curve_
    return curves, model.n_iter_, model.coefs_[0].tobytes()


@pytest.mark.parametrize(("Model", "parameters"), VALIDATED.values(), ids=VALIDATED)
@pytest.mark.parametrize(
    "validation_data", [True, False], ids=["X_val", "a share of each partition"]
)
def test_validation_stops_training_on_processes_as_on_threads(
    client, Model, parameters, validation_data
):
    on_threads = validated(Model, parameters, validation_data)
    with client.as_current():
        assert validated(Model, parameters, validation_data) == on_threads
    curves, n_epochs, _ = on_threads
    assert 2 < n_epochs < 30
    assert [len(curve) for curve in curves] == [n_epochs, n_epochs]


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


def test_frames_are_stacked_where_dask_dataframe_has_not_been_imported(run_python):
    run_python(
        """
        import sys
        import pandas as pd
        from skbn.dask._exchange import stacked

        assert "dask.dataframe" not in sys.modules
        table = pd.DataFrame({"a": [1, 2]})
        assert len(stacked([table, table])) == 4
        """
    )


@pytest.mark.parametrize("classes", [[0, 1, 2], np.arange(3)], ids=["list", "array"])
def test_a_stream_goes_on_without_classes_on_a_cluster(client, classes):
    X, y = (in_parts(array, SIZES["equal"]) for array in problem())
    with client.as_current():
        model = BatchNormMLPClassifier(**SMALL).partial_fit(X, y, classes=classes)
        assert model.partial_fit(X, y).t_ == 2 * len(X)
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            BatchNormMLPClassifier(**SMALL).partial_fit(X, y)
