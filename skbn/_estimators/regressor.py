"""The estimator BatchNormMLPRegressor."""

from numbers import Real

from sklearn.base import RegressorMixin
from sklearn.neural_network import MLPRegressor
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._model.losses import REGRESSION_LOSSES
from ..dask._lazy import dask_blockwise
from .base import BatchNormMLP
from .export import to_stock
from .regression_targets import RegressionTargets
from .validation import Interval, StrOptions, fit_context


class BatchNormMLPRegressor(RegressorMixin, BatchNormMLP):
    """Multi-layer perceptron regressor with batch normalization.

    Every parameter of scikit-learn's :class:`~sklearn.neural_network.MLPRegressor` keeps its
    meaning. In addition there are batch normalization with trainable γ and β, standardized inputs
    and targets, dropout, user-defined validation data, decoupled weight decay, a cosine schedule
    and callbacks. The defaults were chosen on 64 data sets (:doc:`/learning`). With
    ``**MLPRegressor().get_params(), batch_norm=False, normalize_inputs=False,
    normalize_targets=False, dtype="input", numeric_encoding=None, clip_inputs=False``
    and ``categorical_features=None`` the results
    are those of scikit-learn.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        "squared_error" is half the squared error. "poisson" is half the Poisson deviance with an
        exponential output activation, for targets that are not negative.
    {network_parameters}
    weight_decay : float, default=0.1
        At each step, "adamw" multiplies the weights by 1 − ``weight_decay`` times the learning
        rate, but not γ, β and biases. Ignored by other solvers. With batch normalization, weights
        that do not grow keep the effective steps large (van Laarhoven 2017, arXiv:1706.05350).
    dropout : float in [0, 1), default=0.0
        Probability that a hidden unit is set to 0 in a training step. 0.2 suits noisy targets, 0
        suits exact targets.
    normalize_targets : bool, default=True
        Whether to standardize the targets for training. Predictions are in the units of y; losses
        are in standardized units. Ignored when ``loss="poisson"``.
    target_momentum : float in (0, 1] or None, default=None
        Weight of the newest batch in the target statistics of ``partial_fit``; it is the
        ``momentum`` of ``target_norm_``. None weights all rows seen equally, and predictions do not
        change with the statistics (Pop-Art, arXiv:1602.07714): use it if the level and scale of y
        are constant. With a number, predictions follow the statistics: 0.1 adapts to a new level
        and scale within 60 to 100 batches of several rows. ``fit`` weights all rows equally.
    {device_parameters}

    Attributes
    ----------
    {network_attributes}
    target_norm_ : BatchNormalizer or None
        Fitted normalizer of y; None when targets are not standardized.
    {training_attributes}

    See Also
    --------
    BatchNormMLPClassifier : Multi-layer perceptron classifier with batch normalization.
    BatchNormalizer : Transformer that normalizes features by running statistics.

    Notes
    -----
    ``sample_weight`` applies to both the loss and all statistics. An integer weight is equivalent
    to repeating the row, given the same batches and no dropout. A single row is never normalized by
    its own statistics. Prediction runs on the folded network in NumPy, for any number of rows, and
    compiles nothing. Ctrl-C stops ``fit`` and keeps the last complete epoch, or the best so far. If
    a call raises, the fitted attributes are unchanged.

    With several outputs, training minimizes the sum of their squared errors, as in scikit-learn,
    and the reported loss is their mean.

    The pilots train on 90 % of the rows, or on four of five folds below 1,000 rows, and the loss of
    the other rows judges them. Two pilots of 0.1 of the "scaled" epochs choose the encoding. If a
    pilot of 0.2 is better, the encoding is chosen again at this length. If it is better by more
    than 10 %, the fit has 0.6 of the "scaled" epochs, otherwise 0.1 or 0.2 of them. ``X_val``, if
    given, judges the pilots instead: it is then no test set. No pilots run below 100 rows, with
    "lbfgs" or ``early_stopping=True``, in ``partial_fit``, or if both settings are given.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", ICML 2015, arXiv:1502.03167.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sklearn.model_selection import train_test_split
    >>> from skbn import BatchNormMLPRegressor
    >>> X, y = make_friedman1(1000, random_state=0)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = BatchNormMLPRegressor(random_state=0).fit(X_train, y_train)
    >>> model.score(X_test, y_test) > 0.9
    True
    >>> model.target_norm_.mean_.round(1)
    array([14.])
    """

    _targets_class = RegressionTargets
    _parameter_constraints = BatchNormMLP._parameter_constraints | {
        "loss": [StrOptions({*REGRESSION_LOSSES})],
        "normalize_targets": ["boolean"],
        "target_momentum": [None, Interval(Real, 0, 1, closed="right")],
    }

    def __init__(
        self,
        loss="squared_error",
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
        weight_decay=0.1,
        dropout=0.0,
        normalize_targets=True,
        target_momentum=None,
        dtype="float32",
        device="cpu",
    ):
        self.loss = loss
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
        self.normalize_targets = normalize_targets
        self.target_momentum = target_momentum
        self.dtype = dtype
        self.device = device

    @available_if(lambda estimator: estimator._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train one epoch on a batch of rows of a stream.

        Each call updates ``target_norm_`` and rescales the last layer accordingly, so that
        predictions do not jump (Pop-Art, van Hasselt et al., arXiv:1602.07714). With
        ``target_momentum``, predictions follow the level and the scale of the newest targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The newest rows, at least two in the first call. In later calls, a batch of one row is
            normalized by the running statistics.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values of the rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss and in all statistics. They must not be negative.

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
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    @dask_blockwise()
    def predict(self, X):
        """Predict target values, in the units of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values. The dtype is float64 where targets are normalized, because float32
            loses digits far from zero, and the compute dtype otherwise.
        """
        return self._targets().decode(self._outputs(X))

    def to_sklearn(self):
        """Convert to stock scikit-learn with the same predictions.

        Every normalization is folded into the weights of an MLPRegressor, which are float64. The
        result is a Pipeline that ends in it if columns are limited to their range, encoded or
        categorical, or had missing values in fit. It does not depend on skbn. Further training uses
        no batch normalization. If the solver was "adamw" or the schedule "cosine", ``solver``,
        ``alpha``, ``learning_rate``, ``learning_rate_init`` and ``beta_2`` are scikit-learn's
        defaults.

        Returns
        -------
        regressor : sklearn.pipeline.Pipeline or sklearn.neural_network.MLPRegressor
            Fitted estimator.
        """
        check_is_fitted(self)
        return to_stock(self, MLPRegressor)
