"""Class weights, where partitions may lack classes."""

import numpy as np
import pytest
from on_dask.models import ONE_STEP, SMALL, N, assert_same_model, problem
from on_dask.parts import SIZES, in_parts
from sklearn.datasets import make_multilabel_classification

import skbn
from skbn.dask import BatchNormMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore:The partitions of X differ")


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_class_weights_are_those_of_a_local_fit(class_weight):
    X, y = problem("classifier")
    y[y == 2] = np.where(np.arange((y == 2).sum()) % 3, 0, 2)  # unequal classes
    parameters = {**ONE_STEP, "batch_norm": False, "batch_size": N, "alpha": 0.0}
    ours = BatchNormMLPClassifier(**parameters, class_weight=class_weight, sync_every=1)
    ours.fit(in_parts(X, SIZES["unequal"]), in_parts(y, SIZES["unequal"]))
    local = skbn.BatchNormMLPClassifier(**parameters, class_weight=class_weight).fit(X, y)
    assert ours.class_weight == class_weight
    assert_same_model(ours, local)


def by_class(X, y):
    """The rows in order of y, in partitions of few classes each, and the rows."""
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    return X, y, in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.0, 1: 1.0, 2: 2.0}])
def test_partitions_may_lack_classes_that_have_weights(class_weight):
    X, y, *parts = by_class(*problem("classifier"))
    parameters = {**ONE_STEP, "batch_norm": False, "batch_size": N, "alpha": 0.0}
    parameters["class_weight"] = class_weight
    ours = BatchNormMLPClassifier(**parameters, sync_every=1)
    ours.fit(*parts, X_val=parts[0], y_val=parts[1])
    assert_same_model(ours, skbn.BatchNormMLPClassifier(**parameters).fit(X, y))


def test_partitions_may_lack_labels_that_have_weights():
    X, y = make_multilabel_classification(N, 6, n_classes=3, random_state=0)
    y[:, 0] = np.arange(N) >= 150  # in the last partition alone
    parameters = {**ONE_STEP, "batch_norm": False, "batch_size": N, "alpha": 0.0}
    parameters["class_weight"] = [{1: 5.0}, {1: 2.0}, {0: 1.0, 1: 1.0}]
    ours = BatchNormMLPClassifier(**parameters, sync_every=1)
    ours.fit(in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"]))
    assert_same_model(ours, skbn.BatchNormMLPClassifier(**parameters).fit(X, y))


@pytest.mark.parametrize("class_weight", [{0: 0.0, 1: 0.0, 2: 0.0}, {0: -1.0}])
def test_class_weights_are_refused_as_by_the_local_one(class_weight):
    _, _, *parts = by_class(*problem("classifier"))
    with pytest.raises(ValueError, match="class_weight must be finite"):
        BatchNormMLPClassifier(**SMALL, class_weight=class_weight).fit(*parts)


def test_labels_of_rows_without_weight_are_known():
    X, y, *parts = by_class(*problem("classifier"))
    weight = (np.arange(N) >= 50).astype(float)
    model = BatchNormMLPClassifier(**SMALL).fit(*parts, sample_weight=weight)
    local = skbn.BatchNormMLPClassifier(**SMALL).fit(X, y, weight)
    assert list(model.classes_) == list(local.classes_) == [0, 1, 2]


def test_class_weights_of_several_labels_may_leave_out_a_value():
    X, y = make_multilabel_classification(N, 6, n_classes=2, random_state=0)
    parameters = {**ONE_STEP, "batch_norm": False, "batch_size": N, "alpha": 0.0}
    ours, expected = (
        BatchNormMLPClassifier(**parameters, class_weight=weights, sync_every=1).fit(
            in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])
        )
        for weights in ([{0: 2.0}, {0: 3.0}], [{0: 2.0, 1: 1.0}, {0: 3.0, 1: 1.0}])
    )
    assert_same_model(ours, expected)
