"""Conversion of a Pipeline, or of another estimator that has parts, to stock scikit-learn."""

from copy import deepcopy

from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from .classifier import BatchNormMLPClassifier
from .export import stock_parameters
from .normalizer import BatchNormalizer
from .regressor import BatchNormMLPRegressor

OF_SKBN = BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor


def to_sklearn(estimator):
    """Convert a fitted estimator to stock scikit-learn, with all estimators that are parts of it.

    Estimators of skbn become those that their ``to_sklearn`` returns: a BatchNormalizer becomes a
    StandardScaler, an MLP an MLPClassifier or MLPRegressor, which may be the last step of a
    Pipeline. The result gives the same predictions, does not depend on skbn, and can be converted
    to ONNX by skl2onnx if all other parts can be.

    Parameters
    ----------
    estimator : estimator
        For example a :class:`~sklearn.pipeline.Pipeline`, a ColumnTransformer, a voting or
        calibrated classifier, or a search. It is not changed.

    Returns
    -------
    converted : estimator
        A copy. Parts that are not fitted, for example ``estimator`` of a search, become stock
        estimators with the same values of the parameters that these have.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If a part has no stock equivalent; see :meth:`skbn.BatchNormMLPClassifier.to_sklearn`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> import skbn
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = skbn.BatchNormMLPClassifier(
    ...     max_iter=5, numeric_encoding=None, clip_inputs=False, random_state=0
    ... )
    >>> pipeline = make_pipeline(skbn.BatchNormalizer(), classifier).fit(X, y)
    >>> [type(step).__name__ for _, step in skbn.to_sklearn(pipeline).steps]
    ['StandardScaler', 'MLPClassifier']
    """
    check_is_fitted(estimator)
    stock = {id(part): _stock(part) for part in _parts_of_skbn(estimator, set())}
    return deepcopy(estimator, stock)


def _parts_of_skbn(value, seen):
    """The estimators of skbn that an object of scikit-learn has, in its attributes or itself."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, OF_SKBN):
        yield value
        return
    for part in _parts(value):
        yield from _parts_of_skbn(part, seen)


def _parts(value):
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    is_of_sklearn = type(value).__module__.partition(".")[0] == "sklearn"
    is_estimator = isinstance(value, BaseEstimator) or is_of_sklearn
    return getattr(value, "__dict__", {}).values() if is_estimator else ()


def _stock(estimator):
    """The stock estimator for one of skbn, which is not fitted if that one is not."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return _unfitted(estimator)
    return estimator.to_sklearn()


def _unfitted(estimator):
    if isinstance(estimator, BatchNormalizer):
        names = "copy", "with_mean", "with_std"
        return StandardScaler(**{name: getattr(estimator, name) for name in names})
    is_classifier = isinstance(estimator, BatchNormMLPClassifier)
    stock_class = MLPClassifier if is_classifier else MLPRegressor
    return stock_class(**stock_parameters(estimator, stock_class().get_params()))
