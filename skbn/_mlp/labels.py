"""Between labels, of two or more classes or several at once, and what a network knows of them."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import log_expit
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    is_multilabel,
    unique_labels,
)

from .. import _validation
from .._lazy import row_by_row
from .._losses import BinaryCrossEntropy, SoftmaxCrossEntropy, log_softmax


class LabelTotals(NamedTuple):
    """The weight of the rows of each label (n_outputs,), and of all rows."""

    of_label: np.ndarray
    of_all: float

    @classmethod
    def of(cls, targets, weight, n_outputs):
        weight = np.ones(len(targets)) if weight is None else weight
        if targets.ndim > 1:
            return cls(weight @ targets, weight.sum())
        return cls(np.bincount(targets, weight, minlength=n_outputs), weight.sum())

    def __add__(self, other):
        return LabelTotals(self.of_label + other.of_label, self.of_all + other.of_all)

    def prior(self):
        """The share of each label; where nothing has weight, evenly spread."""
        if self.of_all == 0.0:
            return np.full(len(self.of_label), 1.0 / max(len(self.of_label), 2))
        return self.of_label / self.of_all


class LearnsLabels:
    """The part of a classifier that knows y and predicts it."""

    _y_checks = {}

    def _begin_stream(self, y, classes):
        """Learn the labels that the first call of partial_fit announces."""
        if _validation.check_partial_fit_first_call(self, classes):
            y = _validation.labels(y)
            self._label_binarizer = LabelBinarizer().fit(y if is_multilabel(y) else classes)
            self._refuse_other_width(y)

    def _refuse_other_width(self, y):
        """Raise where an indicator matrix has not a column for each of the announced classes."""
        n_columns = len(self._label_binarizer.classes_)
        if is_multilabel(y) and n_columns != len(self.classes_):
            raise ValueError(
                "classes must have one label for each column of the indicator matrix y: got "
                f"{len(self.classes_)} for {n_columns} columns."
            )

    def _learn_outputs(self, y, _weight, _is_first, is_incremental):
        """Learn the labels of y, or refuse others than those known."""
        _refuse_continuous(y)
        if hasattr(self, "classes_") and (self.warm_start or is_incremental):
            self._refuse_other_classes(unique_labels(y), is_incremental)
        else:
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        y_type, n_classes = self._label_binarizer.y_type_, len(self.classes_)
        self.n_outputs_ = 1 if y_type == "binary" else n_classes
        self.out_activation_ = "softmax" if y_type == "multiclass" else "logistic"

    def _refuse_other_classes(self, classes, is_incremental):
        if self.warm_start and set(classes) != set(self.classes_):
            remedy = ". Set warm_start=False, which partial_fit does not need"
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
                f"{remedy if is_incremental else ''}"
            )
        self._refuse_new_classes(classes)

    def _refuse_new_classes(self, classes):
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _loss_weight(self, y, weight, is_incremental):
        """The weights of the rows in the loss, or None."""
        if self.class_weight is None:
            return weight
        if is_incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does not know "
                "all labels. Pass the weights as a dict."
            )
        class_weight = self._class_weights(y)
        if not (
            np.isfinite(class_weight).all() and (class_weight >= 0).all() and class_weight.any()
        ):
            raise ValueError(
                "class_weight must be finite, not negative, and above 0 for a class of y, got "
                f"{self.class_weight!r}."
            )
        return class_weight if weight is None else weight * class_weight

    def _class_weights(self, y):
        """The weight of the class of each row; a batch of a stream may lack some classes."""
        if y.ndim > 1:
            return compute_sample_weight(self.class_weight, y)
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return weights[np.searchsorted(self.classes_, y)]

    def _encode(self, y, dtype, _weight=None):
        """The index of the label of several classes (n,), else 0 and 1 (n, n_outputs)."""
        y_type = self._label_binarizer.y_type_
        if y_type.startswith("multilabel"):
            return self._encode_labels(y).astype(dtype)
        if y.ndim > 1:
            raise ValueError("The object was not fitted with multilabel input.")
        _refuse_continuous(y)
        index = np.searchsorted(self.classes_, y)
        known = self.classes_[np.minimum(index, len(self.classes_) - 1)] == y
        if not np.all(known):
            self._refuse_new_classes(unique_labels(y))
        return index if y_type == "multiclass" else (index[:, None] == 1).astype(dtype)

    def _encode_labels(self, y):
        """The indicator matrix (n, n_outputs), which may be given sparse."""
        if y.ndim != 2 or y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y must be an indicator matrix of shape (n_samples, {self.n_outputs_}), because "
                f"the model was fitted with multilabel y, got an array of shape {y.shape}."
            )
        return self._label_binarizer.transform(y)

    def _strata(self, targets):
        """What scikit-learn stratifies the split by: the labels of two classes alone."""
        return self.classes_[targets[:, 0].astype(int)] if targets.shape[1:] == (1,) else None

    def _loss(self, device, dtype):
        losses = {"softmax": SoftmaxCrossEntropy, "logistic": BinaryCrossEntropy}
        loss = losses[self.out_activation_]
        return loss(device, dtype, self.label_smoothing, self._label_totals.prior())

    def _learn_prior(self, targets, weight, is_incremental):
        """Learn the share of the rows that each label has, in a stream of all that were seen."""
        self._add_label_totals(LabelTotals.of(targets, weight, self.n_outputs_), is_incremental)

    def _add_label_totals(self, totals, is_incremental):
        known = getattr(self, "_label_totals", None) if is_incremental else None
        self._label_totals = totals if known is None else known + totals

    def _score_of_logits(self, targets, logits, sample_weight):
        """Accuracy, of all labels of a row together where there are several."""
        if targets.ndim == 1:
            is_right = logits.argmax(axis=1) == targets
        else:
            is_right = ((logits > 0) == targets).all(axis=1)
        return float(np.average(is_right, weights=sample_weight))

    @row_by_row()
    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels, or an indicator matrix of labels.
        """
        outputs = self._outputs(X)
        if self.out_activation_ == "softmax":
            return self.classes_[outputs.argmax(axis=1)]
        return self._label_binarizer.inverse_transform(outputs)

    @row_by_row()
    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in the compute dtype; (n_samples, 1) of ones where ``y``
            had one class.
        """
        outputs = self._outputs(X)
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        if self.n_outputs_ > 1:
            return outputs
        return np.hstack([1 - outputs, outputs])

    @row_by_row()
    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in the compute dtype.
        """
        logits = self._logits(X)
        if len(self.classes_) == 1:
            return np.zeros_like(logits)
        if self.out_activation_ == "softmax":
            return log_softmax(logits)
        if self.n_outputs_ > 1:
            return log_expit(logits)
        return log_expit(np.hstack([-logits, logits]))


def _refuse_continuous(y):
    """Raise scikit-learn's error for targets of a regression; LabelBinarizer's prints all of y."""
    # type_of_target takes 100 µs, of a partial_fit of 32 rows that takes 1700.
    if y.dtype.kind == "f" and not sparse.issparse(y) and (y != np.floor(y)).any():
        check_classification_targets(y)
