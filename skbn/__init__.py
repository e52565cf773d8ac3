"""Batch normalization for scikit-learn."""

__version__ = "0.1.0"

from ._estimators import (
    BatchNormalizer,
    BatchNormMLPClassifier,
    BatchNormMLPRegressor,
    to_sklearn,
)
from ._show_versions import show_versions

__all__ = [
    "BatchNormMLPClassifier",
    "BatchNormMLPRegressor",
    "BatchNormalizer",
    "show_versions",
    "to_sklearn",
]
