"""Scores by partition, beside those of scikit-learn for all rows."""

import pickle

import dask
import numpy as np
import pytest
from on_dask.models import PAIRS, SMALL, N, problem
from on_dask.parts import KINDS, SIZES, collection, in_parts, unknown
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, r2_score

from skbn.dask import BatchNormMLPClassifier, BatchNormMLPRegressor, _scoring
from skbn.dask._scoring import R2, Accuracy

METRICS = {"classifier": accuracy_score, "regressor": r2_score}
# Names of columns make a model one of frames.
MODELS = {
    (name, kind): Ours(**SMALL).fit(*(collection(a, SIZES["equal"], kind) for a in problem(name)))
    for name, (Ours, _) in PAIRS.items()
    for kind in ("array", "frame")
}
WEIGHT = np.random.default_rng(0).exponential(size=N) * (np.arange(N) > 40)


@pytest.fixture
def moved(monkeypatch):
    """The results of the partitions that scores were computed from."""
    results, score = [], _scoring.score_rows

    def remembered(*arguments):
        results.append(score(*arguments))
        return results[-1]

    monkeypatch.setattr(_scoring, "score_rows", remembered)
    return results


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
def test_a_score_is_that_of_all_rows_and_moves_few_bytes(moved, name, kind, sizes, weight):
    X, y = problem(name)
    data = [None if a is None else collection(a, sizes, kind) for a in (X, y, weight)]
    model = MODELS[name, "frame" if kind == "frame" else "array"]
    predicted = model.predict(data[0]).compute()  # rounding depends on the rows of a block
    expected = METRICS[name](y, predicted, sample_weight=weight)
    assert model.score(*data) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert len(moved) == len(sizes)
    assert max(len(pickle.dumps(part)) for part in moved) <= 100


def test_one_row_in_a_partition_does_not_warn_and_a_single_row_has_no_r2():
    X, y = problem("regressor")
    parts = in_parts(X[:3], (1, 1, 1)), in_parts(y[:3], (1, 1, 1))
    predicted = MODELS["regressor", "array"].predict(parts[0]).compute()
    expected = r2_score(y[:3], predicted)
    assert MODELS["regressor", "array"].score(*parts) == pytest.approx(expected, rel=1e-12)
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        score = MODELS["regressor", "array"].score(in_parts(X[:1], (1,)), in_parts(y[:1], (1,)))
    assert np.isnan(score)


@pytest.mark.parametrize("far", [1e8, 0.0])
def test_values_far_from_zero_and_constant_ones_have_the_score_of_scikit_learn(far):
    rng = np.random.default_rng(0)
    y = far + (rng.normal(size=(N, 2)) if far else np.full((N, 2), 0.1))
    predicted, parts = y + rng.normal(scale=0.1, size=(N, 2)), np.array_split(np.arange(N), 7)
    for weight in (None, WEIGHT):
        score = R2.merged(
            [R2.of_part(y[i], predicted[i], weight if weight is None else weight[i]) for i in parts]
        )
        expected = r2_score(y, predicted, sample_weight=weight) if far else 0.0
        assert score == pytest.approx(expected, rel=1e-9)
    assert R2.merged([R2.of_part(y[i], y[i], None) for i in parts]) == 1.0


def test_several_labels_are_right_together():
    X, y = make_multilabel_classification(N, 6, n_classes=3, random_state=0)
    model = BatchNormMLPClassifier(**SMALL).fit(in_parts(X, [N]), in_parts(y, [N]))
    expected = accuracy_score(y, model.predict(X))
    assert 0.0 < expected < 1.0
    assert model.score(in_parts(X, SIZES["many"]), in_parts(y, SIZES["many"])) == expected


def test_several_outputs_and_a_column_vector_are_scored():
    X, y = problem("regressor")
    Y = np.column_stack([y, -(y**2)])
    model = BatchNormMLPRegressor(**SMALL).fit(in_parts(X, [N]), in_parts(Y, [N]))
    parts = in_parts(X, SIZES["unequal"])
    expected = pytest.approx(r2_score(Y, model.predict(parts).compute()), rel=1e-12)
    assert model.score(parts, in_parts(Y, SIZES["unequal"])) == expected
    column = in_parts(y[:, None], SIZES["unequal"])
    score = MODELS["regressor", "array"].score(parts, column)
    assert score == pytest.approx(MODELS["regressor", "array"].to_local().score(X, y), rel=1e-6)


def test_labels_that_are_unknown_count_as_wrong():
    X, y = problem("classifier")
    y = y.copy()
    y[::7] = 99
    expected = accuracy_score(y, MODELS["classifier", "array"].predict(X))
    data = in_parts(X, SIZES["many"]), in_parts(y, SIZES["many"])
    assert MODELS["classifier", "array"].score(*data) == expected


@pytest.mark.parametrize("name", PAIRS)
def test_values_in_memory_are_scored_here(moved, name):
    X, y = problem(name)
    expected = METRICS[name](y, MODELS[name, "array"].predict(X), sample_weight=WEIGHT)
    rows = unknown(in_parts(X, SIZES["unequal"]))
    assert MODELS[name, "array"].score(rows, y, WEIGHT) == pytest.approx(expected, rel=1e-6)
    assert MODELS[name, "array"].score(X, in_parts(y, [N]), WEIGHT) == pytest.approx(
        expected, rel=1e-6
    )
    assert not moved


@pytest.mark.parametrize("name", PAIRS)
def test_weights_of_zero_are_an_error(name):
    data = [in_parts(a, SIZES["equal"]) for a in (*problem(name), np.zeros(N))]
    with pytest.raises(ValueError, match="at least one non-zero number"):
        MODELS[name, "array"].score(*data)


def test_targets_that_cannot_be_scored_name_their_partition():
    X, y = problem("regressor")
    y = y.copy()
    y[170] = np.nan
    data = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
    with pytest.raises(ValueError, match=r"In partition 3: Input .*contains NaN"):
        MODELS["regressor", "array"].score(*data)


@pytest.mark.parametrize("name", PAIRS)
def test_scores_do_not_depend_on_the_scheduler(name):
    data = [in_parts(a, SIZES["many"]) for a in (*problem(name), WEIGHT)]
    with dask.config.set(scheduler="synchronous"):
        expected = MODELS[name, "array"].score(*data)
    assert MODELS[name, "array"].score(*data) == expected


def test_accuracy_of_parts_is_weighted_by_rows():
    parts = [
        Accuracy.of_part(np.array([1, 2]), np.array([1, 1]), None),
        Accuracy.of_part(np.array(["a"] * 6), np.array(["a"] * 6), np.full(6, 0.5)),
    ]
    assert Accuracy.merged(parts) == 4.0 / 5.0


@pytest.mark.parametrize("name", PAIRS)
def test_a_score_without_y_is_told_as_scikit_learn_tells_it(name):
    X, _ = problem(name)
    for rows in (X, in_parts(X, SIZES["equal"])):
        with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
            MODELS[name, "array"].score(rows, None)
