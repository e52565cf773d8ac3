"""BatchNormalizer, the scikit-learn face of running statistics."""

from .normalizer import BatchNormalizer, fitted_normalizer

__all__ = ["BatchNormalizer", "fitted_normalizer"]
