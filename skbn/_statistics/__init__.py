"""Statistics of the columns of rows, and passes over rows."""

from .moments import RunningMoments

__all__ = ["RunningMoments"]
