"""The same network elsewhere: in scikit-learn, by hand from the attributes, in other units."""

import pickle

import network_oracle
import numpy as np
import pytest
from estimators.mlp.cases import (
    CASES,
    DIABETES,
    IRIS,
    RTOL,
    answer,
    assert_close,
    assert_statistics,
    classifier,
    regressor,
)
from helpers import pairwise
from scipy.special import softmax
from sklearn.base import is_classifier
from sklearn.datasets import (
    load_breast_cancer,
    make_multilabel_classification,
)
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skbn._model import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def several_labels():
    return make_multilabel_classification(100, 6, n_classes=3, random_state=0)


def several_targets():
    X, y = DIABETES
    return X, np.column_stack([y, -y, np.sqrt(y)])


FOLDED = {
    "binary": (classifier, load_breast_cancer(return_X_y=True), {}),
    "multiclass": (classifier, IRIS, {}),
    "strings": (classifier, (IRIS[0], np.array(["a", "b", "c"])[IRIS[1]]), {}),
    "multilabel": (classifier, several_labels(), {}),
    "squared_error": (regressor, DIABETES, {}),
    "three outputs": (regressor, several_targets(), {}),
    "poisson": (regressor, DIABETES, {"loss": "poisson"}),
}
WAYS = [
    {"hidden_layer_sizes": (8, 5, 3)},
    {"hidden_layer_sizes": ()},
    {"activation": "tanh"},
    {"activation": "logistic"},
    {"activation": "identity"},
    {"batch_norm": False},
    {"normalize_inputs": False},
    {"batch_norm": False, "normalize_inputs": False},
    {"dropout": 0.3},
    {"virtual_batch_size": 16},
    {"solver": "adamw"},
    {"solver": "lbfgs"},
]


def assert_converts(model, X, rtol):
    stock = model.to_sklearn()
    assert type(stock) is (MLPClassifier if is_classifier(model) else MLPRegressor)
    assert_close(answer(stock, X), answer(model, X), rtol)
    if is_classifier(model):
        np.testing.assert_array_equal(stock.predict(X), model.predict(X))


@pytest.mark.parametrize("problem", FOLDED)
def test_to_sklearn_predicts_the_same(problem, precision):
    make, (X, y), params = FOLDED[problem]
    assert_converts(make(dtype=precision, **params).fit(X, y), X, RTOL[precision])


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_to_sklearn_of_any_network(case, way):
    assert_converts(case.make(dtype="float64", **way).fit(case.X, case.y), case.X, 1e-10)


def test_to_sklearn_without_normalized_targets():
    X, y = DIABETES
    model = regressor(normalize_targets=False, dtype="float64").fit(X, y)
    assert_converts(model, X, 1e-10)


@pytest.mark.parametrize(
    *pairwise(
        case=list(CASES),
        activation=["relu", "tanh", "logistic", "identity"],
        precision=list(RTOL),
    ),
    indirect=["case"],
)
def test_to_sklearn_with_gammas_below_zero_and_of_zero(case, activation, precision):
    model = case.make(activation=activation, dtype=precision).fit(case.X, case.y)
    other = pickle.loads(pickle.dumps(model))
    other.batch_norms_[0].gamma_ = np.array([-2.0, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.0])
    assert_converts(other, case.X, RTOL[precision])
    assert not np.allclose(answer(other, case.X), answer(model, case.X), rtol=1e-3)


def test_what_to_sklearn_gives_needs_no_skbn(case):
    stock = case.make().fit(case.X, case.y).to_sklearn()
    assert b"skbn" not in pickle.dumps(stock)


IN_SCIKIT_LEARN = {"identity", "logistic", "tanh", "relu"}


@pytest.mark.parametrize("activation", {"softsign", *ACTIVATIONS} - IN_SCIKIT_LEARN)
def test_to_sklearn_refuses_activations_that_scikit_learn_has_not(case, activation):
    model = case.make().fit(case.X, case.y).set_params(activation=activation)
    with pytest.raises(ValueError, match=f"MLP.* has no activation '{activation}'.*'identity'"):
        model.to_sklearn()


def test_to_sklearn_needs_a_fit(case):
    with pytest.raises(NotFittedError):
        case.make().to_sklearn()


BY_HAND = {"identity": lambda x: x} | network_oracle.ACTIVATIONS


def by_hand(model, X):
    """Layer after layer from the fitted attributes."""
    H = model.input_norm_.transform(X)
    layers = zip(model.coefs_[:-1], model.intercepts_[:-1], model.batch_norms_, strict=True)
    for coef, intercept, norm in layers:
        H = BY_HAND[model.activation](norm.transform(H @ coef + intercept))
    Z = H @ model.coefs_[-1] + model.intercepts_[-1]
    if is_classifier(model):
        return softmax(Z, axis=1)
    return model.target_norm_.inverse_transform(Z).ravel()


@pytest.mark.parametrize(
    *pairwise(
        case=list(CASES),
        activation=list(ACTIVATIONS),
        sizes=[(8,), (8, 5)],
        precision=list(RTOL),
    ),
    indirect=["case"],
)
def test_the_fitted_attributes_by_hand_give_the_predictions(case, activation, sizes, precision):
    settings = {"activation": activation, "hidden_layer_sizes": sizes, "dtype": precision}
    model = case.make(**settings).fit(case.X, case.y)
    assert_close(answer(model, case.X), by_hand(model, case.X), RTOL[precision])
    assert not any(np.any(b) for b in model.intercepts_[:-1])


def test_targets_are_learned_in_any_unit():
    X, y = DIABETES
    model = regressor(dtype="float64").fit(X, y)
    other = regressor(dtype="float64").fit(X, 1000 * y + 1e6)
    assert_close(other.predict(X), 1000 * model.predict(X) + 1e6, 1e-8)
    assert_close(other.loss_curve_, model.loss_curve_, 1e-8)


def test_target_norm_holds_the_mean_and_variance_of_the_targets():
    X, Y = several_targets()
    assert_statistics(regressor().fit(X, Y).target_norm_, Y)
