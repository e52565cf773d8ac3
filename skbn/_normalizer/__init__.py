"""BatchNormalizer, the scikit-learn face of running statistics."""

from .normalizer import BatchNormalizer, fitted_normalizer
from .statistics import Scaling

__all__ = ["BatchNormalizer", "Scaling", "fitted_normalizer"]
