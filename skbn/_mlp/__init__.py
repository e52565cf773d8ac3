"""Multi-layer perceptrons with batch normalization: the scikit-learn estimators."""

from .classifier import BatchNormMLPClassifier
from .regressor import BatchNormMLPRegressor

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor"]
