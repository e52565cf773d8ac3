"""The learning half of BatchNormalizer: compute statistics, then commit them."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from .. import _device, _validation
from .._moments import RunningMoments


class StatisticsLearner(CallbackSupportMixin, BaseEstimator):
    """An estimator that learns running statistics of its features."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Forget what was seen and compute the statistics of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            CSR and CSC are taken with ``with_mean=False``.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative and not all zero.

        Returns
        -------
        self : BatchNormalizer

        Raises
        ------
        ValueError
            If X or a parameter is not as described. The statistics are then as before.
        """
        return self._update(None, X, y, sample_weight)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add a batch of rows to the statistics.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            CSR and CSC are taken with ``with_mean=False``.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative and not all zero.

        Returns
        -------
        self : BatchNormalizer

        Raises
        ------
        ValueError
            If X or a parameter is not as described. The statistics are then as before.
        """
        self._validate_changed_params()
        return self._update(self._seen(), X, y, sample_weight)

    def _update(self, seen, X, y, sample_weight):
        """Add the batch X to the moments seen: compute, then commit."""
        _device.check_device(self.device)
        X, identity = self._validate_batch(X, is_first=seen is None)
        context = self._init_callback_context()
        task = {"estimator": self, "X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        context.call_on_fit_task_begin(**task)
        batch = self._moments_of(X, sample_weight)
        seen = RunningMoments.empty(X.shape[1]) if seen is None else seen
        if self.momentum is None:
            moments = seen.weighed_by_count().merge(batch)
        else:
            moments = seen.forget(batch, self.momentum)
        self._commit(moments, identity)
        self._warn_of_squashed_features()
        context.call_on_fit_task_end(**task, reconstruction_attributes={})
        return self

    def _validate_batch(self, X, is_first):
        accept_sparse = ("csr", "csc")
        if is_first:
            X, identity = _validation.validate_first(self, X, accept_sparse)
        else:
            X = _validation.validate_next(self, X, accept_sparse)
            identity = _validation.identity(self)
        self._refuse_centering(X, "center")
        return X, identity

    def _refuse_centering(self, X, verb):
        if sparse.issparse(X) and self.with_mean:
            raise ValueError(
                f"Cannot {verb} sparse matrices: pass `with_mean=False` "
                "instead. See docstring for motivation and alternatives."
            )

    def _validate_changed_params(self):
        """Validate what was set since: ``_fit_context`` leaves a fitted estimator alone."""
        # Comparing takes 1 µs; validating takes as long as all else on a batch of 256x100.
        validated = getattr(self, "_validated_params", None)
        if validated is None or any(
            a is not b for a, b in zip(validated, self._params(), strict=True)
        ):
            self._validate_params()

    def _params(self):
        return [getattr(self, name) for name in self._parameter_constraints]

    def _seen(self):
        """The moments of the rows seen, or None."""
        if not hasattr(self, "_moments") and hasattr(self, "n_samples_seen_"):
            # Statistics set by hand, as is done with StandardScaler to restore one.
            mean, var = (0.0 if s is None else s for s in (self.mean_, self.var_))
            return RunningMoments.from_statistics(
                self.n_features_in_, self.n_samples_seen_, mean, var, self.ddof
            )
        return getattr(self, "_moments", None)

    def _moments_of(self, X, sample_weight):
        weights = _validation.validate_weights(sample_weight, X)
        if weights is not None and weights.sum() <= self.ddof < len(weights):
            raise ValueError(
                f"ddof={self.ddof} takes sample_weight for frequencies, whose sum must be above "
                f"it; got a sum of {weights.sum()}."
            )
        moments = RunningMoments.of(X, weights)
        if not moments.is_finite():
            _validation.refuse_infinity(self, X)
        return moments

    def _commit(self, moments, identity):
        """Set every fitted attribute, after all that could be refused."""
        n_features = identity["n_features_in_"]
        gamma = _validation.per_feature("gamma", self.gamma, 1.0, n_features)
        beta = _validation.per_feature("beta", self.beta, 0.0, n_features)
        count, mean, var = moments.count, moments.mean, moments.variance(self.ddof)
        scale = self._scale(count, mean, var)
        for name in _validation.IDENTITY:
            vars(self).pop(name, None)
        vars(self).update(
            identity,
            n_samples_seen_=count[0] if (count == count[0]).all() else count,
            mean_=mean if self.with_mean or self.with_std else None,
            var_=var if self.with_std else None,
            scale_=scale if self.with_std else None,
            gamma_=gamma,
            beta_=beta,
            _moments=moments,
            _validated_params=self._params(),
        )
        return self

    def _scale(self, count, mean, var):
        """√(var + epsilon), or 1 where epsilon is 0 and the feature is as good as constant."""
        if self.epsilon:
            return np.sqrt(var + self.epsilon)
        # StandardScaler's bound on the rounding error of the two-pass variance.
        eps = np.finfo(np.float64).eps
        with np.errstate(over="ignore", invalid="ignore"):
            bound = count * eps * var + (count * mean * eps) ** 2
        return np.where(var <= bound, 1.0, np.sqrt(var))

    def _warn_of_squashed_features(self):
        if not (self.epsilon and self.with_std):
            return
        squashed = (self.var_ < self.epsilon) & (self.var_ > 0)
        if squashed.any():
            names = ", ".join(map(str, self.get_feature_names_out()[squashed]))
            warnings.warn(
                f"epsilon={self.epsilon} is above the variance of these features, which are "
                f"squashed towards 0: {names}.",
                UserWarning,
                stacklevel=5,
            )

    def merge(self, *others):
        """Give a new normalizer with the statistics of the rows of self and the others.

        Exact: as if one normalizer had seen all rows, whatever the order of merging.

        Parameters
        ----------
        *others : BatchNormalizer
            Fitted on the same features. The parameters of the result are self's.

        Returns
        -------
        merged : BatchNormalizer

        Raises
        ------
        TypeError
            If one of the others is not a BatchNormalizer.
        ValueError
            If one has other features, or a ``momentum``: an exponential average depends on
            the order of its batches.

        Examples
        --------
        >>> from skbn import BatchNormalizer
        >>> monday = BatchNormalizer().fit([[1.0], [3.0]])
        >>> tuesday = BatchNormalizer().fit([[5.0], [7.0], [9.0]])
        >>> monday.merge(tuesday).mean_
        array([5.])
        """
        for normalizer in (self, *others):
            self._check_mergeable(normalizer)
        moments = self._seen().merge(*(other._seen() for other in others))
        return clone(self)._commit(moments, _validation.identity(self))

    def _check_mergeable(self, other):
        if not isinstance(other, type(self)):
            raise TypeError(
                f"merge takes fitted {type(self).__name__} instances, got {type(other).__name__}."
            )
        check_is_fitted(other)
        if other.momentum is not None:
            raise ValueError(
                "merge needs momentum=None, because an exponential average depends on the "
                f"order of its batches; got momentum={other.momentum}."
            )
        _validation.check_same_features(self, other)
