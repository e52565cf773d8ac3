"""BatchNormalizer, the scikit-learn face of running statistics."""

from .normalizer import BatchNormalizer

__all__ = ["BatchNormalizer"]
