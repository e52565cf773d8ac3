"""The estimator BatchNormMLPClassifier."""

from numbers import Real

from sklearn.base import ClassifierMixin
from sklearn.neural_network import MLPClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..dask._lazy import dask_blockwise
from .base import BatchNormMLP
from .export import to_stock
from .label_targets import LabelTargets
from .validation import Interval, StrOptions, fit_context


class BatchNormMLPClassifier(ClassifierMixin, BatchNormMLP):
    """Multi-layer perceptron classifier with batch normalization.

    Every parameter of scikit-learn's :class:`~sklearn.neural_network.MLPClassifier` keeps its
    meaning. In addition there are batch normalization with trainable γ and β, standardized inputs,
    dropout, class weights, label smoothing, user-defined validation data, decoupled weight decay, a
    cosine schedule and callbacks. The defaults were chosen on 64 data sets (:doc:`/learning`). With
    ``**MLPClassifier().get_params(), batch_norm=False, normalize_inputs=False, dropout=0,
    label_smoothing=0, dtype="input", numeric_encoding=None, clip_inputs=False``
    and ``categorical_features=None`` the results are
    those of scikit-learn.

    Parameters
    ----------
    {network_parameters}
    weight_decay : float, default=1.5
        At each step, "adamw" multiplies the weights by 1 − ``weight_decay`` times the learning
        rate, but not γ, β and biases. Ignored by other solvers. With batch normalization, weights
        that do not grow keep the effective steps large (van Laarhoven 2017, arXiv:1706.05350).
    dropout : float in [0, 1), default=0.1
        Probability that a hidden unit is set to 0 in a training step. Helps most with noisy labels
        or rare positives, for example 0.5 when 1 % of the labels are positive.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes in the loss. They do not affect the batch statistics.
    label_smoothing : float in [0, 1), default=0.0
        Fraction of each target that goes to all classes in proportion to their frequency (Pereyra
        et al., arXiv:1701.06548). Rare classes stay rare.
    {device_parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    {network_attributes}
    temperature_ : float
        Number by which the logits were divided after training; 1 without pilots.
    {training_attributes}

    See Also
    --------
    BatchNormMLPRegressor : Multi-layer perceptron regressor with batch normalization.
    BatchNormalizer : Transformer that normalizes features by running statistics.

    Notes
    -----
    ``sample_weight`` applies to both the loss and all statistics. An integer weight is equivalent
    to repeating the row, given the same batches and no dropout. Prediction compiles nothing. Ctrl-C
    stops ``fit`` and keeps the last complete epoch, or the best so far. If a call raises, the
    fitted attributes are unchanged.

    The pilots train on 90 % of the rows, or on four of five folds below 1,000 rows, and the loss of
    the other rows judges them. Two pilots of 0.06 of the "scaled" epochs choose the encoding. If a
    pilot of 0.2 is better, the encoding is chosen again at this length, and the fit has all
    "scaled" epochs; otherwise it has 0.06 or 0.2 of them. One temperature, fitted to the logits of
    the held-out rows (Guo et al. 2017, arXiv:1706.04599), is a part of the last layer. ``X_val``,
    if given, judges the pilots instead: it is then no test set. No pilots run below 30 rows, with
    fewer than two rows in a class, with "lbfgs" or ``early_stopping=True``, in ``partial_fit``, or
    if both settings are given.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", ICML 2015, arXiv:1502.03167.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skbn import BatchNormMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = BatchNormMLPClassifier(random_state=0).fit(X_train, y_train)
    >>> model.score(X_test, y_test) > 0.95
    True
    >>> model.batch_norms_[0].gamma_.shape
    (192,)
    """

    _targets_class = LabelTargets
    _parameter_constraints = BatchNormMLP._parameter_constraints | {
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(192, 192, 192),
        activation="relu",
        *,
        solver="adamw",
        alpha=0.0,
        batch_size="scaled",
        learning_rate="cosine",
        learning_rate_init=0.006,
        power_t=0.5,
        max_iter="auto",
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
        beta_2=0.95,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        batch_norm=True,
        batch_norm_momentum=0.1,
        batch_norm_epsilon=1e-5,
        virtual_batch_size=None,
        normalize_inputs=True,
        categorical_features="from_dtype",
        clip_inputs=True,
        smooth_clip=None,
        numeric_encoding="auto",
        n_bins=16,
        weight_decay=1.5,
        dropout=0.1,
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
        self.categorical_features = categorical_features
        self.clip_inputs = clip_inputs
        self.smooth_clip = smooth_clip
        self.numeric_encoding = numeric_encoding
        self.n_bins = n_bins
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.dtype = dtype
        self.device = device

    @available_if(lambda estimator: estimator._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train one epoch on a batch of rows of a stream.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The newest rows, at least two in the first call. In later calls, a batch of one row is
            normalized by the running statistics.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels of the rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss and in all statistics. They must not be negative.
        classes : array-like of shape (n_classes,), default=None
            All labels of the stream. Required in the first call.

        Returns
        -------
        self : object
            The trained estimator.

        Raises
        ------
        ValueError
            If an argument or a parameter is invalid, or if training diverges. The fitted
            attributes are then unchanged.
        """
        self._validate_params()
        validation_data = None, None, None
        return self._fit(X, y, sample_weight, validation_data, incremental=True, classes=classes)

    @dask_blockwise()
    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or an indicator matrix if ``y`` was multilabel.
        """
        return self._targets().decode(self._outputs(X))

    @dask_blockwise()
    def predict_proba(self, X):
        """Predict class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_`` and in the compute dtype. If ``y`` had one
            class, they are ones of shape (n_samples, 1).
        """
        return self._targets().probabilities(self._outputs(X))

    @dask_blockwise()
    def predict_log_proba(self, X):
        """Predict the logarithm of class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            Logarithms in the order of ``classes_`` and in the compute dtype.
        """
        return self._targets().log_probabilities(self._logits(X))

    def to_sklearn(self):
        """Convert to stock scikit-learn with the same predictions.

        Every normalization is folded into the weights of an MLPClassifier, which are float64. The
        result is a Pipeline that ends in it if columns are limited to their range, encoded or
        categorical, or had missing values in fit. It does not depend on skbn. Further training uses
        no batch normalization. If the solver was "adamw" or the schedule "cosine", ``solver``,
        ``alpha``, ``learning_rate``, ``learning_rate_init`` and ``beta_2`` are scikit-learn's
        defaults.

        Returns
        -------
        classifier : sklearn.pipeline.Pipeline or sklearn.neural_network.MLPClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If ``y`` had one class (MLPClassifier returns two probabilities then), or with
            ``smooth_clip`` or an activation that MLPClassifier does not support.
        """
        check_is_fitted(self)
        if len(self.classes_) == 1:
            raise ValueError(
                f"to_sklearn needs two or more classes, got one: {self.classes_[0]}. MLPClassifier "
                "would give two probabilities for it."
            )
        return to_stock(self, MLPClassifier)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
