"""Parameters, methods, attributes and tags of scikit-learn's MLP are all there."""

import inspect

import pytest
from estimators.scikit_learn_mlp.side_by_side import (
    KINDS,
    OURS,
    PROBLEMS,
    SOLVERS,
    estimators,
    quietly,
)
from sklearn.utils import get_tags


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_scikit_learn_are_all_there(kind):
    assert set(kind().get_params()) <= set(OURS[kind][0]().get_params())


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_by_position_are_the_same(kind):
    def by_position(estimator):
        parameters = inspect.signature(estimator).parameters.values()
        return [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]

    assert by_position(OURS[kind][0]) == by_position(kind)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "score"])
@pytest.mark.parametrize("kind", KINDS)
def test_methods_take_the_same_arguments(kind, method):
    ours, theirs = (
        list(inspect.signature(getattr(c, method)).parameters) for c in (OURS[kind][0], kind)
    )
    assert ours[: len(theirs)] == theirs


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_public_names_are_all_there(kind, solver):
    X, y = PROBLEMS["binary"][1]
    ours, theirs = (
        {name for name in dir(quietly(model.fit, X, y)) if not name.startswith("_")}
        for model in estimators(kind, solver=solver)
    )
    # scikit-learn's classifier has an attribute loss, its regressor a partial_fit of lbfgs.
    assert not theirs - ours - {"loss", "partial_fit"}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_the_same(kind):
    ours, theirs = (get_tags(model) for model in estimators(kind))
    assert ours == theirs
