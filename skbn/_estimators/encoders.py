"""The encoding of columns of X as inputs of the network."""

from typing import NamedTuple

import numpy as np

from .._model.input_norm import Bins

# The smallest half width of a bin, whose inverse is a finite float.
MIN_HALF_WIDTH = 1e-307

# Number of values of a column that are kept of each partition of a collection.
MAX_VALUES = 1024


class ColumnValues(NamedTuple):
    """The distinct values of columns in order, with the total weight of each.

    Attributes
    ----------
    values, totals : list of ndarray of shape (n_values,)
    """

    values: list
    totals: list

    @classmethod
    def of(cls, X, weight):
        """The values of the columns of X (n, d), with row weights (n,) or None."""
        if weight is not None:
            has_weight = weight > 0.0
            X, weight = X[has_weight], weight[has_weight]
        return cls.of_columns([_distinct(column, weight) for column in X.T])

    @classmethod
    def of_columns(cls, columns):
        """Those of columns given as (values, totals)."""
        return cls([values for values, _ in columns], [totals for _, totals in columns])

    def edges(self, n_bins):
        """The edges of at most ``n_bins`` bins of each column."""
        return [_edges(*column, n_bins) for column in zip(*self, strict=True)]

    def compressed(self):
        """The same, with MAX_VALUES values of each column at most, which are quantiles."""
        return self.of_columns([_compressed(*column) for column in zip(*self, strict=True)])

    def merge(self, *others):
        """The compressed values of the rows of all."""
        columns = zip(*(zip(*part, strict=True) for part in (self, *others)), strict=True)
        merged = [_distinct(*map(np.concatenate, zip(*parts, strict=True))) for parts in columns]
        return self.of_columns(merged).compressed()


def learn_bin_edges(X, weight, n_bins):
    """The edges of the bins of each column of X (n, d): a list of arrays in the dtype of X.

    They are the distinct values of a column if there are at most n_bins + 1 of them, otherwise its
    distinct quantiles, weighted by ``weight`` (n,) or None. A column with at most two distinct
    values has no bins, because they would repeat the column.
    """
    return ColumnValues.of(X, weight).edges(n_bins)


def _distinct(column, weight):
    """The distinct values of a column in order, and the total weight of each; NaN is skipped."""
    is_missing = np.isnan(column)
    if is_missing.any():
        column, weight = column[~is_missing], None if weight is None else weight[~is_missing]
    if weight is None:
        values, counts = np.unique(column, return_counts=True)
        return values, counts.astype(np.float64)
    values, index = np.unique(column, return_inverse=True)
    return values, np.bincount(index, weight)


def _edges(values, totals, n_bins):
    if len(values) <= 2:
        return values[:0]
    if len(values) <= n_bins + 1:
        return values
    return values[np.unique(_quantiles(totals, n_bins))]


def _quantiles(totals, n_parts):
    """The positions of the n_parts + 1 quantiles of values with these total weights."""
    cumulative = np.cumsum(totals)
    levels = cumulative[-1] * np.linspace(0.0, 1.0, n_parts + 1)
    return [*np.searchsorted(cumulative, levels[:-1], side="right"), len(totals) - 1]


def _compressed(values, totals):
    if len(values) <= MAX_VALUES:
        return values, totals
    kept = np.unique(_quantiles(totals, MAX_VALUES - 1))
    return values[kept], np.add.reduceat(totals, kept)


def bins_of(bin_edges):
    """The Bins of the edges of all columns, or None if no column has bins."""
    if bin_edges is None or not any(map(len, bin_edges)):
        return None
    n_bins = [max(len(edges) - 1, 0) for edges in bin_edges]
    halves = [0.5 * edges.astype(np.float64) for edges in bin_edges]
    widths = np.concatenate([np.diff(half) for half in halves])
    lower = np.concatenate([half[:-1] for half in halves])
    column = np.repeat(np.arange(len(bin_edges)), n_bins)
    return Bins(column, np.stack([lower, 1.0 / np.maximum(widths, MIN_HALF_WIDTH)]))
