"""BatchNormalizer, the scikit-learn face of running statistics."""

from .normalizer import BatchNormalizer, fitted_normalizer
from .statistics import warn_of_constant_features

__all__ = ["BatchNormalizer", "fitted_normalizer", "warn_of_constant_features"]
