"""Preparation of the training rows: a summary of all partitions, then the PartitionRows of each."""

from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np

from .._estimators.categories import Categories, seen_categories
from .._estimators.columns import dtypes_of_columns, is_exact_in_float32, is_frame
from .._estimators.encoders import ColumnValues
from .._estimators.far_values import without_far_rows
from .._estimators.learned_inputs import moments_of
from .._estimators.ranges import ColumnRange
from .._estimators.state import input_norm_of
from .._estimators.table_validation import as_table
from .._model.input_norm import has_nan
from .._model.tables import category_counts, numbers_of, with_numbers
from .._statistics.moments import RunningMoments
from ._differences import Differences
from ._grouping import groups_of, merged_rows, place_of_group
from ._lazy import with_names_of
from ._partitions import has_no_weight
from ._targets import merged_parts
from ._tasks import all_persisted, computed, mapped, persisted
from ._workers import PartitionRows, for_workers


class TrainingSummary(NamedTuple):
    """The statistics of all rows that training needs.

    Attributes
    ----------
    n_rows : tuple of int
        Number of rows of each partition; 0 if no row has a weight > 0.
    inputs : RunningMoments or None
        Moments of X, if it is standardized.
    targets : Labels, Values or None
    values : ColumnValues or None
        Values of X, if columns are encoded.
    column_range : ColumnRange or None
        Range of X, if predictions are limited to it.
    has_missing : bool
        Whether numbers of X are missing.
    differences : Differences
        How partitions differ.
    """

    n_rows: tuple
    inputs: RunningMoments | None
    targets: object
    values: ColumnValues | None = None
    column_range: ColumnRange | None = None
    has_missing: bool = False
    differences: Differences = Differences()


def summary(estimator, targets, X, y, sample_weight):
    """The TrainingSummary of a partition."""
    if X.shape[0] == 0:
        return TrainingSummary((0,), None, None)
    estimator = with_names_of(estimator, X)
    X, y = estimator._validate_X_y(X, one_column(y), reset=False)
    if has_no_weight(sample_weight):  # the labels of these rows are included
        of_y = targets.summary(y, np.zeros(X.shape[0]))
        return TrainingSummary((0,), None, of_y)
    weight = estimator._validate_weights(sample_weight, X)
    numbers = numbers_of(X)
    inputs = moments_of(estimator, numbers, weight)
    values = ColumnValues.of(numbers, weight).compressed() if estimator.numeric_encoding else None
    column_range = ColumnRange.of(numbers, weight) if estimator.clip_inputs else None
    of_y = targets.summary(y, weight)
    of_columns = values, column_range, has_nan(numbers)
    return TrainingSummary((X.shape[0],), inputs, of_y, *of_columns, Differences.of(inputs, of_y))


def one_column(y):
    """y in one dimension if it has one column. The check of the sample has already warned."""
    return np.ravel(y) if np.shape(y)[1:] == (1,) else y


def merged_summaries(group):
    """The TrainingSummary of all rows."""
    n_rows = sum((part.n_rows for part in group), ())
    first, *others = [part.targets for part in group if part.targets is not None] or [None]
    targets = first.merge(*others) if others else first
    inputs, *of_columns = (
        merged_parts(group, name) for name in ("inputs", "values", "column_range")
    )
    has_missing = any(part.has_missing for part in group)
    differences = Differences.merged([part.differences for part in group])
    return TrainingSummary(n_rows, inputs, targets, *of_columns, has_missing, differences)


def categories_of_partition(is_categorical, X, _y, _weight):
    """The SeenCategories of the columns of a partition, or None without rows."""
    return seen_categories(as_table(X, is_categorical), is_categorical) if X.shape[0] else None


def merged_categories(group):
    """The SeenCategories of the columns of all partitions."""
    parts = [part for part in group if part is not None]
    columns = zip(*parts, strict=True)
    return [first and first.merge(*others) for first, *others in columns] if parts else None


def rows_of_partition(estimator, targets, dtype, validation_fraction, seed, number, X, y, weight):
    """The PartitionRows of a partition, of which a fraction is held out."""
    nothing = np.arange(0)
    if X.shape[0] == 0 or has_no_weight(weight):
        return PartitionRows(number, index=nothing, index_val=nothing)
    estimator = with_names_of(estimator, X)
    raw, (X, y) = X, estimator._validate_X_y(X, one_column(y), reset=False)
    X = _narrowed(estimator, raw, X, dtype)
    weight = estimator._validate_weights(weight, X)
    encoded, norm = targets.encode(y, dtype, weight), input_norm_of(estimator)
    X = norm.filled(X)
    X = X if weight is None else without_far_rows(X, weight, norm)
    loss_weight = targets.loss_weight_of_part(y, weight)
    order = np.random.RandomState([seed, number]).permutation(X.shape[0])
    n_val = n_validation_rows(X.shape[0], validation_fraction)
    return PartitionRows(
        number,
        index=np.sort(order[n_val:]),
        index_val=np.sort(order[:n_val]),
        X=X,
        targets=encoded,
        weight=weight,
        loss_weight=loss_weight,
    )


def _narrowed(estimator, raw, X, dtype):
    """X, with its numbers in float32 if the network computes in it and it has all their values.

    A mean that replaces missing numbers has more digits than float32.
    """
    numbers, categories = numbers_of(X), Categories.of(estimator)
    if dtype != np.float32 or numbers.dtype == np.float32 or has_nan(numbers):
        return X
    of_columns = dtypes_of_columns(raw) if is_frame(raw) else [raw.dtype] * raw.shape[1]
    if len(of_columns) != raw.shape[1]:  # they are unknown
        return X
    numeric = range(len(of_columns)) if categories is None else categories.numeric
    is_exact = all(is_exact_in_float32(of_columns[j]) for j in numeric)
    return with_numbers(X, numbers.astype(np.float32)) if is_exact else X


def n_validation_rows(n, fraction):
    """How many of n rows a partition holds out: all if fraction is 1, otherwise at most n - 1."""
    return n if fraction == 1.0 else min(round(n * fraction), n - 1)


class Prepared:
    """The rows of all partitions, which are kept on the workers.

    Parameters
    ----------
    estimator : BatchNormMLP
        The estimator, with the statistics learned from X.
    targets : PartitionedLabels or PartitionedRegression
        The targets, with the statistics learned from y.
    dtype : dtype
        Dtype of the network.
    partitions : Partitions
        Partitions of X, y and weights.
    n_rows : list of int or None
        Number of rows of each partition, or None if it is unknown.
    seed : int
        Seed of the choice of the rows that are held out.
    validation_fraction : float
        Fraction of the rows of each partition that is held out.

    Attributes
    ----------
    rows : list of Delayed
        The PartitionRows of each partition.
    n_rows : list of int
        Number of training rows in each partition.
    n_validation_rows : int
        Number of rows that are held out in all partitions.
    is_weighted : bool
    """

    def __init__(self, estimator, targets, dtype, partitions, n_rows, seed, validation_fraction):
        learned = persisted(for_workers(estimator)), persisted(targets)
        shared = *learned, dtype, validation_fraction, seed
        results = partitions.map(rows_of_partition, [(*shared, i) for i in range(len(n_rows))])
        nonempty = [i for i, n in enumerate(n_rows) if n != 0]
        self.places = [partitions.places[i] for i in nonempty]
        self.rows = all_persisted([results[i] for i in nonempty], self.places)
        self.n_rows = [n - n_validation_rows(n, validation_fraction) for n in n_rows if n]
        self.n_validation_rows = sum(n_validation_rows(n, validation_fraction) for n in n_rows if n)
        self.is_weighted = partitions.sample[2] is not None
        if validation_fraction < 1.0:
            self._group()

    def _group(self):
        """Merge small partitions, which then train as one."""
        groups = groups_of(self.n_rows)
        if len(groups) == len(self.rows):
            return
        parts = [([self.rows[i] for i in group],) for group in groups]
        self.n_rows = [sum(self.n_rows[i] for i in group) for group in groups]
        self.places = [place_of_group([self.places[i] for i in group]) for group in groups]
        self.rows = all_persisted(mapped(merged_rows, parts, self.places), self.places)

    def label_totals(self, totals_of, n_outputs):
        """The totals of the labels of all training rows."""
        return self._sum(_totals, totals_of, n_outputs)

    def row_weights(self):
        """The total weights of the training rows and of those held out."""
        return self._sum(_row_weights)

    def category_counts(self, n_categories):
        """The number of training rows of each category."""
        return self._sum(_category_counts, n_categories)

    def _sum(self, function, *arguments):
        """The sum of function(rows, *arguments) over all partitions."""
        parts = [(rows, *arguments) for rows in self.rows]
        return computed(mapped(function, parts, self.places), sum_of, self.places)


def _totals(rows, totals_of, n_outputs):
    return totals_of(rows.targets, rows.loss_weight, n_outputs)


def _category_counts(rows, n_categories):
    return category_counts(rows.X, rows.index, rows.weight, n_categories)


def _row_weights(rows):
    index = rows.index, rows.index_val
    return np.array([len(i) if rows.weight is None else rows.weight[i].sum() for i in index])


def sum_of(group):
    """The sum of the results of the partitions."""
    return reduce(add, group)


def check_split(prepared):
    """Raise unless there are enough training and validation rows, as in a local fit."""
    if prepared.n_validation_rows < 2:
        raise ValueError(
            "The validation set is too small: early_stopping=True holds out "
            f"{prepared.n_validation_rows} rows. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    if not prepared.row_weights().all():
        raise ValueError(
            "sample_weight sums to 0 over the rows to train on or over those that "
            "early_stopping holds out, expected a positive sum of both."
        )
