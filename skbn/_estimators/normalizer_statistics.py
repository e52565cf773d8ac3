"""The base class of BatchNormalizer, which computes and stores the statistics."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from .._backends.cuda import adopted, is_on_gpu
from .._backends.selection import device_of, device_of_fitted
from .._backends.stacklevel import levels_below_caller
from .._statistics.moments import RunningMoments
from . import validation
from .persistence import Persistent
from .validation import fit_context


def is_constant(n_rows, mean, var):
    """Whether the variance of features is within the rounding error of a variance of n rows.

    The bound is that of StandardScaler, for the error of a two-pass variance.
    """
    eps = np.finfo(np.float64).eps
    with np.errstate(over="ignore", invalid="ignore"):
        return var <= n_rows * eps * var + (n_rows * mean * eps) ** 2


class Scaling(NamedTuple):
    """Mean, variance and scale of features.

    Attributes
    ----------
    mean, var, scale : ndarray of shape (n_features,)
        The scale is √(var + epsilon), or 1 where epsilon is 0 and the feature is constant up to
        rounding errors.
    is_small : ndarray of shape (n_features,), bool
        Whether the variance is below epsilon, or below the bound for constant features.
    """

    mean: np.ndarray
    var: np.ndarray
    scale: np.ndarray
    is_small: np.ndarray

    @classmethod
    def of(cls, moments, n_rows, epsilon, ddof):
        """The Scaling by the moments; n_rows enters the bound for constant features."""
        mean, var = moments.mean, moments.variance(ddof)
        if epsilon:
            return cls(mean, var, np.sqrt(var + epsilon), var < epsilon)
        constant = is_constant(n_rows, mean, var)
        return cls(mean, var, np.where(constant, 1.0, np.sqrt(var)), constant)

    def warn_of_lost(self, epsilon, identity):
        """Warn and name features that vary but are not scaled to unit variance."""
        if not self.is_small.any():
            return
        is_lost = self.is_small & (self.var > 0) & (self.var < np.inf)
        if is_lost.any():
            reason = SQUASHED_FEATURES.format(epsilon=epsilon) if epsilon else CONSTANT_FEATURES
            names = validation.feature_names(identity, len(is_lost))
            warnings.warn(
                f"{reason}: {', '.join(names[is_lost])}.",
                UserWarning,
                stacklevel=levels_below_caller(),
            )


SQUASHED_FEATURES = (
    "epsilon={epsilon} is above the variance of these features, which are squashed towards 0"
)
CONSTANT_FEATURES = (
    "These features are treated as constant and not scaled, because their variance is within the "
    "rounding error of values of this magnitude; subtract an offset first"
)


class StatisticsLearner(Persistent, CallbackSupportMixin, BaseEstimator):
    """Base class of estimators that compute running statistics of their features."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Compute the statistics of X, discarding those of previous calls.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to compute the statistics of. Sparse X must be CSR or CSC, and requires
            ``with_mean=False``.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. They must not be negative, nor all zero.

        Returns
        -------
        self : BatchNormalizer
            Fitted normalizer.

        Raises
        ------
        ValueError
            If X or a parameter is invalid. The statistics are then unchanged.
        """
        return self._update(None, X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Update the statistics with a batch of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to compute the statistics of. Sparse X must be CSR or CSC, and requires
            ``with_mean=False``.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. They must not be negative, nor all zero.

        Returns
        -------
        self : BatchNormalizer
            Fitted normalizer.

        Raises
        ------
        ValueError
            If X or a parameter is invalid. The statistics are then unchanged.
        """
        self._validate_changed_params()
        return self._update(seen_moments(self), X, y, sample_weight)

    def _update(self, seen, X, y, sample_weight):
        """Add the batch X to the moments ``seen``. Compute first, then set all attributes."""
        device_of(self.device)  # raises if the device is not available
        X, identity = self._validate_batch(X, None if seen is None else self._identity())
        n_features = identity["n_features_in_"]
        gamma_and_beta = self._gamma_and_beta(n_features)
        context = self._init_callback_context()
        task = {"estimator": self, "X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        context.call_on_fit_task_begin(**task)
        batch, n_rows = self._moments_of(X, sample_weight, identity)
        seen = RunningMoments.empty(n_features) if seen is None else seen
        moments = seen.merge(batch) if self.momentum is None else seen.forget(batch, self.momentum)
        self._check_weights_below_ddof(moments, n_rows)
        scaling = self._scaling(moments)
        if self.with_std:
            scaling.warn_of_lost(self.epsilon, identity)
        self._commit(moments, scaling, identity, gamma_and_beta)
        context.call_on_fit_task_end(**task, reconstruction_attributes={})
        return self

    def _validate_batch(self, X, identity):
        """X, and the identity of its features: that of X if ``identity`` is None."""
        accept_sparse = ("csr", "csc")
        X = self._adopted(X)
        if identity is None:
            X, identity = validation.validate_first(self, X, accept_sparse)
        else:
            X = validation.validate_next(self, X, accept_sparse)
            validation.check_width(self, X, identity["n_features_in_"])
        self._check_centering(X, "center")
        return X, identity

    def _adopted(self, X):
        """X, as a CuPy array if it is on the GPU."""
        if not is_on_gpu(X):
            return X
        if self.device == "cpu":
            raise ValueError(
                f"X is in the memory of a GPU: {type(self).__name__} takes it with device='cuda' "
                "or 'auto', got device='cpu'."
            )
        return adopted(X)

    def _check_centering(self, X, verb):
        if sparse.issparse(X) and self.with_mean:
            raise ValueError(
                f"Cannot {verb} sparse matrices: pass `with_mean=False` "
                "instead. See docstring for motivation and alternatives."
            )

    def _validate_changed_params(self):
        """Validate parameters set after ``fit``: ``fit_context`` skips fitted estimators."""
        # Comparing takes 1.6 µs. Validating takes 39 µs, and the rest of the call 94 µs.
        validated = getattr(self, "_validated_params", None)
        if validated is None or any(
            a is not b for a, b in zip(validated, self._params(), strict=True)
        ):
            self._validate_params()

    def _params(self):
        return [getattr(self, name) for name in self._parameter_constraints]

    def _gamma_and_beta(self, n_features):
        return (
            validation.per_feature("gamma", self.gamma, 1.0, n_features),
            validation.per_feature("beta", self.beta, 0.0, n_features),
        )

    def _identity(self):
        """The number and the names of the features, even if the user has set the statistics."""
        vector = self.mean_ if self.scale_ is None else self.scale_
        return {"n_features_in_": np.size(vector)} | validation.identity(self)

    def _moments_of(self, X, sample_weight, identity):
        """The moments of X, and its number of rows."""
        weights = validation.validate_weights(sample_weight, X)
        device = device_of_fitted(self.device)
        with device.oom_guard():
            moments = RunningMoments.of(X, weights, device)
        if not moments.is_finite():
            validation.refuse_infinity(identity, X)
        return moments, X.shape[0]

    def _check_weights_below_ddof(self, moments, n_rows):
        """Raise if weights sum to at most ddof, which interprets them as numbers of rows."""
        is_frequency = moments.is_weighted and self.momentum is None
        if not (self.ddof and is_frequency and n_rows > self.ddof):
            return
        low = (moments.count > 0) & (moments.count <= self.ddof)
        if low.any():
            raise ValueError(
                f"ddof={self.ddof} interprets sample_weight as frequencies, whose sum must be "
                f"above ddof; got a sum of {moments.count[low].min()}."
            )

    def _scaling(self, moments):
        """Mean, variance and scale of the moments.

        With ``momentum`` the rounding error does not grow with the number of rows, so that the
        bound for constant features is that of one row.
        """
        n_rows = moments.effective_count if self.momentum is None else 1
        return Scaling.of(moments, n_rows, self.epsilon, self.ddof)

    def _commit(self, moments, scaling, identity, gamma_and_beta):
        """Set all fitted attributes. Called after everything that may raise."""
        count, (mean, var, scale, _) = moments.count, scaling
        n_samples_seen = count[0] if (count == count[0]).all() else count
        mean = mean if self.with_mean or self.with_std else None
        var, scale = (var, scale) if self.with_std else (None, None)
        kept = vars(self).copy()
        for name in validation.IDENTITY:
            kept.pop(name, None)
        fitted = dict(
            identity,
            n_samples_seen_=n_samples_seen,
            mean_=mean,
            var_=var,
            scale_=scale,
            gamma_=gamma_and_beta[0],
            beta_=gamma_and_beta[1],
            _moments=moments,
            _committed=[None if s is None else s.copy() for s in (n_samples_seen, mean, var)],
            _validated_params=self._params(),
        )
        self.__dict__ = kept | fitted  # one assignment, which Ctrl-C cannot interrupt
        return self

    @classmethod
    def _of_moments(cls, moments, identity=None, named_by=None, **parameters):
        """An estimator with the given parameters, fitted to the moments.

        ``identity`` and ``named_by`` hold ``n_features_in_`` and ``feature_names_in_``. If
        ``named_by`` is given, a warning names the features that vary but are not scaled.
        """
        estimator = cls(**parameters)
        n_features, scaling = moments.table.shape[1], estimator._scaling(moments)
        identity = identity or {"n_features_in_": n_features}
        if named_by is not None:
            scaling.warn_of_lost(estimator.epsilon, named_by)
        return estimator._commit(moments, scaling, identity, estimator._gamma_and_beta(n_features))

    def _arrays(self):
        """Name, array and expected shape of the fitted attributes, to check a loaded state."""
        fitted = vars(self)
        if "_moments" in fitted:
            n_features = self.n_features_in_
            yield "_moments.table", self._moments.table, (5, n_features)
            squared = self._moments.squared_weights
            yield "_moments.squared_weights", 0.0 if squared is None else squared, (n_features,)
            for name in ("mean_", "var_", "scale_", "gamma_", "beta_"):
                yield name, 0.0 if fitted[name] is None else fitted[name], (n_features,)

    def merge(self, *others):
        """Return a new normalizer with the statistics of the rows of self and the others.

        The result is exact, as if one normalizer had seen all rows, for any order of merging.

        Parameters
        ----------
        *others : BatchNormalizer
            Normalizers fitted on the same features.

        Returns
        -------
        merged : BatchNormalizer
            Fitted normalizer with the parameters of self.

        Raises
        ------
        TypeError
            If one of the others is not a BatchNormalizer.
        ValueError
            If one has other features, or a ``momentum``, because an exponential average
            depends on the order of its batches.

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
        moments = seen_moments(self).merge(*map(seen_moments, others))
        identity = self._identity()
        gamma_and_beta = self._gamma_and_beta(identity["n_features_in_"])
        merged = clone(self)
        scaling = merged._scaling(moments)
        if merged.with_std:
            scaling.warn_of_lost(merged.epsilon, identity)
        return merged._commit(moments, scaling, identity, gamma_and_beta)

    def _check_mergeable(self, other):
        if not isinstance(other, StatisticsLearner):
            remedy = " Pass each as a separate argument: merge(*others)."
            raise TypeError(
                f"merge takes fitted {type(self).__name__} instances, got {type(other).__name__}."
                f"{remedy if isinstance(other, (list, tuple)) else ''}"
            )
        check_is_fitted(other)
        if other.momentum is not None:
            raise ValueError(
                "merge needs momentum=None, because an exponential average depends on the "
                f"order of its batches; got momentum={other.momentum}."
            )
        validation.check_same_features(type(self).__name__, self._identity(), other._identity())


def _same(value, committed):
    """Whether a fitted attribute has the value that was committed."""
    if value is None or committed is None:
        return value is committed
    # Comparing bytes, which works for NaN too, takes 0.5 µs; np.array_equal(equal_nan=True) 10 µs.
    return np.asarray(value).tobytes() == committed.tobytes()


def seen_moments(normalizer):
    """The RunningMoments of the rows that a normalizer has seen, or None."""
    fitted = vars(normalizer)
    count, mean, var = (fitted.get(name) for name in ("n_samples_seen_", "mean_", "var_"))
    if count is None:
        return None
    committed = fitted.get("_committed", [None] * 3)
    if all(map(_same, (count, mean, var), committed)):
        return fitted["_moments"]
    # The user has set the attributes, as is done with StandardScaler to restore a fitted one or
    # to limit the weight of previous rows.
    mean, var = (0.0 if s is None else s for s in (mean, var))
    n_features = np.size(mean if normalizer.scale_ is None else normalizer.scale_)
    return RunningMoments.from_statistics(n_features, count, mean, var, normalizer.ddof)
