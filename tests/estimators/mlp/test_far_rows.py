"""Far rows of weight 0 do not count; a far value that counts is named where training fails."""

import numpy as np
import pytest
from estimators.mlp.cases import answer, classifier, regressor
from helpers import pairwise
from scipy import sparse

from skbn import BatchNormMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 3))
TARGETS = {classifier: (X[:, 0] > 0).astype(int), regressor: X[:, 0]}
FAR = np.array([7, 40])
WEIGHT = np.where(np.isin(np.arange(96), FAR), 0.0, 1.0)

TRAIN = {
    "fit": ({}, lambda model, *rows: model.fit(*rows)),
    "fit without batch normalization": (
        {"batch_norm": False},
        lambda model, *rows: model.fit(*rows),
    ),
    "fit in float64": ({"dtype": "float64"}, lambda model, *rows: model.fit(*rows)),
    "lbfgs": ({"solver": "lbfgs"}, lambda model, *rows: model.fit(*rows)),
    "partial_fit": ({}, lambda model, *rows: model.partial_fit(*rows, **labels(model))),
}


def labels(model):
    return {"classes": [0, 1]} if hasattr(model, "class_weight") else {}


def with_far(value):
    rows = X.copy()
    rows[FAR, 1] = value
    return rows


@pytest.mark.parametrize(
    *pairwise(
        name=list(TRAIN),
        make=[classifier, regressor],
        given=[np.asarray, sparse.csr_array],
        normalize_inputs=[True, False],
    )
)
def test_far_rows_of_weight_0_do_not_count(name, make, given, normalize_inputs):
    params, train = TRAIN[name]
    params = params | {"normalize_inputs": normalize_inputs, "dropout": 0}
    near, far = (
        train(make(**params), given(rows), TARGETS[make], WEIGHT) for rows in (X, with_far(1e300))
    )
    np.testing.assert_allclose(answer(far, X), answer(near, X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [1e2, 1e3, 1e10, 1e14, 1e300])
def test_far_rows_of_weight_0_do_not_count_with_the_poisson_loss(value):
    counts = np.random.default_rng(1).poisson(np.exp(X[:, 0] / 2)).astype(float)
    near, far = (
        regressor(loss="poisson", max_iter=20).fit(rows, counts, WEIGHT)
        for rows in (X, with_far(value))
    )
    np.testing.assert_allclose(far.predict(X), near.predict(X), rtol=1e-3)


def test_far_targets_of_weight_0_do_not_count():
    y = np.where(WEIGHT > 0, X[:, 0], 1e300)
    near = regressor().fit(X, X[:, 0], WEIGHT)
    np.testing.assert_allclose(regressor().fit(X, y, WEIGHT).predict(X), near.predict(X), rtol=1e-6)


@pytest.mark.parametrize("given", [np.asarray, sparse.csr_array])
def test_recalibration_does_not_count_them(given):
    model = classifier().fit(X, TARGETS[classifier])
    near, far = (
        [norm.mean_ for norm in model.recalibrate(given(rows), WEIGHT).batch_norms_]
        for rows in (X, with_far(1e300))
    )
    np.testing.assert_allclose(near, far, rtol=1e-6)


def test_the_rows_given_are_not_written_to():
    rows = with_far(1e300)
    classifier().fit(rows, TARGETS[classifier], WEIGHT)
    np.testing.assert_array_equal(rows, with_far(1e300))


@pytest.mark.parametrize("given", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("name", TRAIN)
def test_a_far_value_that_counts_is_named(name, given):
    params, train = TRAIN[name]
    rows = X.copy()
    rows[7, 1] = 1e300
    with pytest.raises(ValueError, match=r"non-finite .* is 1e\+300 in row 7 of X, feature x1"):
        train(classifier(**params), given(rows), TARGETS[classifier])


def test_a_far_target_that_counts_is_named():
    y = X[:, 0].copy()
    y[7] = 1e300
    with pytest.raises(ValueError, match=r"y contains a value too large .*: 1e\+300 in row 7"):
        regressor().fit(X, y)


@pytest.mark.parametrize("normalize_targets", [True, False])
def test_a_far_target_has_the_number_of_its_row_where_pilots_run(normalize_targets):
    rows = np.concatenate([X, X])
    y = rows[:, 0].copy()
    y[7] = 1e300
    model = BatchNormMLPRegressor(normalize_targets=normalize_targets, random_state=0)
    with pytest.raises(ValueError, match=r"y contains a value too large .*: 1e\+300 in row 7\."):
        model.fit(rows, y)


def test_training_that_diverges_by_its_rate_names_no_value():
    model = regressor(solver="sgd", batch_norm=False, learning_rate_init=1e30)
    with pytest.raises(ValueError, match=r"learning_rate_init may help too\.$"):
        model.fit(X, X[:, 0])
