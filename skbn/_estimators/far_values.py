"""Values of X that are so far from the others that the network overflows."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from .._backends.cpu import CPU
from .._model.folded import LARGEST, row_chunks
from .._model.inputs import rows_of
from .._model.tables import numbers_of, with_numbers
from .._training import TrainingDivergedError

# An error about diverged training names a value that is further than this from the mean, in
# standard deviations, or in the units of X if X is not normalized.
SUSPICIOUS = 1e6


def check_variances(input_norm, smooth_clip):
    """Raise if a variance of X overflows: the feature is not scaled, and hides all others.

    Training in float32 diverges by such a feature. In float64 it ended, and R² was 0. With
    ``smooth_clip``, the values are small.
    """
    if input_norm is not None and smooth_clip is None and np.isinf(input_norm.var_).any():
        raise TrainingDivergedError(
            "The input data may contain large values and need to be preprocessed, because of a "
            "non-finite variance of a feature."
        )


def without_far_rows(X, weight, input_norm):
    """X, an array, a CSR matrix or a Table, without far values in rows of weight 0.

    The numbers of these rows become the mean, or 0 if X is sparse.

    A row that overflows in the network would affect the result despite its weight of 0, because 0
    times infinity is NaN.
    """
    ignored, numbers = np.flatnonzero(weight == 0.0), numbers_of(X)
    if not len(ignored) or not numbers.shape[1]:
        return X
    far = ignored[_largest_of_rows(numbers[ignored], input_norm) > LARGEST]
    return with_numbers(X, _at_mean(numbers, far, input_norm)) if len(far) else X


def _at_mean(X, far, input_norm):
    """A copy of X, with the rows at the index ``far`` at the mean, or at 0 if X is sparse."""
    X = X.copy()
    if sparse.issparse(X):
        row_of_value = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        X.data[np.isin(row_of_value, far)] = 0.0
    else:
        X[far] = input_norm.mean_scale[0]
    return X


class FarValue(NamedTuple):
    """A value of X, with its distance from the mean and its position."""

    distance: float
    value: float
    row: int
    column: int

    def __str__(self):
        return f"{self.value:g} in row {self.row} of X"


def farthest_value(X, input_norm):
    """The FarValue of X that is farthest from the mean, or None if none is far.

    Its column is counted among those that give a number.
    """
    X = numbers_of(X)
    if not X.shape[1]:
        return None
    farthest = FarValue(SUSPICIOUS, 0.0, -1, -1)
    for start, stop in row_chunks(X.shape[0], X.shape[1], CPU):
        distances = _distances(X[start:stop], input_norm)
        distances = distances.toarray() if sparse.issparse(distances) else distances
        row, column = np.unravel_index(distances.argmax(), distances.shape)
        if distances[row, column] > farthest.distance:
            value = X[start + row, column]
            farthest = FarValue(distances[row, column], value, start + row, column)
    return farthest if farthest.row >= 0 else None


def _largest_of_rows(X, input_norm):
    largest = _distances(X, input_norm).max(axis=1)
    return largest.toarray().ravel() if sparse.issparse(largest) else largest


def _distances(X, input_norm):
    """The absolute values of the inputs of the first layer for the rows of X, in float64."""
    with np.errstate(over="ignore"):
        norm = input_norm._replace(bins=None, limits=None)
        rows = rows_of(X, norm, np.dtype(np.float64))
        return abs(rows.slice(0, X.shape[0]))
