"""The estimators: parameters, validation, fit and prediction."""

from . import old_names
from .classifier import BatchNormMLPClassifier
from .normalizer import BatchNormalizer
from .regressor import BatchNormMLPRegressor

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor", "BatchNormalizer"]

old_names.register()
