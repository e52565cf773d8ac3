"""Weights of classes and of rows weigh the loss, those of rows the statistics too."""

import numpy as np
import pytest
from estimators.mlp.cases import (
    IRIS,
    answer,
    assert_close,
    assert_same_bits,
    assert_statistics,
    classifier,
    halves,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


RARE = IRIS[0][:110], IRIS[1][:110]
BALANCED = {0: 110 / 150, 1: 110 / 150, 2: 110 / 30}


def test_balanced_class_weights_are_those_of_scikit_learn():
    ours = classifier(class_weight="balanced", dtype="float64").fit(*RARE)
    expected = classifier(class_weight=BALANCED, dtype="float64").fit(*RARE)
    assert_close(ours.predict_proba(RARE[0]), expected.predict_proba(RARE[0]), 1e-10)


def test_class_weights_lift_a_rare_class():
    weighted, even = (
        classifier(class_weight=w, max_iter=20).fit(*RARE).predict_proba(RARE[0])
        for w in ("balanced", None)
    )
    assert weighted[:, 2].mean() > even[:, 2].mean()


def test_class_weights_weigh_the_loss_as_sample_weights_do():
    plain = {"batch_norm": False, "normalize_inputs": False, "dtype": "float64"}
    X, y = RARE
    ours = classifier(class_weight=BALANCED, **plain).fit(X, y)
    expected = classifier(**plain).fit(X, y, sample_weight=[BALANCED[label] for label in y])
    assert_close(ours.predict_proba(X), expected.predict_proba(X), 1e-8)
    assert_close(ours.loss_curve_, expected.loss_curve_, 1e-8)


def test_class_weights_may_be_given_by_name():
    X, y = RARE
    names = np.array(["setosa", "versicolor", "virginica"])
    ours = classifier(class_weight={"virginica": 5.0}).fit(X, names[y])
    expected = classifier(class_weight={2: 5.0}).fit(X, y)
    assert_same_bits(ours, expected, X)


def test_class_weights_leave_the_statistics_alone():
    X, y = RARE
    model = classifier(class_weight={0: 10.0, 1: 1.0, 2: 3.0}, dtype="float64").fit(X, y)
    assert_statistics(model.input_norm_, X)
    assert_statistics(model.batch_norms_[0], model.input_norm_.transform(X) @ model.coefs_[0])


def test_statistics_are_those_of_the_training_rows_with_their_weights(case, rng):
    X, y, validation = halves(case)
    weight = rng.integers(0, 4, size=len(y))
    model = case.make(dtype="float64").fit(X, y, sample_weight=weight, **validation)
    hidden = model.input_norm_.transform(X) @ model.coefs_[0]
    assert_statistics(model.batch_norms_[0], hidden, weight)


def test_integer_weights_are_repetitions(case, rng):
    X, y, weight = case.X[::5][:30], case.y[::5][:30], np.arange(30) % 3
    settings = {"batch_size": "auto", "dropout": 0.0, "dtype": "float64"}
    weighted = case.make(**settings).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(30), weight)
    repeated = case.make(**settings).fit(X[rows], y[rows])
    assert_close(answer(weighted, X), answer(repeated, X), 1e-6)


def test_equal_weights_are_none(case):
    settings = {"alpha": 0, "dtype": "float64"}
    weighted = case.make(**settings).fit(case.X, case.y, sample_weight=np.full(len(case.y), 3.0))
    unweighted = case.make(**settings).fit(case.X, case.y)
    assert_close(answer(weighted, case.X), answer(unweighted, case.X), 1e-8)


def test_class_weights_that_leave_no_row_with_weight_are_an_error():
    X, y = np.eye(6), np.arange(6) % 2
    for solver in ("adamw", "lbfgs"):
        model = classifier(solver=solver, class_weight={0: 0.0, 1: 1.0})
        with pytest.raises(ValueError, match="sample_weight times class_weight sums to 0"):
            model.fit(X, y, sample_weight=1.0 - y)
        assert not hasattr(model, "coefs_")
