"""Labels have the width they were announced with, one class has one probability."""

import numpy as np
import pytest
from estimators.mlp.cases import IRIS, classifier
from scipy import sparse
from sklearn.model_selection import KFold, cross_val_predict

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = IRIS[0]
SEVERAL = np.random.default_rng(0).integers(0, 2, size=(len(X), 4))
NUMBERS = np.arange(len(X)) % 4


@pytest.mark.parametrize("given", [np.asarray, sparse.csr_array, list], ids=lambda f: f.__name__)
@pytest.mark.parametrize("n_classes", [2, 3, 5, 6])
def test_classes_that_are_no_columns_of_an_indicator_matrix_are_an_error(given, n_classes):
    model = classifier()
    with pytest.raises(ValueError, match=f"got {n_classes} for 4 columns"):
        model.partial_fit(X, given(SEVERAL), classes=np.arange(n_classes))
    assert not hasattr(model, "classes_")


def of_partial_fit(first, y):
    return classifier().partial_fit(X, first, classes=np.arange(4)).partial_fit(X, y)


def of_warm_start(first, y):
    return classifier(warm_start=True).fit(X, first).fit(X, y)


def of_validation(first, y):
    return classifier().fit(X, first, X_val=X, y_val=y)


@pytest.mark.parametrize("call", [of_partial_fit, of_warm_start, of_validation])
@pytest.mark.parametrize("y", [NUMBERS, SEVERAL[:, :3]], ids=["numbers", "three columns"])
def test_labels_of_another_kind_after_an_indicator_matrix_are_an_error(call, y):
    with pytest.raises(ValueError, match=r"indicator matrix|same classes"):
        call(SEVERAL, y)
    assert np.isfinite(call(SEVERAL, SEVERAL).loss_)


@pytest.mark.parametrize("call", [of_partial_fit, of_warm_start])
def test_the_reverse_is_an_error_too(call):
    with pytest.raises(ValueError, match="multilabel"):
        call(NUMBERS, SEVERAL)


def test_one_class_has_one_probability():
    model = classifier().fit(X, np.full(len(X), "yes"))
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))
    np.testing.assert_array_equal(model.predict_log_proba(X), np.zeros((len(X), 1)))
    assert model.score(X, np.full(len(X), "yes")) == 1.0
    with pytest.raises(ValueError, match="two or more classes, got one: yes"):
        model.to_sklearn()


def test_folds_of_one_class_have_the_probability_of_others_0():
    y = (np.arange(len(X)) >= len(X) // 2).astype(int)
    folds = KFold(2)
    with pytest.warns(RuntimeWarning, match="Number of classes in training fold"):
        probabilities = cross_val_predict(classifier(), X, y, cv=folds, method="predict_proba")
    np.testing.assert_array_equal(probabilities, np.stack([y == 0, y == 1], axis=1)[::-1])


@pytest.mark.parametrize("size", [8, np.int64(8), np.array(8), np.array([8]), [np.array(8)]])
def test_hidden_layer_sizes_may_be_one_number(size):
    assert classifier(hidden_layer_sizes=size).fit(*IRIS).coefs_[0].shape == (4, 8)


@pytest.mark.parametrize("size", [True, (True,), [np.True_], (8.0,), [[8]]])
def test_hidden_layer_sizes_are_integers(size):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes must be integers > 0, got"):
        classifier(hidden_layer_sizes=size).fit(*IRIS)
