"""Values of X so far from all others that the network overflows."""

import numpy as np
from scipy import sparse

from .._device import CPU
from .._inference import LARGEST, parts
from .._rows import rows_of

# Standard deviations, or the unit of X where it is not normalized, from which on a value is named
# as a likely reason why training diverged.
SUSPICIOUS = 1e6


def without_far_rows(X, weight, input_norm):
    """X, in which far rows of weight 0 are set to the mean, or to 0 where X is sparse.

    A row that overflows in the network would count, because 0 times infinity is NaN.
    """
    ignored = np.flatnonzero(weight == 0.0)
    if not len(ignored):
        return X
    far = ignored[_largest_of_rows(X[ignored], input_norm) > LARGEST]
    if not len(far):
        return X
    X = X.copy()
    if sparse.issparse(X):
        row_of_value = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        X.data[np.isin(row_of_value, far)] = 0.0
    else:
        X[far] = input_norm.mean_scale[0]
    return X


def farthest_value(X, input_norm, names):
    """A sentence that names the value farthest from the others, empty where none is far."""
    farthest, place = SUSPICIOUS, None
    for start, stop in parts(X.shape[0], X.shape[1], CPU):
        distance = _distances(X[start:stop], input_norm)
        distance = distance.toarray() if sparse.issparse(distance) else distance
        row, column = np.unravel_index(distance.argmax(), distance.shape)
        if distance[row, column] > farthest:
            farthest, place = distance[row, column], (start + row, column)
    if place is None:
        return ""
    row, column = place
    return (
        f" The value farthest from the others is {X[row, column]:g} in row {row} of X, feature "
        f"{names[column]}."
    )


def _largest_of_rows(X, input_norm):
    largest = _distances(X, input_norm).max(axis=1)
    return largest.toarray().ravel() if sparse.issparse(largest) else largest


def _distances(X, input_norm):
    """The absolute values of the rows of X as the first layer takes them, in float64."""
    with np.errstate(over="ignore"):
        rows = rows_of(X, input_norm, np.dtype(np.float64))
        return abs(rows.slice(0, X.shape[0]))
