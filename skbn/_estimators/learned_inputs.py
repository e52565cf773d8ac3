"""What fit learns of the columns of X."""

import numpy as np
from scipy import sparse

from .._model.input_norm import has_nan
from .._model.tables import numbers_of
from .._statistics.moments import RunningMoments
from . import validation
from .categories import Categories, number_columns
from .encoders import ColumnValues
from .normalizer import fitted_normalizer
from .normalizer_statistics import seen_moments
from .ranges import ColumnRange
from .table_validation import allows_nan


class LearnedInputs:
    """Mixin that sets the fitted attributes of the columns of X."""

    def _learn_inputs(self, X, weight, first_pass, incremental):
        """Set all of them from the rows of X, of weight (n,) or None."""
        numbers = numbers_of(X)
        moments = moments_of(self, numbers, weight)
        self._take_moments(moments, has_nan(numbers), first_pass, incremental)
        is_limited = self.clip_inputs and not (first_pass and sparse.issparse(X))
        column_range = ColumnRange.of(numbers, weight) if is_limited else None
        self._take_range(column_range, first_pass, incremental)
        if first_pass:
            self._take_bins(ColumnValues.of(numbers, weight) if self.numeric_encoding else None)

    def _take_moments(self, moments, has_missing, first_pass, incremental):
        """Set the statistics of the columns to those of the rows, or in a stream of all seen.

        ``moments`` are those of the columns that give a number, of which values may be missing.
        """
        if not first_pass:
            self._check_same_inputs()
        previous = None
        if incremental and not first_pass:
            previous, has_missing = self._moments_of_columns(), has_missing or self._has_missing
        self._has_missing, self.smooth_clip_ = has_missing, self.smooth_clip
        self.input_norm_ = self.input_means_ = self._column_moments = None
        if moments is None:
            return
        moments = moments.expanded(number_columns(self), self.n_features_in_)
        moments = moments if previous is None else previous.merge(moments)
        if self.normalize_inputs:
            identity = validation.identity(self)
            self.input_norm_ = fitted_normalizer(moments, identity, named_by=identity)
        else:
            self._column_moments = moments
        if allows_nan(self):
            self.input_means_ = moments.mean

    def _moments_of_columns(self):
        """The RunningMoments of the columns of all rows seen, or None if they are not known."""
        return self._column_moments if self.input_norm_ is None else seen_moments(self.input_norm_)

    def _check_same_inputs(self):
        """Raise if training would continue with other inputs."""
        was_normalized = self.input_norm_ is not None
        if self.normalize_inputs != was_normalized:
            raise ValueError(
                "Training can only continue with the normalize_inputs of the previous call to fit, "
                f"got {self.normalize_inputs}."
            )
        for name in ("smooth_clip", "numeric_encoding"):
            previous_value, value = getattr(self, f"{name}_"), getattr(self, name)
            if value != previous_value:
                raise ValueError(
                    f"Training can only continue with the {name} of the previous call to fit, "
                    f"{previous_value!r}, got {value!r}."
                )

    def _take_bins(self, values):
        """Set the bins of the columns from their ColumnValues, or None without encoding.

        Columns of categories have no bins, nor have their ranks.
        """
        self.numeric_encoding_, self.bin_edges_ = self.numeric_encoding, None
        if values is None:
            return
        categories, columns = Categories.of(self), number_columns(self)
        edges = dict(zip(columns, values.edges(self.n_bins), strict=True))
        numeric = columns if categories is None else set(categories.numeric)
        none = np.empty(0)
        self.bin_edges_ = [edges[j] if j in numeric else none for j in range(self.n_features_in_)]

    def _take_range(self, column_range, first_pass, incremental):
        """Set the range of the columns, in a stream to that of all rows seen.

        A stream without a range keeps none, because the rows before are not known.
        """
        previous = None if first_pass else self.input_range_
        self.input_range_ = None
        if column_range is None or (incremental and not first_pass and previous is None):
            return
        is_continued = incremental and previous is not None
        self.input_range_ = self._limits(column_range, previous if is_continued else None)

    def _limits(self, column_range, previous=None):
        """The limits of all columns, from the range of those that give a number.

        They include the previous limits (2, n_features), if there are any.
        """
        column_range = column_range.expanded(number_columns(self), self.n_features_in_)
        if previous is not None:
            column_range = ColumnRange(previous).merge(column_range)
        return column_range.limits


def moments_of(estimator, numbers, weight):
    """The RunningMoments of numbers (n, c), or None if the estimator does not need them."""
    if not (estimator.normalize_inputs or allows_nan(estimator)):
        return None
    # Passes over rows need one column or more.
    return RunningMoments.of(numbers, weight) if numbers.shape[1] else RunningMoments.empty(0)
