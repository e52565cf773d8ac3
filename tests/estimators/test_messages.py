"""Errors name the argument, the value and the remedy."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skbn import BatchNormalizer, BatchNormMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
RARE = np.where(np.arange(150) == 0, 1, 0)


@pytest.mark.parametrize(
    ("y", "fraction", "reason"),
    [
        (RARE, 0.1, "least populated class"),
        (RARE, 0, "stratified by class"),
        (Y, 0, "test_size=0"),
        (Y > 0, 0.001, "number of classes"),
    ],
)
def test_rows_that_cannot_be_held_out_name_early_stopping(y, fraction, reason):
    model = BatchNormMLPClassifier(early_stopping=True, validation_fraction=fraction)
    message = rf"early_stopping=True cannot hold out validation_fraction={fraction} of 150 rows"
    with pytest.raises(ValueError, match=rf"{message}.*{reason}.*Pass X_val and y_val"):
        model.fit(X, y)


def test_a_batch_without_a_class_under_warm_start_names_warm_start():
    model = BatchNormMLPClassifier(8, warm_start=True).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"same classes.*Set warm_start=False"):
        model.partial_fit(X[:100], Y[:100])
    with pytest.raises(ValueError, match=r"same classes.*has \[0 1\]$"):
        model.fit(X[:100], Y[:100])


def test_merging_a_list_says_how_to_pass_it():
    normalizer = BatchNormalizer().fit(X)
    with pytest.raises(TypeError, match=r"got list\..*merge\(\*others\)"):
        normalizer.merge([normalizer, normalizer])
    with pytest.raises(TypeError, match=r"got NoneType\.$"):
        normalizer.merge(None)


class Parameter:
    """As of PyTorch: an array that needs a gradient, which NumPy cannot read."""

    shape = (4,)

    def __len__(self):
        return 4

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_a_parameter_of_torch_is_named(name):
    message = rf"{name} must be None, a number or an array of shape \(4,\), got .*Parameter.*grad"
    with pytest.raises(ValueError, match=message):
        BatchNormalizer(**{name: Parameter()}).fit(X)


CONTINUOUS = {
    "fit": lambda model, y: model.fit(X, y),
    "partial_fit": lambda model, y: model.partial_fit(X, y, classes=[0, 1]),
    "y_val": lambda model, y: model.fit(X, Y, X_val=X, y_val=y),
}


@pytest.mark.parametrize(
    ("y", "kind"),
    [(X[:, 0].astype(object) + 0.01, "unknown"), (X[:, :2].astype(int), "multiclass-multioutput")],
    ids=["numbers as objects", "classes of several outputs"],
)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_labels_of_another_type_are_named_and_not_printed(name, y, kind):
    reasons = rf"Unknown label type: {kind}|Multioutput target|not fitted with multilabel"
    with pytest.raises(ValueError, match=reasons) as error:
        CONTINUOUS[name](BatchNormMLPClassifier(8), y)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_labels_are_named_and_not_printed(name):
    with pytest.raises(ValueError, match="Unknown label type: continuous") as error:
        CONTINUOUS[name](BatchNormMLPClassifier(8), X[:, 0] + 0.01)
    assert len(str(error.value)) < 250
