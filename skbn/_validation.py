"""What the estimators accept, in scikit-learn's words: the one place that imports its privates."""

import inspect
from copy import copy

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context as fit_context
from sklearn.utils import assert_all_finite
from sklearn.utils import check_array as check_array_of_sklearn
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.optimize import _check_optimize_result as check_optimize_result
from sklearn.utils.validation import FLOAT_DTYPES, _check_sample_weight
from sklearn.utils.validation import validate_data as validate_data_of_sklearn

from . import _device
from ._lazy import check_collection

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "check_optimize_result",
    "check_partial_fit_first_call",
    "fit_context",
]

IDENTITY = ("n_features_in_", "feature_names_in_")


def is_plain(X):
    """Whether X is an array in which scikit-learn's validation would find nothing to change.

    That takes 52 µs; all of ``partial_fit`` of 256x100 without it takes 94.
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


def _dtypes(X):
    """The dtype of an array, or those of the columns of a pandas, polars or Arrow table."""
    if hasattr(type(X), "columns"):  # an array of xarray may have a dimension of that name
        return set(X.dtypes if hasattr(X, "dtypes") else X.schema.types)
    return {X.dtype} if hasattr(X, "dtype") else set()


def _is_time(dtype):
    kinds, names = tuple("mM"), ("date", "time", "duration", "period")
    return getattr(dtype, "kind", None) in kinds or str(dtype).lower().startswith(names)


def _numbers(values, name):
    """Values that are to be numbers; scikit-learn takes dates for numbers and drops a mask."""
    check_collection(values, name)
    times = sorted(str(dtype) for dtype in _dtypes(values) if _is_time(dtype))
    if times:
        raise ValueError(
            f"{name} has dates or times ({', '.join(times)}): pass numbers, as the days since a "
            "date are."
        )
    return _unmasked(values)


def _unmasked(values):
    """Values of which those that are masked are missing, that is NaN."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.is_masked(values):
        return values.data
    dtype = {"f": values.dtype, "c": values.dtype, "b": float, "i": float, "u": float}
    return values.astype(dtype.get(values.dtype.kind, object)).filled(np.nan)


def labels(y):
    """y, of which scikit-learn compares the missing labels rather than to refuse them in words."""
    check_collection(y, "y")
    y = None if y is None else _unmasked(y)
    array = np.asarray(y)
    if array.dtype == object and y is not None:
        missing = [value for value in array.ravel() if value is None or is_pandas_na(value)]
        if missing:
            raise ValueError(f"Input y contains NaN or other missing values: {missing[0]}.")
    return y


def _native(X):
    """X with indices that kernels can read, where it is a sparse matrix."""
    if sparse.issparse(X) and not (X.indices.dtype.isnative and X.indptr.dtype.isnative):
        index = (array.astype(array.dtype.newbyteorder("=")) for array in (X.indices, X.indptr))
        return type(X)((X.data, *index), shape=X.shape)
    return X


def check_array(X, **checks):
    """What scikit-learn makes of X, and of what it would misread the rest."""
    return _native(check_array_of_sklearn(_numbers(X, "X"), **checks))


def validate_data(estimator, X, *y, **checks):
    """What scikit-learn makes of X, or of X and y, and of what it would misread the rest."""
    X = _numbers(X, "X")
    if not y:
        return _native(validate_data_of_sklearn(estimator, X, **checks))
    X, y = validate_data_of_sklearn(estimator, X, labels(*y), **checks)
    return _native(X), y


def identity(estimator):
    """The number and the names of the features, as far as the estimator knows them."""
    return {name: value for name, value in vars(estimator).items() if name in IDENTITY}


def _outline(X):
    """X, or of an X on the GPU what can be told without reading it: an array of one zero."""
    return np.broadcast_to(np.zeros((), X.dtype), X.shape) if _device.is_on_gpu(X) else X


def _validated(validate, X):
    """What ``validate`` makes of X; on the GPU it sees shape and dtype, and X stays as it is."""
    outline = _outline(X)
    valid = validate(outline)
    return valid if outline is X else X


def _taken_as_it_is(estimator, X, **checks):
    return _validated(lambda X: validate_data(estimator, X, **_checks(X), **checks), X)


def validate_first(estimator, X, accept_sparse):
    """X validated for a first fit, and the identity of its features.

    The estimator itself is left as it is, since what follows may still refuse X.
    """
    if is_plain(X):
        return X, {"n_features_in_": X.shape[1]}
    seen = copy(estimator)
    X = _taken_as_it_is(seen, X, accept_sparse=accept_sparse)
    return X, identity(seen)


def validate_next(estimator, X, accept_sparse):
    """X validated against the features of an earlier fit."""
    if is_plain(X) and identity(estimator) == {"n_features_in_": X.shape[1]}:
        return X
    return _taken_as_it_is(estimator, X, reset=False, accept_sparse=accept_sparse)


def validate_writeable(estimator, X):
    """X validated against the features of an earlier fit, itself where it can be written into."""
    if _device.is_on_gpu(X):
        return _writeable(estimator, _taken_as_it_is(estimator, X, reset=False))
    return validate_data(estimator, X, reset=False, **_WRITEABLE_CHECKS)


def _writeable(estimator, X):
    """X on the GPU where it takes results, else a copy: what scikit-learn's validation gives."""
    refuse_infinity(estimator, X)
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def check_width(estimator, X, n_features):
    """Raise unless X has as many features as the estimator has learned."""
    if X.shape[1] != n_features:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{n_features} features as input."
        )


def validate_normalized(estimator, X):
    """X validated as what ``transform`` gave, which need not have the names of the features."""
    named = {"accept_sparse": "csr", "estimator": estimator, "input_name": "X"}
    return _validated(lambda X: check_array(X, **named, **_checks(X)), X)


def validate_normalized_writeable(estimator, X):
    """X validated as what ``transform`` gave, itself where it can be written into."""
    if _device.is_on_gpu(X):
        return _writeable(estimator, validate_normalized(estimator, X))
    return check_array(X, estimator=estimator, input_name="X", **_WRITEABLE_CHECKS)


def output_like(X):
    """An array or matrix for values computed from X: its order, and its dtype if that is float."""
    if sparse.issparse(X):
        return X.copy()
    dtype = X.dtype.newbyteorder("=") if X.dtype.kind == "f" else np.float64
    return _device.xp_of(X).empty_like(X, dtype=dtype)


def output_config(estimator):
    """What ``set_output`` has set, to be handed on to another estimator."""
    config = getattr(estimator, "_sklearn_output_config", None)
    return {} if config is None else {"_sklearn_output_config": dict(config)}


def in_container(estimator, identity, values, X):
    """The values as ``set_output`` says, for an estimator that may not be fitted yet."""
    named = copy(estimator)
    vars(named).update(identity)
    return _wrap_data_with_container("transform", values, X, named)


def feature_names(identity, mask):
    """The names of the features in the mask, or x0, x1, ... as text."""
    names = identity.get("feature_names_in_", [f"x{i}" for i in range(len(mask))])
    return ", ".join(np.asarray(names, dtype=str)[mask])


def levels_below_caller():
    """The ``stacklevel`` by which a warning points at the code that called us or scikit-learn."""
    frame, level = inspect.currentframe().f_back, 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("skbn", "sklearn"):
        frame, level = frame.f_back, level + 1
    return level


def check_same_features(name, identity, other):
    """Raise unless both are features of the same number and names."""
    for key in IDENTITY:
        ours, theirs = identity.get(key), other.get(key)
        if not np.array_equal(ours, theirs):
            raise ValueError(
                f"Both must have the same features: {key} of {name} is {ours}, of the other "
                f"{theirs}."
            )


def per_column(values, n_features):
    """Statistics of the columns, or one for all, as a contiguous float64 array (n_features,)."""
    array = np.asarray(values, dtype=np.float64)
    return array if array.shape == (n_features,) else np.array(np.broadcast_to(array, n_features))


def validate_weights(sample_weight, X):
    """Weights (n,) of the rows of X, float64, or None."""
    if sample_weight is None:
        return None
    weights, X = _numbers(_device.on_host(sample_weight), "sample_weight"), _outline(X)
    weights = _check_sample_weight(weights, X, dtype=np.float64, ensure_non_negative=True)
    with np.errstate(over="ignore"):
        if weights.sum() == np.inf:
            raise ValueError("sample_weight sums to infinity, expected a finite sum.")
    return weights


def refuse_infinity(estimator, X):
    """Raise if X has infinity; NaN is missing, and a sum of finite values may overflow."""
    name = type(estimator).__name__
    if _device.is_on_gpu(X):
        if (abs(X) == np.inf).any():
            raise ValueError(f"Input X contains infinity or a value too large for {X.dtype!r}.")
        return
    values = X.data if sparse.issparse(X) else X
    assert_all_finite(values, allow_nan=True, estimator_name=name, input_name="X")


def per_feature(name, value, default, n_features):
    """The parameter ``name`` as an array (n_features,) of float64."""
    if value is None:
        return np.full(n_features, default)
    expected = f"{name} must be None, a number or an array of shape ({n_features},)"
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected}, got {value!r}.") from error
    if array.shape not in ((), (n_features,)):
        raise ValueError(f"{expected}, got an array of shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{expected} and finite, got {value!r}.")
    return np.full(n_features, array) if array.ndim == 0 else array


def lbfgs_print_option(verbose):
    """The option by which L-BFGS prints, where SciPy still knows it."""
    return _get_additional_lbfgs_options_dict("iprint", 1 if verbose else -1)
