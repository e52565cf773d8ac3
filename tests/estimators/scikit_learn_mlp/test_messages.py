"""What is printed and warned of is what scikit-learn's MLP says."""

from itertools import product

import pandas as pd
import pytest
from estimators.scikit_learn_mlp.side_by_side import (
    KINDS,
    PROBLEMS,
    TWO,
    assert_same,
    estimators,
    fit,
    labels,
    recorded,
)
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

TIED = {"early_stopping": True, "validation_fraction": 0.3}
SPOKEN = [
    {},
    {"solver": "sgd"},
    {"tol": 10.0, "n_iter_no_change": 2},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "learning_rate_init": 1e-6},
    TIED,
    {"early_stopping": True, "tol": 1.0, "n_iter_no_change": 2},
    {"solver": "lbfgs"},
    {"verbose": 2},
    {"verbose": False},
]


# A classifier whose scores tie goes on where scikit-learn's stops.
PAIRS = [(p, s) for p, s in product(TWO, SPOKEN) if (p, s) != ("multiclass", TIED)]


@pytest.mark.parametrize(("problem", "settings"), PAIRS, ids=str)
def test_verbose_prints_the_same(problem, settings, capfd):
    kind, (X, y), params = PROBLEMS[problem]
    said = []
    for model in estimators(kind, **{"verbose": True} | params | settings):
        recorded(fit, model, X, y)
        said.append(capfd.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "category", "message"),
    [
        ({}, ConvergenceWarning, r"Maximum iterations \(12\) reached"),
        ({"solver": "lbfgs"}, ConvergenceWarning, "lbfgs failed to converge after 12 iteration"),
        (
            {"solver": "lbfgs", "max_fun": 3, "max_iter": 99},
            ConvergenceWarning,
            "lbfgs failed to converge after . iteration",
        ),
        (
            {"batch_size": 500, "tol": 10.0, "n_iter_no_change": 1},
            UserWarning,
            "Got `batch_size` less than 1 or larger than sample size",
        ),
    ],
)
def test_warnings(kind, settings, category, message):
    X, y = PROBLEMS["binary"][1]
    pair = estimators(kind, **settings)
    for model in pair:
        with pytest.warns(category, match=message):
            model.fit(X, y)
    ours, theirs = (recorded(fit, model, X, y) for model in pair)
    assert ours == theirs


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", KINDS)
def test_targets_in_a_column_are_warned_of_alike(kind, method):
    def train(model, X, y):
        getattr(model, method)(X, y[:, None], **labels(model, y) if method != "fit" else {})

    X, y = PROBLEMS["binary"][1]
    ours, theirs = estimators(kind)
    expected = recorded(train, theirs, X, y)
    assert expected[0][0] is DataConversionWarning
    assert recorded(train, ours, X, y) == expected
    assert_same(ours, theirs, X)


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_not_given_again_are_warned_of_alike(kind):
    X, y = PROBLEMS["binary"][1]
    frame = pd.DataFrame(X, columns=list("abcdef"))
    said = []
    for model in estimators(kind):
        assert recorded(fit, model, frame, y)[0][0] is ConvergenceWarning
        assert list(model.feature_names_in_) == list("abcdef")
        said.append(recorded(lambda m, X, _: m.predict(X), model, X, y))
    assert said[0] == said[1]
    assert "does not have valid feature names" in said[0][0][1]
