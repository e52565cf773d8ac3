"""Input validation through scikit-learn. Only this module imports its private functions."""

import warnings
from copy import copy

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context as fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array as check_array_of_sklearn
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.validation import FLOAT_DTYPES, _check_sample_weight
from sklearn.utils.validation import validate_data as validate_data_of_sklearn

from .._backends.cuda import is_on_gpu, on_host, xp_of
from .._backends.stacklevel import levels_below_caller
from .._backends.threads import for_each
from ..dask._lazy import check_collection, is_frame
from .columns import first_infinite, float_dtype, times_in
from .explanations import explained, of_infinity

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "check_partial_fit_first_call",
    "fit_context",
]

# Number of values from which their sum is divided between threads.
VALUES_TO_DIVIDE = 1 << 20

IDENTITY = ("n_features_in_", "feature_names_in_")


def is_plain(X):
    """Whether X is an array that scikit-learn's validation would return unchanged.

    Validation takes 52 µs; ``partial_fit`` of a 256x100 array takes 94 µs without it.
    """
    return type(X) is np.ndarray and _is_float_matrix(X)


def _is_float_matrix(X):
    is_float = X.dtype == np.float64 or X.dtype == np.float32
    return X.ndim == 2 and X.size > 0 and is_float


def _needs_no_checks(X):
    """Whether scikit-learn's validation would return X, an array of the host or the GPU, unchanged.

    The values of an array on the GPU are not checked.
    """
    return is_plain(X) or (is_on_gpu(X) and _is_float_matrix(X))


def is_finite(X):
    """Whether all values of an array (n, d) are finite. It may be False if their sum overflows.

    Sums of parts on two threads take 2.7 ms for 20,000x784 float32, and ``np.isfinite`` 5 to 8.
    """
    if X.size < VALUES_TO_DIVIDE:  # for one row, count_nonzero takes 0.2 µs, and the method all 1.2
        return np.count_nonzero(np.isfinite(X)) == X.size
    X = X.T if X.flags.f_contiguous else X
    n_rows = max(1, VALUES_TO_DIVIDE // X.shape[1])
    parts, sums = [(X[i : i + n_rows],) for i in range(0, len(X), n_rows)], []
    for_each(lambda part: sums.append(_sum(part)), parts)
    return bool(np.isfinite(sums).all())


def _sum(part):
    with np.errstate(over="ignore", invalid="ignore"):
        return part.sum()


def _accepted_dtype(X):
    """None if kernels accept the dtype of X, which they convert blockwise; else float dtypes."""
    is_numeric = isinstance(X, np.ndarray) and X.dtype.kind in "biuf" and X.dtype.itemsize <= 8
    return None if is_numeric else FLOAT_DTYPES


def _checks(X):
    """scikit-learn's checks for an X that is only read; the kernels check for infinity."""
    return {"dtype": _accepted_dtype(X), "ensure_all_finite": False}


# scikit-learn's checks for an X that is overwritten: all checks, before the first value is written.
_WRITEABLE_CHECKS = {
    "accept_sparse": "csr",
    "dtype": FLOAT_DTYPES,
    "force_writeable": True,
    "ensure_all_finite": "allow-nan",
}


def _numbers(values, name):
    """Values without dates and masks: scikit-learn converts dates to numbers and ignores masks."""
    check_collection(values, name)
    if times := times_in(values):
        raise ValueError(
            f"{name} has dates or times ({', '.join(times)}): pass numbers, for example the days "
            "since a date."
        )
    return _unmasked(values)


def _unmasked(values):
    """Values, with masked ones replaced by NaN."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.is_masked(values):
        return values.data
    dtype = {"f": values.dtype, "c": values.dtype, "b": float, "i": float, "u": float}
    return values.astype(dtype.get(values.dtype.kind, object)).filled(np.nan)


def labels(y):
    """y; raises a clear error for missing labels, which scikit-learn would try to compare."""
    check_collection(y, "y")
    y = None if y is None else _unmasked(y)
    array = np.asarray(y)
    if array.dtype == object and y is not None:
        missing = [value for value in array.ravel() if value is None or is_pandas_na(value)]
        if missing:
            raise ValueError(f"Input y contains NaN or other missing values: {missing[0]}.")
    return y


def _target_values(y):
    """y of a regressor, without missing values and dates."""
    return _numbers(labels(y), "y")


def _native(X):
    """X; if it is sparse, with indices in native byte order, which kernels require."""
    if sparse.issparse(X) and not (X.indices.dtype.isnative and X.indptr.dtype.isnative):
        index = (array.astype(array.dtype.newbyteorder("=")) for array in (X.indices, X.indptr))
        return type(X)((X.data, *index), shape=X.shape)
    return X


def check_array(X, **checks):
    """X, validated by scikit-learn after a check for values that it would misinterpret."""
    X = _numbers(X, "X")
    with explained(X, checks):
        return _native(check_array_of_sklearn(X, **_keeping_floats(X, checks)))


def checked_values(X):
    """X without masks; raises for dates, and for collections that are no tables."""
    return _numbers(X, "X")


def check_features(estimator, X, reset):
    """Check the number and the names of the features, or set them with ``reset``."""
    validate_data_of_sklearn(estimator, X, reset=reset, skip_check_array=True)


def validate_data(estimator, X, *y, **checks):
    """X, or X and y, validated like in ``check_array``."""
    X = _numbers(X, "X")
    check_y = _target_values if checks.get("y_numeric") else labels
    y = [check_y(values) for values in y]
    with explained(X, checks):
        valid = validate_data_of_sklearn(estimator, X, *y, **_keeping_floats(X, checks))
    return (_native(valid[0]), valid[1]) if y else _native(valid)


def _keeping_floats(X, checks):
    """The checks, with the dtype of the columns of X if these are floats of an accepted dtype."""
    accepted = checks.get("dtype")
    dtype = float_dtype(X, accepted) if is_frame(X) and isinstance(accepted, tuple) else None
    return checks if dtype is None else checks | {"dtype": dtype}


def identity(estimator):
    """The number and the names of the features, if the estimator has these attributes."""
    fitted = vars(estimator)
    return {name: fitted[name] for name in IDENTITY if name in fitted}


def _outline(X):
    """X, or for X on the GPU an array of zeros with its shape and dtype."""
    return np.broadcast_to(np.zeros((), X.dtype), X.shape) if is_on_gpu(X) else X


def _validated(validate, X):
    """X validated by ``validate``; on the GPU only shape and dtype are checked."""
    outline = _outline(X)
    valid = validate(outline)
    return valid if outline is X else X


def _taken_as_it_is(estimator, X, **checks):
    return _validated(lambda X: validate_data(estimator, X, **_checks(X), **checks), X)


def validate_first(estimator, X, accept_sparse):
    """X validated for a first fit, and the identity of its features.

    The estimator is not changed, because a later check may still reject X.
    """
    if _needs_no_checks(X):
        return X, {"n_features_in_": X.shape[1]}
    seen = copy(estimator)
    X = _taken_as_it_is(seen, X, accept_sparse=accept_sparse)
    return X, identity(seen)


def validate_next(estimator, X, accept_sparse):
    """X validated against the features of a previous fit."""
    if _needs_no_checks(X) and identity(estimator) == {"n_features_in_": X.shape[1]}:
        return X
    return _taken_as_it_is(estimator, X, reset=False, accept_sparse=accept_sparse)


def validate_writeable(estimator, X):
    """X validated against the features of a previous fit; X itself if it is writeable."""
    if is_on_gpu(X):
        return _writeable(estimator, _taken_as_it_is(estimator, X, reset=False))
    return validate_data(estimator, X, reset=False, **_WRITEABLE_CHECKS)


def _writeable(estimator, X):
    """X on the GPU if it has a float dtype, else a copy, as in scikit-learn's validation."""
    refuse_infinity(identity(estimator), X)
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def check_width(estimator, X, n_features):
    """Raise unless X has the number of features that the estimator was fitted with."""
    if X.shape[1] != n_features:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{n_features} features as input."
        )


def validate_normalized(estimator, X):
    """X validated as a result of ``transform``, without a check of feature names."""
    named = {"accept_sparse": "csr", "estimator": estimator, "input_name": "X"}
    return _validated(lambda X: check_array(X, **named, **_checks(X)), X)


def validate_normalized_writeable(estimator, X):
    """X validated as a result of ``transform``; X itself if it is writeable."""
    if is_on_gpu(X):
        return _writeable(estimator, validate_normalized(estimator, X))
    return check_array(X, estimator=estimator, input_name="X", **_WRITEABLE_CHECKS)


def output_like(X):
    """An array or matrix for results, with the order of X and its dtype if that is float."""
    if sparse.issparse(X):
        return X.copy()
    dtype = X.dtype.newbyteorder("=") if X.dtype.kind == "f" else np.float64
    return xp_of(X).empty_like(X, dtype=dtype)


def output_config(estimator):
    """The configuration of ``set_output``, as attributes for another estimator."""
    config = getattr(estimator, "_sklearn_output_config", None)
    return {} if config is None else {"_sklearn_output_config": dict(config)}


def in_container(estimator, identity, values, X):
    """The values in the container chosen by ``set_output``; the estimator may be unfitted."""
    named = copy(estimator)
    vars(named).update(identity)
    return _wrap_data_with_container("transform", values, X, named)


def feature_names(identity, n_features):
    """The names of the features, or x0, x1, ..., as an array (n_features,) of strings."""
    names = identity.get("feature_names_in_", [f"x{i}" for i in range(n_features)])
    return np.asarray(names, dtype=str)


def check_same_features(name, identity, other):
    """Raise unless the number and the names of the features are the same."""
    for key in IDENTITY:
        ours, theirs = identity.get(key), other.get(key)
        if not np.array_equal(ours, theirs):
            raise ValueError(
                f"Both must have the same features: {key} of {name} is {ours}, of the other "
                f"{theirs}."
            )


def per_column(values, n_features):
    """Values of the columns, or a scalar for all, as a contiguous float64 array (n_features,)."""
    array = np.asarray(values, dtype=np.float64)
    return array if array.shape == (n_features,) else np.array(np.broadcast_to(array, n_features))


def validate_weights(sample_weight, X):
    """The sample weights (n,) of the rows of X as float64, or None."""
    if sample_weight is None:
        return None
    weights, X = _numbers(on_host(sample_weight), "sample_weight"), _outline(X)
    weights = _check_sample_weight(weights, X, dtype=np.float64, ensure_non_negative=True)
    with np.errstate(over="ignore"):
        if weights.sum() == np.inf:
            raise ValueError("sample_weight sums to infinity, expected a finite sum.")
    return weights


def refuse_infinity(identity, X):
    """Raise if X has infinity. NaN is accepted, and so are finite values whose sum overflows."""
    message = f"Input X contains infinity or a value too large for {X.dtype!r}."
    if is_on_gpu(X):
        if (abs(X) == np.inf).any():
            raise ValueError(message)
    elif (found := first_infinite(X)) is not None:
        value, row, column = found
        name = str(feature_names(identity, X.shape[1])[column])
        raise ValueError(of_infinity(message, value, row, name))


def per_feature(name, value, default, n_features):
    """The parameter ``name`` as an array (n_features,) of float64."""
    if value is None:
        return np.full(n_features, default)
    expected = f"{name} must be None, a number or an array of shape ({n_features},)"
    try:
        array = np.array(_numbers(value, name), dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: torch parameters
        raise ValueError(f"{expected}, got {value!r}: {error}") from error
    if array.shape not in ((), (n_features,)):
        raise ValueError(f"{expected}, got an array of shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{expected} and finite, got {value!r}.")
    return np.full(n_features, array) if array.ndim == 0 else array


def check_optimize_result(solver, result, max_iter):
    """Warn if an optimization has not converged, as scikit-learn does.

    The private function is imported here, because only "lbfgs" needs it and other versions of
    scikit-learn may lack it.
    """
    try:
        from sklearn.utils.optimize import _check_optimize_result
    except ImportError:
        if result.status != 0:
            warnings.warn(
                f"{solver} failed to converge after {result.nit} iteration(s) (max_iter="
                f"{max_iter}): {result.message}",
                ConvergenceWarning,
                stacklevel=levels_below_caller(),
            )
    else:
        _check_optimize_result(solver, result, max_iter)


def check_dense(X, **parameters):
    """Raise if X is sparse and a parameter would make its zeros other values."""
    needs_dense = [name for name, value in parameters.items() if value not in (None, "auto")]
    if sparse.issparse(X) and needs_dense:
        name = needs_dense[0]
        raise ValueError(
            f"{name}={parameters[name]!r} needs dense X, because its values are not sparse; got a "
            f"sparse matrix. Pass {name}=None or X.toarray()."
        )
