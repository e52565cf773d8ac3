"""Batch normalization for scikit-learn."""

__version__ = "0.2.0.dev0"

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
