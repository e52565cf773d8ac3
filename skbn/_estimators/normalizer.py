"""BatchNormalizer: running statistics and normalization as a scikit-learn transformer."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from .._backends.selection import device_of_fitted
from .._statistics.host import scale_stored
from .._statistics.passes import passes_of
from ..dask._lazy import dask_blockwise
from . import validation
from .normalizer_statistics import Scaling, StatisticsLearner
from .validation import Interval, StrOptions


class BatchNormalizer(OneToOneFeatureMixin, TransformerMixin, StatisticsLearner):
    """Normalize features by running statistics, like batch normalization at inference.

    Each feature is transformed to ``y = gamma * (x - mean) / sqrt(var + epsilon) + beta``. Mean
    and variance are those of all rows seen by :meth:`fit` and :meth:`partial_fit`. With default
    parameters it is a drop-in replacement for :class:`~sklearn.preprocessing.StandardScaler`: it
    has the same attributes, results and treatment of constant features, but no array API dispatch.

    The statistics are exact. They do not depend on how a stream is split into batches and are
    bit-for-bit independent of the number of threads. Arrays are read in place, in any memory
    order. Besides X and the result, about 30 MB of memory are needed, or more if 64 rows alone
    take megabytes.

    Parameters
    ----------
    momentum : float in (0, 1] or None, default=None
        Weight of the newest batch in the statistics (PyTorch's convention; Keras and Flax use the
        weight of the old statistics). None gives every row the same weight (cumulative
        statistics). With a number, the statistics are an exponential average without start-up
        bias: the weight of earlier batches decays, each batch counts once, whatever its number of
        rows, and the variance includes the spread between batch means. Each call of ``fit`` or
        ``partial_fit`` is one batch.
    epsilon : float, default=0.0
        Added to the variance. It squashes features whose variance is not well above it: a
        UserWarning names the features, except constant ones, whose variance is below epsilon.
        Hidden layers use 1e-5. The default is 0, because data may be in any unit.
    with_mean : bool, default=True
        Whether to center the features. Must be False for sparse input, which would become dense.
        Scaling alone keeps its zeros.
    with_std : bool, default=True
        Whether to scale the features to unit variance.
    gamma, beta : float, array-like of shape (n_features,) or None, default=None
        Scale and shift of the normalized features. None means 1 and 0. Changes of gamma, beta,
        momentum, epsilon and ddof take effect in the next call of ``fit`` or ``partial_fit``.
    ddof : int, default=0
        Delta degrees of freedom. 1 gives the unbiased variance, which the paper uses at inference.
        The cumulative variance is Σ(x − mean)² / (n − ddof), or 0 if n ≤ ddof, where n is the sum
        of the sample weights, interpreted as frequencies. With ``momentum``, the variance with
        ``ddof=0`` is multiplied by 1 / (1 − ddof·Σω²), where ω is the weight of a row in the
        average. A batch of m rows whose weight in the average is λ adds λ²/m to Σω², or
        λ²·Σw²/(Σw)² with sample weights w. For a single row and ``momentum=1``, the variance is
        that of ``ddof=0``, which is 0.
    copy : bool, default=True
        Whether to return a copy. False writes the result into X where possible, that is into a
        writeable float32 or float64 array.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Device for the computation. "cuda" is the current GPU of CuPy, which the extra
        ``cuda13`` (or ``cuda12``) installs. "auto" is the GPU if there is one and these
        packages are installed, otherwise the CPU. X in host memory is processed on the GPU in
        chunks, so it may be larger than GPU memory, and the result is in host memory. X on the GPU
        (of CuPy, PyTorch or another library with ``__cuda_array_interface__`` or DLPack) stays
        there, and the result is a CuPy array. Sparse X is processed on the CPU. Fitted attributes
        are always in host memory. A normalizer fitted with "cuda" can transform, but not be
        fitted, on a machine without GPU.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float64, or None
        Mean of each feature; NaN where no value was seen. None when ``with_mean=False`` and
        ``with_std=False``.
    var_ : ndarray of shape (n_features,), float64, or None
        Variance of each feature. None when ``with_std=False``.
    scale_ : ndarray of shape (n_features,), float64, or None
        ``sqrt(var_ + epsilon)``. With ``epsilon=0`` it is 1 for features that are constant up to
        rounding errors by StandardScaler's rule, ``var_ <= n * eps * var_ + (n * mean_ *
        eps)**2``. Here n is the number of rows, or with sample weights the effective number
        (Σw)²/Σw². If ``momentum`` is set, n is 1. The bound grows with n: 3,000,000 rows with a
        mean of 1e9 and a standard deviation of 0.5 are treated as constant. A UserWarning names
        such features if their variance is above 0. None when ``with_std=False``.
    gamma_, beta_ : ndarray of shape (n_features,), float64
        Scale and shift that ``transform`` uses.
    n_samples_seen_ : int, float or ndarray of shape (n_features,)
        Number of rows seen, or the sum of their sample weights. An array if features have
        different numbers of missing values.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,), object
        Names of features seen during fit, if X has names that are all strings.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : Normalize features by cumulative statistics.

    Notes
    -----
    NaN is treated as a missing value: it is ignored in the statistics and kept by ``transform``.
    Infinity raises an error. float32 and float64 X keep their dtype. float16 X is computed in
    float32 and returned as float16. All other dtypes become float64. Statistics are always float64.
    If a call raises, the statistics are unchanged.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", ICML 2015, arXiv:1502.03167, Algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skbn import BatchNormalizer
    >>> stream = np.array([[1.0, 200.0], [3.0, 400.0], [5.0, 600.0], [7.0, 800.0]])
    >>> normalizer = BatchNormalizer()
    >>> for batch in np.split(stream, 2):
    ...     normalizer = normalizer.partial_fit(batch)
    >>> normalizer.mean_, normalizer.var_
    (array([  4., 500.]), array([5.e+00, 5.e+04]))
    >>> normalizer.transform([[4.0, 500.0], [9.0, 500.0]]).round(2)
    array([[0.  , 0.  ],
           [2.24, 0.  ]])
    """

    _parameter_constraints = {
        "momentum": [None, Interval(Real, 0, 1, closed="right")],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
        "gamma": [None, Real, "array-like"],
        "beta": [None, Real, "array-like"],
        "ddof": [Interval(Integral, 0, None, closed="left")],
        "copy": ["boolean"],
        "device": [StrOptions({"cpu", "cuda", "auto"})],
    }

    def __init__(
        self,
        *,
        momentum=None,
        epsilon=0.0,
        with_mean=True,
        with_std=True,
        gamma=None,
        beta=None,
        ddof=0,
        copy=True,
        device="cpu",
    ):
        self.momentum = momentum
        self.epsilon = epsilon
        self.with_mean = with_mean
        self.with_std = with_std
        self.gamma = gamma
        self.beta = beta
        self.ddof = ddof
        self.copy = copy
        self.device = device

    @dask_blockwise(as_frame=True, copy=True)
    def transform(self, X, copy=None):
        """Normalize X by the running statistics (Algorithm 2 of the paper).

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows to normalize.

        copy : bool, default=None
            Overrides the parameter ``copy`` of the constructor.

        Returns
        -------
        X_normalized : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Normalized rows in the memory order of X. The Notes of the class describe the dtype.
        """
        check_is_fitted(self)
        X = self._adopted(X)
        if self.copy if copy is None else copy:
            X = validation.validate_next(self, X, "csr")
            out = validation.output_like(X)
        else:
            X = out = validation.validate_writeable(self, X)
        self._check_centering(X, "center")
        return self._apply(self._affine(X.shape[1]), X, out)

    @dask_blockwise(as_frame=True, copy=True)
    def inverse_transform(self, X, copy=None):
        """Undo the normalization of ``transform``.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Normalized rows.

        copy : bool, default=None
            Overrides the parameter ``copy`` of the constructor.

        Returns
        -------
        X_original : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Rows in the original units.

        Raises
        ------
        ValueError
            If gamma is 0 for a feature, because ``transform`` discards its values.
        """
        check_is_fitted(self)
        X = self._adopted(X)
        if self.copy if copy is None else copy:
            X = validation.validate_normalized(self, X)
            out = validation.output_like(X)
        else:
            X = out = validation.validate_normalized_writeable(self, X)
        self._check_centering(X, "uncenter")
        validation.check_width(self, X, self._identity()["n_features_in_"])
        mean, scale, offset = self._affine(X.shape[1])
        self._check_zero_gamma(scale, "inverse_transform")
        return self._apply((offset, 1.0 / scale, mean), X, out)

    def normalize_batch(self, X, sample_weight=None):
        """Normalize X by its own statistics (Algorithm 1 of the paper), like a layer in training.

        Uses the parameters gamma, beta, epsilon, with_mean and with_std, but neither ddof nor the
        running statistics, which it does not update. It does not require a fitted normalizer.

        Parameters
        ----------
        X : {array-like, CSR or CSC matrix} of shape (n_samples, n_features)
            Batch of rows.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the statistics.

        Returns
        -------
        X_normalized : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Normalized rows.

        Examples
        --------
        >>> from skbn import BatchNormalizer
        >>> BatchNormalizer(gamma=2.0, beta=1.0).normalize_batch([[10.0], [20.0], [30.0]]).round(2)
        array([[-1.45],
               [ 1.  ],
               [ 3.45]])
        """
        self._validate_changed_params()
        identity = self._identity() if hasattr(self, "scale_") else None
        batch, identity = self._validate_batch(X, identity)
        moments, _ = self._moments_of(batch, sample_weight, identity)
        if self.with_std and not self.epsilon:  # squashing by a layer's epsilon is intended
            self._batch_scaling(moments).warn_of_lost(self.epsilon, identity)
        out = self._normalized_by(moments, batch)
        return validation.in_container(self, identity, out, X)

    def _normalized_by(self, moments, batch):
        """Apply Algorithm 1 to a batch, given the moments of its rows."""
        gamma, beta = self._gamma_and_beta(batch.shape[1])
        scaling = self._batch_scaling(moments)
        mean = scaling.mean if self.with_mean else np.zeros_like(gamma)
        batch = batch.tocsr() if sparse.issparse(batch) else batch
        affine = mean, gamma / scaling.scale if self.with_std else gamma, beta
        return self._apply(affine, batch, validation.output_like(batch))

    def _batch_scaling(self, moments):
        """The Scaling by the moments of a batch, without momentum and ddof."""
        return Scaling.of(moments, moments.effective_count, self.epsilon, ddof=0)

    def _affine(self, n_features):
        """The (mean, scale, offset) of Algorithm 2, y = scale·(x − mean) + offset."""
        if (self.with_mean and self.mean_ is None) or (self.with_std and self.scale_ is None):
            raise ValueError(
                f"with_mean={self.with_mean} and with_std={self.with_std} were set after a fit "
                "without these statistics: call fit again."
            )
        fitted = (self.gamma_, self.beta_) if hasattr(self, "gamma_") else None
        gamma, beta = fitted or self._gamma_and_beta(n_features)
        mean, std = (self.mean_ if self.with_mean else 0.0), (self.scale_ if self.with_std else 1.0)
        vectors = mean, np.divide(gamma, std), beta
        return tuple(validation.per_column(vector, n_features) for vector in vectors)

    def _apply(self, affine, X, out):
        """Write y = scale·(x − mean) + offset of X into out. Raise if X has infinity."""
        mean, scale, offset = affine
        if not sparse.issparse(X):
            device = device_of_fitted(self.device)
            with device.oom_guard():
                infinite = passes_of(device).normalize(X, mean, scale, offset, out)
        elif mean.any() or offset.any():
            raise ValueError(
                f"Cannot shift sparse matrices: beta must be None or 0, got {self.beta!r}."
            )
        else:
            infinite = scale_stored(X, scale, out)
        if infinite:
            validation.refuse_infinity(validation.identity(self), X)
        return out

    def fold(self):
        """Return the normalization as one scale and one shift: y = x * scale + shift.

        A dense layer with weights W followed by the normalization is equivalent to one dense layer
        with weights ``W * scale`` and bias ``bias * scale + shift``. If ``|mean_|`` is far above
        ``scale_``, ``transform`` is more accurate.

        Returns
        -------
        scale : ndarray of shape (n_features,), float64
            The scale γ′ = γ / √(σ² + ε).

        shift : ndarray of shape (n_features,), float64
            The shift β′ = β − γ′·μ.

        Examples
        --------
        >>> from skbn import BatchNormalizer
        >>> BatchNormalizer(beta=1.0).fit([[0.0], [4.0]]).fold()
        (array([0.5]), array([0.]))
        """
        check_is_fitted(self)
        mean, scale, offset = self._affine(self._identity()["n_features_in_"])
        return scale, offset - scale * mean

    def to_sklearn(self):
        """Convert to a StandardScaler with the same ``transform``.

        Gamma, beta and epsilon are folded into its mean and scale. If none of them is set, its
        ``partial_fit`` can continue from the statistics.

        Returns
        -------
        scaler : sklearn.preprocessing.StandardScaler
            Fitted scaler.

        Raises
        ------
        ValueError
            If gamma is 0 for a feature, because StandardScaler cannot return a constant.

        Examples
        --------
        >>> from skbn import BatchNormalizer
        >>> normalizer = BatchNormalizer(gamma=2.0, beta=1.0).fit([[0.0], [4.0]])
        >>> normalizer.to_sklearn().transform([[6.0]]), normalizer.transform([[6.0]])
        (array([[5.]]), array([[5.]]))
        """
        check_is_fitted(self)
        identity = self._identity()
        mean, scale, offset = self._affine(identity["n_features_in_"])
        self._check_zero_gamma(scale, "to_sklearn")
        is_shifted = bool(self.with_mean or offset.any())
        is_scaled = bool(self.with_std or (scale != 1.0).any())
        scaler = StandardScaler(copy=self.copy, with_mean=is_shifted, with_std=is_scaled)
        vars(scaler).update(
            identity | validation.output_config(self),
            n_samples_seen_=np.copy(self.n_samples_seen_)[()],
            mean_=mean - offset / scale if is_shifted else np.copy(self.mean_)[()],
            var_=self._folded_var(scale) if is_scaled else None,
            scale_=1.0 / scale if is_scaled else None,
        )
        return scaler

    def _folded_var(self, scale):
        """The variance whose square root is 1 / scale; for a constant feature, its variance."""
        if not self.with_std:
            return 1.0 / scale**2
        is_root = (self.scale_ == 1.0) | (self.scale_ == np.sqrt(self.var_))
        return np.where(is_root, self.var_, self.scale_**2) / (scale * self.scale_) ** 2

    def _check_zero_gamma(self, scale, method):
        if not scale.all():
            names = validation.feature_names(self._identity(), len(scale))[scale == 0]
            raise ValueError(f"{method} needs gamma other than 0, got 0 for: {', '.join(names)}.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = not self.with_mean
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags


def fitted_normalizer(moments, identity=None, named_by=None, **parameters):
    """A BatchNormalizer with the given parameters, fitted to the moments; see ``_of_moments``."""
    return BatchNormalizer._of_moments(moments, identity, named_by, **parameters)
