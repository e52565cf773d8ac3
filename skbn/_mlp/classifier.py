"""BatchNormMLPClassifier."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from .. import _validation
from .._losses import BinaryCrossEntropy, SoftmaxCrossEntropy
from .._validation import Interval, StrOptions, fit_context
from .base import BatchNormMLP
from .export import to_stock


class BatchNormMLPClassifier(ClassifierMixin, BatchNormMLP):
    """DOC"""

    _parameter_constraints = BatchNormMLP._parameter_constraints | {
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }
    _target_norm = None
    _y_checks = {}

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        batch_norm=True,
        batch_norm_momentum=0.1,
        batch_norm_epsilon=1e-5,
        virtual_batch_size=None,
        normalize_inputs=True,
        dropout=0.0,
        class_weight=None,
        label_smoothing=0.0,
        dtype="float32",
        device="cpu",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.batch_norm = batch_norm
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.virtual_batch_size = virtual_batch_size
        self.normalize_inputs = normalize_inputs
        self.dropout = dropout
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.dtype = dtype
        self.device = device

    @available_if(lambda estimator: estimator._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train one epoch on the rows of a stream.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The newest rows; a single row is normalized by the running statistics.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the loss and in the statistics alike; not negative.

        classes : array-like of shape (n_classes,), default=None
            All labels that will come; needed by the first call.

        Returns
        -------
        self : object
            The trained estimator.

        Raises
        ------
        ValueError
            If an argument or a parameter is not as described, or if training diverges. The
            fitted attributes are then as before.
        """
        self._validate_params()
        held_out = None, None, None
        return self._fit(X, y, sample_weight, held_out, is_incremental=True, classes=classes)

    def _begin_stream(self, y, classes):
        """Learn the labels that the first call of partial_fit announces."""
        if _validation.check_partial_fit_first_call(self, classes):
            is_multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if is_multilabel else classes)

    def _validate_input(self, X, y, is_incremental, is_first):
        X, y = self._validate_X_y(X, y, reset=is_first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or is_incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._refuse_other_classes(unique_labels(y))
        return X, y

    def _refuse_other_classes(self, classes):
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _learn_targets(self, y, weight, dtype, _is_first, is_incremental):
        """Targets, and the weights of the rows in the loss."""
        targets = self._encode(y, dtype)
        is_multiclass = self._label_binarizer.y_type_ == "multiclass"
        self.n_outputs_ = len(self.classes_) if is_multiclass else targets.shape[1]
        self.out_activation_ = "softmax" if is_multiclass else "logistic"
        if self.class_weight is None:
            return targets, weight
        if is_incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does not know "
                "all labels. Pass the weights as a dict."
            )
        class_weight = compute_sample_weight(self.class_weight, y)
        return targets, class_weight if weight is None else weight * class_weight

    def _encode(self, y, dtype):
        """The index of the label of several classes (n,), else 0 and 1 (n, n_outputs)."""
        y_type = self._label_binarizer.y_type_
        if y_type.startswith("multilabel"):
            return self._label_binarizer.transform(y).astype(dtype)
        index = np.searchsorted(self.classes_, y)
        known = self.classes_[np.minimum(index, len(self.classes_) - 1)] == y
        if not np.all(known):
            self._refuse_other_classes(unique_labels(y))
        return index if y_type == "multiclass" else (index[:, None] == 1).astype(dtype)

    def _strata(self, targets):
        """What scikit-learn stratifies the split by: the labels of two classes alone."""
        return self.classes_[targets[:, 0].astype(int)] if targets.shape[1:] == (1,) else None

    def _loss(self, device, dtype):
        losses = {"softmax": SoftmaxCrossEntropy, "logistic": BinaryCrossEntropy}
        return losses[self.out_activation_](device, dtype, self.label_smoothing)

    def _score_of_logits(self, targets, logits, sample_weight):
        """Accuracy, of all labels of a row together where there are several."""
        if targets.ndim == 1:
            is_right = logits.argmax(axis=1) == targets
        else:
            is_right = ((logits > 0) == targets).all(axis=1)
        return float(np.average(is_right, weights=sample_weight))

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

    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in the compute dtype.
        """
        outputs = self._outputs(X)
        if self.n_outputs_ > 1:
            return outputs
        return np.hstack([1 - outputs, outputs])

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
        p = self.predict_proba(X)
        return np.log(p, out=p)

    def to_sklearn(self):
        """Give an MLPClassifier whose predictions are the same.

        Every normalization is folded into its weights, which are float64. It needs no skbn, and
        can be converted by what knows scikit-learn. Where it is trained further it goes on
        without batch normalization, "adamw" as "adam" and "cosine" as "constant".

        Returns
        -------
        classifier : sklearn.neural_network.MLPClassifier
            Fitted.
        """
        check_is_fitted(self)
        return to_stock(self, MLPClassifier)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
