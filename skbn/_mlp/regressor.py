"""BatchNormMLPRegressor."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._losses import PoissonDeviance, SquaredError
from .._moments import RunningMoments
from .._normalizer import fitted_normalizer
from .._validation import StrOptions, fit_context
from .base import BatchNormMLP
from .export import to_stock


class BatchNormMLPRegressor(RegressorMixin, BatchNormMLP):
    """DOC"""

    _parameter_constraints = BatchNormMLP._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"})],
        "normalize_targets": ["boolean"],
    }
    _y_checks = {"y_numeric": True}

    def __init__(
        self,
        loss="squared_error",
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
        normalize_targets=True,
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
        self.dropout = dropout
        self.normalize_targets = normalize_targets
        self.dtype = dtype
        self.device = device

    @available_if(lambda estimator: estimator._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train one epoch on the rows of a stream.

        ``target_norm_`` keeps accumulating; when it moves the last layer is rescaled, so that
        predictions do not jump (Pop-Art, van Hasselt et al., arXiv:1602.07714).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The newest rows; a single row is normalized by the running statistics.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the loss and in the statistics alike; not negative.

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
        return self._fit(X, y, sample_weight, (None, None, None), is_incremental=True)

    def _begin_stream(self, y):
        """Nothing is announced."""

    def _validate_input(self, X, y, _is_incremental, is_first):
        X, y = self._validate_X_y(X, y, reset=is_first, **self._y_checks)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' needs y >= 0, got {y.min()}.")
        return X, y

    def _learn_targets(self, y, weight, dtype, is_first, is_incremental):
        """Targets, and the weights of the rows in the loss."""
        y = y.reshape(len(y), -1)
        self._refuse_other_outputs(y.shape[1], is_first)
        self.n_outputs_ = y.shape[1]
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        known = None if is_first else self.target_norm_
        self.target_norm_ = None
        if self.normalize_targets and self.loss != "poisson":
            moments = RunningMoments.of(y, weight)
            if known is not None and is_incremental:
                moments = known._seen().merge(moments)
            self.target_norm_ = fitted_normalizer(moments)
        if not is_first:
            self._rescale_output(known)
        return self._encode(y, dtype), weight

    def _refuse_other_outputs(self, n_outputs, is_first):
        if not is_first and n_outputs != self.n_outputs_:
            raise ValueError(
                f"y has {n_outputs} outputs, but {type(self).__name__} was trained on "
                f"{self.n_outputs_}."
            )

    def _rescale_output(self, known):
        """Give the last layer the new units of its targets, so that predictions stay."""
        mean, scale = _units(known)
        new_mean, new_scale = _units(self.target_norm_)
        ratio = scale / new_scale
        dtype = self.coefs_[-1].dtype
        coef = (self.coefs_[-1] * ratio).astype(dtype)
        intercept = (self.intercepts_[-1] * ratio + (mean - new_mean) / new_scale).astype(dtype)
        self.coefs_ = [*self.coefs_[:-1], coef]
        self.intercepts_ = [*self.intercepts_[:-1], intercept]

    def _encode(self, y, dtype):
        """The targets (n, n_outputs), standardized where they are to be."""
        mean, scale = _units(self.target_norm_)
        return ((y.reshape(len(y), -1) - mean) / scale).astype(dtype)

    @property
    def _target_norm(self):
        return self.target_norm_

    def _strata(self, targets):
        """Regression has none."""

    def _loss(self, device, dtype):
        if self.loss == "poisson":
            return PoissonDeviance(device, dtype)
        return SquaredError(device, dtype, self.n_outputs_)

    def _score_of_logits(self, targets, logits, sample_weight):
        """R², which standardized targets leave as it is."""
        predicted = np.exp(logits) if self.loss == "poisson" else logits
        return r2_score(targets, predicted, sample_weight=sample_weight)

    def predict(self, X):
        """Predict target values, in the units of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the compute dtype.
        """
        outputs = self._outputs(X)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    def to_sklearn(self):
        """Give an MLPRegressor whose predictions are the same.

        Every normalization is folded into its weights, which are float64. It needs no skbn, and
        can be converted by what knows scikit-learn. Where it is trained further it goes on
        without batch normalization, "adamw" as "adam" and "cosine" as "constant".

        Returns
        -------
        regressor : sklearn.neural_network.MLPRegressor
            Fitted.
        """
        check_is_fitted(self)
        return to_stock(self, MLPRegressor)


def _units(normalizer):
    """Mean and scale of the units of a normalizer, or of no normalizer."""
    return (0.0, 1.0) if normalizer is None else (normalizer.mean_, normalizer.scale_)
