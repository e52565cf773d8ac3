"""Float32, frames, lists and sparse data train the same network as scikit-learn's."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from estimators.scikit_learn_mlp.side_by_side import (
    PROBLEMS,
    SOLVERS,
    STOCHASTIC,
    TWO,
    assert_same,
    assert_same_history,
    estimators,
    fit,
    labels,
    recorded,
    side_by_side,
)
from helpers import pairwise
from scipy import sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor

REGRESSION = [problem for problem, (kind, *_) in PROBLEMS.items() if kind is MLPRegressor]
WITHOUT_TIES = [(problem, True) for problem in REGRESSION]


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize(
    ("problem", "early_stopping"), [*product(PROBLEMS, [False]), *WITHOUT_TIES]
)
def test_float32(problem, solver, early_stopping):
    kind, (X, y), params = PROBLEMS[problem]
    y = y.astype(np.float32) if kind is MLPRegressor else y
    X = X.astype(np.float32)
    ours, theirs = estimators(
        kind, solver=solver, max_iter=4, early_stopping=early_stopping, **params
    )
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert ours.coefs_[0].dtype == np.float32
    assert_same(ours, theirs, X, rtol=1e-4)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.round().astype(np.int64),
        lambda X: X.astype(np.float16),
        lambda X: X > 0,
        lambda X: X.tolist(),
        np.asfortranarray,
        lambda X: X[::-1, ::-1],
        lambda X: X.astype(">f8"),
        pd.DataFrame,
    ],
    ids=["int", "float16", "bool", "list", "F", "reversed", "big-endian", "pandas"],
)
@pytest.mark.parametrize("problem", TWO)
def test_kinds_of_data(problem, convert):
    side_by_side(problem, X=convert(PROBLEMS[problem][1][0]), max_iter=5)


@pytest.mark.parametrize("convert", [np.int64, np.float32, list], ids=["int", "float32", "list"])
@pytest.mark.parametrize("problem", ["squared_error", "poisson"])
def test_kinds_of_targets(problem, convert):
    kind, (X, y), params = PROBLEMS[problem]
    y = list(y) if convert is list else y.astype(convert)
    ours, theirs = estimators(kind, **params)
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert_same(ours, theirs, X)


@pytest.mark.parametrize(
    *pairwise(
        problem=TWO,
        solver=SOLVERS,
        convert=[sparse.csr_array, sparse.csc_array, sparse.csr_matrix],
    )
)
def test_sparse(problem, solver, convert):
    X = PROBLEMS[problem][1][0]
    side_by_side(problem, X=convert(X * (X > 0.3)), solver=solver, batch_size=50)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array])
def test_sparse_with_early_stopping(convert, shuffle):
    X = PROBLEMS["poisson"][1][0]
    side_by_side("poisson", X=convert(X * (X > 0.3)), early_stopping=True, shuffle=shuffle)


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array])
def test_sparse_partial_fit(convert):
    def train(model, X, y):
        for _ in range(3):
            model.partial_fit(X, y, **labels(model, y))

    for problem in TWO:
        side_by_side(problem, train=train, X=convert(PROBLEMS[problem][1][0]))


def test_sparse_labels():
    _, (X, y), _ = PROBLEMS["multilabel"]
    ours, theirs = estimators(MLPClassifier)
    y = sparse.csr_array(y)
    assert recorded(fit, ours, X, y) == recorded(fit, theirs, X, y)
    assert_same_history(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    assert (ours.predict(X) != theirs.predict(X)).sum() == 0
