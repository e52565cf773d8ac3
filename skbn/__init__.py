"""Batch normalization for scikit-learn."""

__version__ = "0.1.0"

from ._mlp import BatchNormMLPClassifier, BatchNormMLPRegressor
from ._normalizer import BatchNormalizer
from ._show_versions import show_versions

__all__ = ["BatchNormMLPClassifier", "BatchNormMLPRegressor", "BatchNormalizer", "show_versions"]
