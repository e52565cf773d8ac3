"""The estimators: parameters, validation, fit and prediction."""

from . import old_names
from .classifier import BatchNormMLPClassifier
from .normalizer import BatchNormalizer
from .pipelines import to_sklearn
from .regressor import BatchNormMLPRegressor

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor", "BatchNormalizer", "to_sklearn"]

old_names.register()
