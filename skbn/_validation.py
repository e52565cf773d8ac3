"""What the estimators accept, in scikit-learn's words: the one place that imports its privates."""

from copy import copy

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import FLOAT_DTYPES, _check_sample_weight, validate_data

IDENTITY = ("n_features_in_", "feature_names_in_")


def is_plain(X):
    """Whether X is an array in which scikit-learn's validation would find nothing to change.

    That takes 52 µs, as long as all else in ``partial_fit`` of 256x100.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.size > 0
        and (X.dtype == np.float64 or X.dtype == np.float32)
    )


def _accepted_dtype(X):
    """None where kernels take the dtype as it is, block by block; else floats."""
    is_numeric = isinstance(X, np.ndarray) and X.dtype.kind in "biuf" and X.dtype.itemsize <= 8
    return None if is_numeric else FLOAT_DTYPES


def _checks(X):
    """What scikit-learn is to check of an X that is only read; infinity is left to the kernels."""
    return {"dtype": _accepted_dtype(X), "ensure_all_finite": False}


# ... of an X that is written into: everything, before the first value is overwritten.
_WRITEABLE_CHECKS = {
    "accept_sparse": "csr",
    "dtype": FLOAT_DTYPES,
    "force_writeable": True,
    "ensure_all_finite": "allow-nan",
}


def identity(estimator):
    """The number and the names of the features, as far as the estimator knows them."""
    return {name: value for name, value in vars(estimator).items() if name in IDENTITY}


def validate_first(estimator, X, accept_sparse):
    """X validated for a first fit, and the identity of its features.

    The estimator itself is left as it is, since what follows may still refuse X.
    """
    if is_plain(X):
        return X, {"n_features_in_": X.shape[1]}
    seen = copy(estimator)
    X = validate_data(seen, X, accept_sparse=accept_sparse, **_checks(X))
    return X, identity(seen)


def validate_next(estimator, X, accept_sparse):
    """X validated against the features of an earlier fit."""
    if is_plain(X) and identity(estimator) == {"n_features_in_": X.shape[1]}:
        return X
    return validate_data(estimator, X, reset=False, accept_sparse=accept_sparse, **_checks(X))


def validate_writeable(estimator, X):
    """X validated against the features of an earlier fit, itself where it can be written into."""
    return validate_data(estimator, X, reset=False, **_WRITEABLE_CHECKS)


def validate_normalized(estimator, X, copy):
    """X validated as what ``transform`` gave, which need not have the names of the features."""
    checks = {"accept_sparse": "csr", **_checks(X)} if copy else _WRITEABLE_CHECKS
    X = check_array(X, estimator=estimator, input_name="X", **checks)
    n_features = getattr(estimator, "n_features_in_", X.shape[1])
    if X.shape[1] != n_features:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{n_features} features as input."
        )
    return X


def output_like(X):
    """An array or matrix for values computed from X: its order, and its dtype if that is float."""
    if sparse.issparse(X):
        return X.copy()
    dtype = X.dtype.newbyteorder("=") if X.dtype.kind == "f" else np.float64
    return np.empty_like(X, dtype=dtype, subok=False)


def check_same_features(estimator, other):
    """Raise unless both estimators were fitted on features of the same number and names."""
    if estimator.n_features_in_ != other.n_features_in_:
        raise ValueError(
            f"Both must have the same features: {type(estimator).__name__} has "
            f"{estimator.n_features_in_}, the other {other.n_features_in_}."
        )
    names, other_names = (getattr(e, "feature_names_in_", None) for e in (estimator, other))
    if not np.array_equal(names, other_names):
        raise ValueError(
            f"Both must have the same features: {type(estimator).__name__} has {names}, the "
            f"other {other_names}."
        )


def validate_weights(sample_weight, X):
    """Weights (n,) of the rows of X, float64, or None."""
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def refuse_infinity(estimator, X):
    """Raise if X has infinity; NaN is missing, and a sum of finite values may overflow."""
    name = type(estimator).__name__
    values = X.data if sparse.issparse(X) else X
    assert_all_finite(values, allow_nan=True, estimator_name=name, input_name="X")


def per_feature(name, value, default, n_features):
    """The parameter ``name`` as an array (n_features,) of float64."""
    expected = f"{name} must be None, a number or an array of shape ({n_features},)"
    try:
        array = np.array(default if value is None else value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected}, got {value!r}.") from error
    if array.shape not in ((), (n_features,)):
        raise ValueError(f"{expected}, got an array of shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{expected} and finite, got {value!r}.")
    return np.full(n_features, array) if array.ndim == 0 else array
