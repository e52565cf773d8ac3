"""The encoding of columns of X as inputs of the network."""

import numpy as np

from .._model.inputs import Bins

# The smallest half width of a bin, whose inverse is a finite float.
MIN_HALF_WIDTH = 1e-307


def learn_bin_edges(X, weight, n_bins):
    """The edges of the bins of each column of X (n, d): a list of arrays in the dtype of X.

    They are the distinct values of a column if there are at most n_bins + 1 of them, otherwise its
    distinct quantiles, weighted by ``weight`` (n,) or None. A column with at most two distinct
    values has no bins, because the column itself is all that bins could tell.
    """
    if weight is not None:
        has_weight = weight > 0.0
        X, weight = X[has_weight], weight[has_weight]
    return [_edges_of_column(column, weight, n_bins) for column in X.T]


def _edges_of_column(column, weight, n_bins):
    values, totals = _distinct(column, weight)
    if len(values) <= 2:
        return values[:0]
    if len(values) <= n_bins + 1:
        return values
    cumulative = np.cumsum(totals)
    levels = cumulative[-1] * np.linspace(0.0, 1.0, n_bins + 1)
    index = np.searchsorted(cumulative, levels[:-1], side="right")
    return np.unique(values[[*index, -1]])


def _distinct(column, weight):
    """The distinct values of a column in order, and the total weight of each."""
    if weight is None:
        return np.unique(column, return_counts=True)
    values, index = np.unique(column, return_inverse=True)
    return values, np.bincount(index, weight)


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
