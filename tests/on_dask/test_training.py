"""Training over partitions, beside a local fit of the same rows."""

import gc
import pickle
import sys
import weakref

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from helpers import pairwise
from on_dask.models import ONE_STEP, PAIRS, SMALL, N, assert_same_model, problem
from on_dask.parts import KINDS, SIZES, collection, in_parts, unknown
from scipy import sparse
from sklearn.callback import ScoringMonitor
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score, log_loss, r2_score

import skbn
from skbn.dask import BatchNormMLPClassifier, BatchNormMLPRegressor, _trainer
from skbn.dask._workers import PartitionRows, PartitionScore


@pytest.mark.parametrize(*pairwise(name=list(PAIRS), is_weighted=[False, True], kind=KINDS))
def test_a_step_a_round_is_gradient_descent_on_all_partitions(name, is_weighted, kind):
    X, y = problem(name)
    weight = np.random.default_rng(0).integers(1, 4, N).astype(float) if is_weighted else None
    Ours, Local = PAIRS[name]
    parameters = ONE_STEP if name == "classifier" else {**ONE_STEP, "learning_rate_init": 0.01}
    parameters = {**parameters, "batch_norm": False, "batch_size": N}
    sizes, alpha = SIZES["unequal"], parameters.pop("alpha")
    alpha = 0.0 if is_weighted else alpha  # divided by the weights of a batch
    of_rows = (None if a is None else collection(a, sizes, kind) for a in (X, y, weight))
    ours = Ours(**parameters, alpha=alpha, sync_every=1).fit(*of_rows)
    local = Local(**parameters, alpha=alpha).fit(X, y, weight)
    assert_same_model(ours, local)
    rows = collection(X, sizes, kind)
    np.testing.assert_allclose(ours.predict(rows).compute(), local.predict(X))


@pytest.mark.parametrize("name", PAIRS)
def test_partitions_are_the_ghost_batches_of_a_local_fit(name):
    X, y = problem(name)
    Ours, Local = PAIRS[name]
    ours = Ours(**ONE_STEP, batch_size=50, sync_every=1)
    ours.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    local = Local(**ONE_STEP, batch_size=N, virtual_batch_size=50).fit(X, y)
    assert_same_model(ours, local)


@pytest.mark.parametrize(
    *pairwise(
        name=list(PAIRS),
        solver=["sgd", "adam", "adamw"],
        schedule=["constant", "cosine", "invscaling", "adaptive"],
    )
)
def test_one_partition_in_order_is_a_local_fit(name, solver, schedule):
    X, y = problem(name)
    Ours, Local = PAIRS[name]
    parameters = {**SMALL, "solver": solver, "learning_rate": schedule, "shuffle": False}
    parameters |= {"learning_rate_init": 0.002, "batch_size": 32, "dtype": "float64"}
    ours = Ours(**parameters, sync_every=3).fit(in_parts(X, [N]), in_parts(y, [N]))
    assert_same_model(ours, Local(**parameters).fit(X, y), rtol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_training_learns_whatever_the_sizes_of_partitions(name, sizes):
    X, y = problem(name)
    rate = {"learning_rate_init": 0.02, "max_iter": 25}
    model = PAIRS[name][0](hidden_layer_sizes=(16,), **rate, sync_every=1, random_state=0)
    model.fit(in_parts(X, sizes), in_parts(y, sizes))
    assert model.score(X, y) > 0.7
    assert model.score(in_parts(X, sizes), in_parts(y, sizes)) == pytest.approx(model.score(X, y))
    assert model.t_ == 25 * N


@pytest.mark.parametrize("name", PAIRS)
def test_the_statistics_of_layers_are_exact_at_the_end(name):
    X, y = problem(name)
    model = PAIRS[name][0](**SMALL, dtype="float64")
    model.fit(in_parts(X, SIZES["unequal"]), in_parts(y, SIZES["unequal"]))
    exact = model.to_local().recalibrate(X)
    for a, b in zip(model.batch_norms_, exact.batch_norms_, strict=True):
        np.testing.assert_allclose(a.mean_, b.mean_, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(a.var_, b.var_, rtol=1e-9)
        assert a.n_samples_seen_ == N


@pytest.mark.filterwarnings("ignore:The partitions of X differ")
def test_labels_are_those_of_all_partitions():
    X, y = problem("classifier")
    order = np.argsort(y, kind="stable")
    names, rows = np.array(["blue", "green", "red"]), in_parts(X[order], SIZES["many"])
    of_names, of_numbers = (
        BatchNormMLPClassifier(**SMALL).fit(rows, in_parts(labels, SIZES["many"]))
        for labels in (names[y[order]], y[order])
    )
    assert list(of_names.classes_) == ["blue", "green", "red"]
    predicted = of_names.predict(in_parts(X, SIZES["one"])).compute()
    np.testing.assert_array_equal(predicted, names[of_numbers.predict(X)])


@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_labels_of_a_frame_may_be_text(dtype):
    X, y = problem("classifier")
    names = pd.Series(np.array(["blue", "green", "red"])[y]).astype(dtype)
    rows = dd.from_pandas(pd.DataFrame(X, columns=list("abcdef")), npartitions=3)
    labels = dd.from_pandas(names, npartitions=3)
    model = BatchNormMLPClassifier(**SMALL).fit(rows, labels)
    assert list(model.classes_) == ["blue", "green", "red"]
    assert model.score(rows, labels) == accuracy_score(names, model.predict(rows.compute()))


def test_several_labels_a_row():
    X, y = make_multilabel_classification(N, 6, n_classes=3, random_state=0)
    parameters = {**ONE_STEP, "batch_norm": False, "batch_size": N, "class_weight": "balanced"}
    sizes = SIZES["unequal"]
    parameters["alpha"] = 0.0
    ours = BatchNormMLPClassifier(**parameters, sync_every=1)
    ours.fit(in_parts(X, sizes), in_parts(y, sizes))
    local = skbn.BatchNormMLPClassifier(**parameters).fit(X, y)
    assert_same_model(ours, local)


def test_a_score_that_is_not_finite_is_nan_for_all_partitions():
    model = BatchNormMLPRegressor(loss="poisson")
    targets = model._targets()
    logits = np.array([[1.0], [1e4]], dtype=np.float32)
    part = targets.score_part(np.ones((2, 1)), logits, np.ones(2))
    good = targets.score_part(np.ones((2, 1)), np.zeros((2, 1)), np.ones(2))
    parts = [pickle.loads(pickle.dumps(PartitionScore(2.0, score, 1.0))) for score in (part, good)]
    assert np.isnan(targets.score_of_parts(targets.merged_scores(parts).score))


def test_several_targets():
    X, y = problem("regressor")
    y = np.column_stack([y, -2 * y + 1])
    model = BatchNormMLPRegressor(**ONE_STEP, batch_size=50, sync_every=1)
    model.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    local = skbn.BatchNormMLPRegressor(**ONE_STEP, batch_size=N, virtual_batch_size=50).fit(X, y)
    assert_same_model(model, local)
    assert model.predict(in_parts(X, SIZES["many"])).compute().shape == (N, 2)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("is_lazy", [True, False], ids=["collection", "array"])
def test_validation_rows_are_scored_after_each_pass(name, is_lazy):
    X, y = problem(name)
    X_val, y_val = X[:71] + 0.1, y[:71]
    sizes = (0, 30, 1, 40)
    validation_data = {"X_val": X_val, "y_val": y_val}
    if is_lazy:
        validation_data = {key: in_parts(value, sizes) for key, value in validation_data.items()}
    model = PAIRS[name][0](**SMALL, early_stopping=True)
    model.fit(in_parts(X, SIZES["unequal"]), in_parts(y, SIZES["unequal"]), **validation_data)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 8
    best = model.best_validation_score_
    assert best == max(model.validation_scores_)
    # Statistics are exact at the end, and those of the averages in training.
    assert model.score(X_val, y_val) == pytest.approx(best, abs=0.25)


@pytest.mark.parametrize("name", PAIRS)
def test_scores_and_losses_of_parts_are_those_of_all_rows(name):
    X, y = problem(name)
    scores = []
    for rows, targets in ((X, y), (in_parts(X, SIZES["many"]), in_parts(y, SIZES["many"]))):
        model = PAIRS[name][0](**SMALL)
        model.fit(
            in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]), X_val=rows, y_val=targets
        )
        scores.append([model.validation_scores_, model.validation_loss_curve_])
    np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-6)


LOSSES = sorted(BatchNormMLPRegressor._parameter_constraints["loss"][0].options)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_has_the_score_and_the_loss_of_all_rows(loss):
    X, counts = problem("classifier")
    in_memory = X, counts
    parts = in_parts(X, SIZES["many"]), in_parts(counts, SIZES["many"])
    curves = []
    for X_val, y_val in (in_memory, parts):
        model = BatchNormMLPRegressor(**SMALL, loss=loss).fit(*parts, X_val=X_val, y_val=y_val)
        curves.append([model.validation_scores_, model.validation_loss_curve_])
    np.testing.assert_allclose(*curves, rtol=1e-5, atol=1e-6)


def test_early_stopping_holds_out_rows_of_every_partition():
    X, y = problem("classifier")
    model = BatchNormMLPClassifier(**SMALL, early_stopping=True, validation_fraction=0.2)
    model.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    assert len(model.validation_scores_) == 8
    assert model.t_ == 8 * 0.8 * N
    assert model.batch_norms_[0].n_samples_seen_ == 0.8 * N


def test_validation_rows_are_needed():
    X, y = problem("classifier")
    nothing = in_parts(X[:0], (0, 0)), in_parts(y[:0], (0, 0))
    with pytest.raises(ValueError, match="X_val has no row"):
        BatchNormMLPClassifier(**SMALL).fit(
            in_parts(X, [N]), in_parts(y, [N]), X_val=nothing[0], y_val=nothing[1]
        )


def test_dask_knows_how_large_rows_are():
    X, y = problem("classifier")
    rows = PartitionRows(0, np.arange(N), np.arange(0), X, y)
    assert sys.getsizeof(rows) > X.nbytes
    stored = sparse.csr_array(X)
    rows = PartitionRows(0, np.arange(N), np.arange(0), stored, y)
    assert sys.getsizeof(rows) > stored.data.nbytes


def test_two_validation_rows_suffice():
    X, y = problem("classifier")
    rows, labels = in_parts(X[:40], (20, 20)), in_parts(y[:40], (20, 20))
    model = BatchNormMLPClassifier(**SMALL, early_stopping=True, validation_fraction=0.05)
    assert set(model.fit(rows, labels).validation_scores_) <= {0.0, 0.5, 1.0}


def test_the_score_of_constant_targets_is_0_unless_they_are_predicted_exactly():
    targets = BatchNormMLPRegressor()._targets()
    constant, weight = np.ones((4, 1)), np.ones(4)
    for error, score in ((0.0, 1.0), (0.1, 0.0)):
        part = targets.score_part(constant, constant + error, weight)
        assert targets.score_of_parts(part) == score


def test_early_stopping_ends_training():
    X, y = problem("classifier")
    # No epoch improves on the first one by so much.
    constant = {"learning_rate": "constant", "n_iter_no_change": 2, "max_iter": 100, "tol": 1.0}
    model = BatchNormMLPClassifier(**{**SMALL, **constant}, early_stopping=True)
    model.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    assert model.n_iter_ == 4


def test_targets_of_several_outputs_in_memory_go_with_a_collection():
    X, y = problem("regressor")
    rows, targets = in_parts(X, SIZES["unequal"]), np.column_stack([y, -y])
    in_memory, in_blocks = (
        BatchNormMLPRegressor(**SMALL).fit(rows, Y)
        for Y in (targets, in_parts(targets, SIZES["unequal"]))
    )
    np.testing.assert_array_equal(in_memory.coefs_[-1], in_blocks.coefs_[-1])


def test_rounds_are_tasks_of_callbacks():
    X, y = problem("classifier")
    monitor = ScoringMonitor(scoring="accuracy")
    parameters = {**SMALL, "max_iter": 2, "batch_size": 10, "sync_every": 2}
    model = BatchNormMLPClassifier(**parameters).set_callbacks(monitor)
    model.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    names = monitor.get_logs().data_as_pandas["task_name"].to_list()
    assert names.count("round") == 2 * 3  # 5 batches in each pass, 2 a round
    assert names.count("epoch") == 2


def test_partial_fit_is_one_pass_and_goes_on():
    X, y = problem("classifier")
    model = BatchNormMLPClassifier((16,), random_state=0, sync_every=1)
    for _ in range(20):
        for rows in np.array_split(np.arange(N), 2):
            parts = in_parts(X[rows], (30, 70)), in_parts(y[rows], (30, 70))
            model.partial_fit(*parts, classes=[0, 1, 2])
    assert model.t_ == 20 * N
    assert model.input_norm_.n_samples_seen_ == 20 * N
    assert model.score(X, y) > 0.6


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    X, y = problem("classifier")
    parts = in_parts(X, SIZES["unequal"]), in_parts(y, SIZES["unequal"])
    first, again, other = (
        BatchNormMLPClassifier(**{**SMALL, "random_state": seed}).fit(*parts) for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first.coefs_, again.coefs_, strict=True))
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])


def test_classes_and_weights_may_be_said_in_short():
    X, y = problem("classifier")
    parts = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
    one_weight = BatchNormMLPClassifier(**SMALL).fit(*parts, sample_weight=2.0)
    weights = BatchNormMLPClassifier(**SMALL).fit(*parts, sample_weight=np.full(N, 2.0))
    assert np.array_equal(one_weight.coefs_[0], weights.coefs_[0])
    stream = BatchNormMLPClassifier(**SMALL).partial_fit(*parts, classes=da.unique(parts[1]))
    assert list(stream.classes_) == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_score_takes_collections_of_all_kinds_together(kind):
    X, y = problem("classifier")
    weight = (np.abs(X[:, 0]) > 0.5).astype(int)
    rows = collection(X, SIZES["equal"], "frame")
    model = BatchNormMLPClassifier(**SMALL).fit(rows, collection(y, SIZES["equal"], "frame"))
    y_parts, weight_parts = (collection(a, SIZES["equal"], kind) for a in (y, weight))
    expected = accuracy_score(y, model.predict(rows).compute(), sample_weight=weight)
    assert model.score(rows, y_parts, sample_weight=weight_parts) == expected


def test_to_local_is_the_same_model_without_dask():
    X, y = problem("classifier")
    model = BatchNormMLPClassifier(**SMALL, sync_every=2).fit(in_parts(X, [N]), in_parts(y, [N]))
    local = model.to_local()
    assert type(local) is skbn.BatchNormMLPClassifier
    assert "sync_every" not in local.get_params()
    assert np.array_equal(local.predict_proba(X), model.predict_proba(X))
    local.partial_fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_a_local_model_predicts_collections_lazily(method, kind):
    X, y = problem("classifier")
    model = skbn.BatchNormMLPClassifier(**SMALL)
    model.fit(collection(X, [N], "frame").compute() if kind == "frame" else X, y)
    rows = collection(X, SIZES["empty and single"], kind)
    result = getattr(model, method)(rows)
    assert isinstance(result, da.Array)
    expected = getattr(model, method)(rows.compute())
    np.testing.assert_allclose(result.compute(), expected, rtol=1e-4, atol=1e-5)


def test_an_error_names_the_partition_and_loses_nothing():
    X, y = problem("classifier")
    parts = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
    model = BatchNormMLPClassifier(**SMALL).fit(*parts)
    before = model.predict_proba(X)
    X[170, 0] = np.inf
    with pytest.raises(ValueError, match="partition 3: Input X contains infinity"):
        model.fit(in_parts(X, SIZES["equal"]), parts[1])
    others = unknown(in_parts(y, (50, 40, 60, 50)))
    with pytest.raises(ValueError, match=r"partition [12]: .*X has 50 rows, and y [46]0"):
        model.fit(unknown(parts[0]), others)
    X[170, 0] = 0.0
    assert np.array_equal(model.predict_proba(X)[:170], before[:170])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"solver": "lbfgs"}, "one batch"), ({"sync_every": 0}, "sync_every")],
)
def test_what_rounds_cannot_do_is_refused(parameters, message):
    X, y = problem("classifier")
    with pytest.raises(ValueError, match=message):
        BatchNormMLPClassifier(**parameters).fit(in_parts(X, [N]), in_parts(y, [N]))


def test_partitions_of_one_row_alone_have_nothing_to_normalize_by():
    X, y = problem("classifier")
    with pytest.raises(ValueError, match="2 rows"):
        BatchNormMLPClassifier(**SMALL).fit(in_parts(X, [1] * N), in_parts(y, [1] * N))


def test_what_is_no_collection_is_taken_as_by_the_local_one():
    X, y = problem("classifier")
    ours, local = BatchNormMLPClassifier(**SMALL), skbn.BatchNormMLPClassifier(**SMALL)
    assert_same_model(ours.fit(X, y), local.fit(X, y), rtol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_score_takes_collections_and_weights(name):
    X, y = problem(name)
    weight = np.random.default_rng(0).random(N)
    model = PAIRS[name][0](**SMALL).fit(in_parts(X, [N]), in_parts(y, [N]))
    metric = accuracy_score if name == "classifier" else r2_score
    parts = (in_parts(array, SIZES["unequal"]) for array in (X, y, weight))
    assert model.score(*parts) == pytest.approx(metric(y, model.predict(X), sample_weight=weight))


def test_probabilities_are_those_of_a_good_model():
    X, y = problem("classifier")
    model = BatchNormMLPClassifier((32,), max_iter=40, sync_every=2, random_state=0)
    model.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    assert log_loss(y, model.predict_proba(X)) < 0.7


ROWS = np.random.default_rng(0).normal(size=(400, 4))
TARGETS = ROWS[:, 0] + ROWS[:, 1] ** 2


def far(value):
    X_val = ROWS[:40].copy()
    X_val[0, 0] = value
    return X_val, TARGETS[:40]


def with_validation(X_val, y_val, **params):
    """A model of the rows in four partitions, with validation rows in others."""
    params = {"hidden_layer_sizes": 32, "max_iter": 20, "random_state": 0} | params
    model = BatchNormMLPRegressor(early_stopping=True, **params)
    parts = (da.from_array(values, chunks=100) for values in (ROWS, TARGETS))
    X_val, y_val = (da.from_array(values, chunks=20) for values in (X_val, y_val))
    return model.fit(*parts, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize("clip_inputs", [True, False])
@pytest.mark.parametrize("value", [1e20, 1e39])
def test_a_far_validation_row_leaves_a_trained_network(value, clip_inputs):
    model = with_validation(*far(value), clip_inputs=clip_inputs)
    assert r2_score(TARGETS, model.to_local().predict(ROWS)) > 0.5


SILENT = {"one row": (1, 0.0, np.nan), "constant targets": (40, 0.3, 0.0)}


@pytest.mark.parametrize("name", SILENT)
def test_the_validation_loss_decides_where_the_score_is_not_defined(name):
    n, target, score = SILENT[name]
    y_val = np.full(n, target)
    model = with_validation(ROWS[:n], y_val, batch_norm=False, dtype="float64", tol=0.0)
    np.testing.assert_array_equal(model.validation_scores_, np.full(20, score))
    error = (model.to_local().predict(ROWS[:n]) - y_val) / model.target_norm_.scale_
    np.testing.assert_allclose(0.5 * np.mean(error**2), min(model.validation_loss_curve_))


def test_the_local_estimator_has_a_loss_curve_of_its_own():
    X, y = (da.from_array(values, chunks=100) for values in (ROWS, TARGETS))
    model = BatchNormMLPRegressor(hidden_layer_sizes=4, random_state=0).partial_fit(X, y)
    local = model.to_local()
    local.partial_fit(ROWS, TARGETS)
    assert (len(model.loss_curve_), len(local.loss_curve_)) == (1, 2)


def test_an_array_cut_elsewhere_into_as_many_blocks_meets_the_rows_of_a_frame():
    frame = dd.from_pandas(pd.DataFrame(ROWS[:300]), npartitions=2)  # 150 rows each
    y = da.from_array(TARGETS[:300], chunks=((200, 100),))
    params = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    model = BatchNormMLPRegressor(**params).fit(frame, y)
    expected = BatchNormMLPRegressor(**params).fit(frame, y.rechunk(150))
    np.testing.assert_array_equal(model.predict(ROWS), expected.predict(ROWS))


def test_a_sparse_y_in_memory_is_named():
    y = sparse.csr_array((TARGETS > 0)[:, None])
    with pytest.raises(TypeError, match=r"y is a sparse matrix in memory.*y\.toarray"):
        BatchNormMLPRegressor().fit(da.from_array(ROWS, chunks=100), y)


def test_nothing_refers_to_the_rows_after_a_fit(monkeypatch):
    X, y = problem("classifier")
    fittings, run = [], _trainer.DistributedFitting.run

    def remembered(self, tasks):
        fittings.append(weakref.ref(self))
        run(self, tasks)

    monkeypatch.setattr(_trainer.DistributedFitting, "run", remembered)
    gc.collect()
    gc.disable()
    try:
        BatchNormMLPClassifier(**SMALL).fit(
            in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
        )
        assert fittings[0]() is None
    finally:
        gc.enable()
