"""BatchNormalizer: running statistics and normalization as a scikit-learn transformer."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from .. import _chunks, _device, _validation
from .._lazy import dask_blockwise
from .._validation import Interval, StrOptions
from .statistics import Scaling, StatisticsLearner


class BatchNormalizer(OneToOneFeatureMixin, TransformerMixin, StatisticsLearner):
    """Normalize features by running statistics, as batch normalization does at inference.

    Every feature becomes ``y = gamma * (x - mean) / sqrt(var + epsilon) + beta``, where mean
    and variance are those of all rows seen by :meth:`fit` and :meth:`partial_fit`. With the
    default parameters it is a drop-in for :class:`~sklearn.preprocessing.StandardScaler`:
    the same attributes, results and treatment of constant features, without array API dispatch.

    The statistics are exact: they do not depend on how a stream is split into batches, nor,
    to the last bit, on the number of threads. Arrays are read where they are, in any memory
    order: beyond X and the result some 30 MB are needed, more where 64 rows alone take megabytes.

    Parameters
    ----------
    momentum : float in (0, 1] or None, default=None
        None gives every row the same weight: cumulative statistics. A number is the weight of
        the newest batch (PyTorch's convention; Keras and Flax weigh the old statistics), those
        before it decay: an exponential average without start-up bias, in which a batch
        counts once, however many rows it has, and the spread between the means of batches
        counts into the variance. A call of ``fit`` or ``partial_fit`` is a batch.

    epsilon : float, default=0.0
        Added to the variance. A feature whose variance is not well above epsilon is squashed:
        a UserWarning names those whose variance is below it, constant ones aside. Hidden
        layers take 1e-5; columns of data come in any unit.

    with_mean : bool, default=True
        Center the features. Sparse input needs False, because centered it would be dense;
        scaled alone it keeps its zeros.

    with_std : bool, default=True
        Scale the features to unit variance.

    gamma, beta : float, array-like of shape (n_features,) or None, default=None
        Scale and shift of the normalized features; None is 1 and 0. Like momentum, epsilon and
        ddof they take effect with the next ``fit`` or ``partial_fit``.

    ddof : int, default=0
        1 gives the unbiased variance that the paper uses at inference. Cumulative statistics:
        Σ(x − mean)² / (n − ddof), where n is the sum of the sample weights, which are taken for
        frequencies; 0 while n ≤ ddof. With ``momentum``: the variance with ``ddof=0`` times
        1 / (1 − ddof·Σω²), where ω is the share of a row in the average. A batch of m rows
        whose share in the average is λ adds λ²/m to Σω², with sample weights λ²·Σw²/(Σw)². A
        single row at ``momentum=1`` has the variance of ``ddof=0``, which is 0.

    copy : bool, default=True
        False writes the results into X where that is possible: a writeable float32 or float64
        array.

    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to compute. "cuda" is the current GPU of CuPy, which the extra ``skbn[cuda13]`` (or
        ``[cuda12]``) brings; "auto" takes the GPU where there is one and these are installed, else
        the CPU. X in host memory goes through the GPU in chunks, so that there may be more than
        it holds, and comes back. X on the GPU (of CuPy, PyTorch or another library with
        ``__cuda_array_interface__`` or DLPack) stays there, and results are arrays of CuPy. Sparse
        X is computed by the host. What is learned is in host memory always: what was fitted with
        "cuda" transforms without a GPU too, on the CPU; only learning fails there.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float64, or None
        Mean of each feature, NaN where no value was seen. None when ``with_mean=False`` and
        ``with_std=False``.

    var_ : ndarray of shape (n_features,), float64, or None
        Variance of each feature. None when ``with_std=False``.

    scale_ : ndarray of shape (n_features,), float64, or None
        ``sqrt(var_ + epsilon)``. With ``epsilon=0`` it is 1 for features that are constant but for
        rounding errors by StandardScaler's rule, ``var_ <= n * eps * var_ + (n * mean_ *
        eps)**2``. There n is the number of rows, with sample weights the effective number
        (Σw)²/Σw², and 1 with momentum. The bound grows with n: 3,000,000 rows at offset 1e9 with
        a standard deviation of 0.5 are taken for constant. A UserWarning names features whose
        variance is above 0. None when ``with_std=False``.

    gamma_, beta_ : ndarray of shape (n_features,), float64
        Scale and shift in use.

    n_samples_seen_ : int, float or ndarray of shape (n_features,)
        Rows seen, or the sum of their weights; an array when features differ by missing values.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features,), object
        Names of the features, where X had names that are all strings.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : Cumulative statistics alone.

    Notes
    -----
    NaN is taken for missing: skipped in the statistics, kept by the transformation. Infinity
    is refused. float32 and float64 keep their dtype; float16 is computed in float32 and given
    back as float16; all else becomes float64. Statistics are float64 always. A call that is
    refused leaves the statistics as they were.

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

    @dask_blockwise(gives_frames=True, copy=True)
    def transform(self, X, copy=None):
        """Normalize X by the running statistics (the paper's Algorithm 2).

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        copy : bool, default=None
            Overrides the parameter ``copy``.

        Returns
        -------
        X_normalized : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Of the dtype and memory order of X; see Notes of the class.
        """
        check_is_fitted(self)
        X = self._adopted(X)
        if self.copy if copy is None else copy:
            X = _validation.validate_next(self, X, "csr")
            out = _validation.output_like(X)
        else:
            X = out = _validation.validate_writeable(self, X)
        self._check_centering(X, "center")
        return self._apply(self._affine(X.shape[1]), X, out)

    @dask_blockwise(gives_frames=True, copy=True)
    def inverse_transform(self, X, copy=None):
        """Undo ``transform``.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        copy : bool, default=None
            Overrides the parameter ``copy``.

        Returns
        -------
        X_original : {ndarray, sparse matrix} of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If gamma is 0 for a feature: nothing is left of its values.
        """
        check_is_fitted(self)
        X = self._adopted(X)
        if self.copy if copy is None else copy:
            X = _validation.validate_normalized(self, X)
            out = _validation.output_like(X)
        else:
            X = out = _validation.validate_normalized_writeable(self, X)
        self._check_centering(X, "uncenter")
        _validation.check_width(self, X, self._identity()["n_features_in_"])
        mean, scale, offset = self._affine(X.shape[1])
        self._check_zero_gamma(scale, "inverse_transform")
        return self._apply((offset, 1.0 / scale, mean), X, out)

    def normalize_batch(self, X, sample_weight=None):
        """Normalize X by its own statistics (the paper's Algorithm 1), as a layer in training.

        Takes the parameters gamma, beta, epsilon, with_mean and with_std, but neither running
        statistics nor ddof; learns nothing, and needs no fit.

        Parameters
        ----------
        X : {array-like, CSR or CSC matrix} of shape (n_samples, n_features)

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the statistics.

        Returns
        -------
        X_normalized : {ndarray, sparse matrix} of shape (n_samples, n_features)

        Examples
        --------
        >>> from skbn import BatchNormalizer
        >>> BatchNormalizer(gamma=2.0, beta=1.0).normalize_batch([[10.0], [20.0], [30.0]]).round(2)
        array([[-1.45],
               [ 1.  ],
               [ 3.45]])
        """
        self._validate_changed_params()
        known = self._identity() if hasattr(self, "scale_") else None
        batch, identity = self._validate_batch(X, known)
        moments = self._moments_of(batch, sample_weight, identity)
        if self.with_std and not self.epsilon:  # a layer's epsilon is meant
            self._batch_scaling(moments).warn_of_lost(self.epsilon, identity)
        out = self._normalized_by(moments, batch)
        return _validation.in_container(self, identity, out, X)

    def _normalized_by(self, moments, batch):
        """Algorithm 1, by the moments of the rows that are the batch."""
        gamma, beta = self._gamma_and_beta(batch.shape[1])
        scaling = self._batch_scaling(moments)
        mean = scaling.mean if self.with_mean else np.zeros_like(gamma)
        batch = batch.tocsr() if sparse.issparse(batch) else batch
        affine = mean, gamma / scaling.scale if self.with_std else gamma, beta
        return self._apply(affine, batch, _validation.output_like(batch))

    def _batch_scaling(self, moments):
        """Scaling by the moments of a batch: no momentum, no ddof."""
        return Scaling.of(moments, moments.effective_count, self.epsilon, ddof=0)

    def _affine(self, n_features):
        """Algorithm 2 as (mean, scale, offset) of y = scale·(x − mean) + offset."""
        if (self.with_mean and self.mean_ is None) or (self.with_std and self.scale_ is None):
            raise ValueError(
                f"with_mean={self.with_mean} and with_std={self.with_std} were set after a fit "
                "without these statistics: call fit again."
            )
        own = (self.gamma_, self.beta_) if hasattr(self, "gamma_") else None
        gamma, beta = own or self._gamma_and_beta(n_features)
        mean, std = (self.mean_ if self.with_mean else 0.0), (self.scale_ if self.with_std else 1.0)
        vectors = mean, np.divide(gamma, std), beta
        return tuple(_validation.per_column(vector, n_features) for vector in vectors)

    def _apply(self, affine, X, out):
        """Write y = scale·(x − mean) + offset of X into out, and refuse infinity."""
        mean, scale, offset = affine
        if not sparse.issparse(X):
            device = _device.device_of_fitted(self.device)
            with device.oom_guard():
                infinite = device.chunks.normalize(X, mean, scale, offset, out)
        elif mean.any() or offset.any():
            raise ValueError(
                f"Cannot shift sparse matrices: beta must be None or 0, got {self.beta!r}."
            )
        else:
            infinite = _chunks.scale_stored(X, scale, out)
        if infinite:
            _validation.refuse_infinity(_validation.identity(self), X)
        return out

    def fold(self):
        """Give the normalization as one scale and one shift: y = x * scale + shift.

        After a dense layer W it makes one dense layer of both: ``W * scale`` with bias
        ``bias * scale + shift``. Where ``|mean_|`` is far above ``scale_``, ``transform`` loses
        fewer digits.

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
        """Give a StandardScaler whose ``transform`` is the same.

        Gamma, beta and epsilon are folded into its mean and scale. Without them it can also
        go on learning.

        Returns
        -------
        scaler : sklearn.preprocessing.StandardScaler

        Raises
        ------
        ValueError
            If gamma is 0 for a feature: StandardScaler cannot give a constant.

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
            identity | _validation.output_config(self),
            n_samples_seen_=np.copy(self.n_samples_seen_)[()],
            mean_=mean - offset / scale if is_shifted else np.copy(self.mean_)[()],
            var_=self._folded_var(scale) if is_scaled else None,
            scale_=1.0 / scale if is_scaled else None,
        )
        return scaler

    def _folded_var(self, scale):
        """The variance whose root is 1 / scale, or that of a constant feature, scaled by 1."""
        if not self.with_std:
            return 1.0 / scale**2
        is_root = (self.scale_ == 1.0) | (self.scale_ == np.sqrt(self.var_))
        return np.where(is_root, self.var_, self.scale_**2) / (scale * self.scale_) ** 2

    def _check_zero_gamma(self, scale, method):
        if not scale.all():
            names = _validation.feature_names(self._identity(), len(scale))[scale == 0]
            raise ValueError(f"{method} needs gamma other than 0, got 0 for: {', '.join(names)}.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = not self.with_mean
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags


def fitted_normalizer(moments, identity=None, named_by=None, **parameters):
    """A BatchNormalizer of the parameters, fitted to the moments.

    ``identity`` and ``named_by`` hold ``n_features_in_`` and ``feature_names_in_``; the latter is
    for a warning that names features that vary and are not scaled.
    """
    normalizer = BatchNormalizer(**parameters)
    n_features, scaling = moments.table.shape[1], normalizer._scaling(moments)
    identity = identity or {"n_features_in_": n_features}
    if named_by is not None:
        scaling.warn_of_lost(normalizer.epsilon, named_by)
    return normalizer._commit(moments, scaling, identity, normalizer._gamma_and_beta(n_features))
