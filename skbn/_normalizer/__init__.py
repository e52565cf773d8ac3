"""BatchNormalizer, a scikit-learn transformer with running statistics."""

from .normalizer import BatchNormalizer, fitted_normalizer

__all__ = ["BatchNormalizer", "fitted_normalizer"]
