"""The data, the same for every baseline, and NumPy's answer to check them against."""

import os

import numpy as np

SHAPES = ((1_000_000, 100), (200_000, 1000), (4_000_000, 8), (33_000_000, 3), (20_000, 100))
CAREFUL_SHAPES = ((1_000_000, 100), (4_000_000, 8))
BATCH_SHAPE = (256, 100)
N_BATCHES = 10
STREAM_SHAPE = (N_BATCHES * BATCH_SHAPE[0], BATCH_SHAPE[1])
MEMORY_MAP_SHAPE = (5_000_000, 100)
ROWS_DIVISOR = int(os.environ.get("SKBN_BENCHMARK_ROWS_DIVISOR", "1"))

# Largest errors seen: 3e-4 in float32 (oneDAL's variance), 1e-13 in float64.
TOLERANCES = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-10}

BLOCK_ELEMENTS = 1 << 20


def shrunk(shape, divisor=ROWS_DIVISOR):
    """The shape with its rows divided."""
    n, c = shape
    return max(n // divisor, 2), c


def normal_matrix(shape, dtype=np.float32):
    """Normally distributed columns of different means and standard deviations."""
    c = shape[1]
    X = np.random.default_rng(0).standard_normal(shape, dtype=dtype)
    X *= np.linspace(0.5, 2.0, c, dtype=dtype)
    X += np.linspace(-5.0, 5.0, c, dtype=dtype)
    return X


def row_blocks(X):
    """Slices over the rows of X, small enough to compute with in float64."""
    n, c = X.shape
    step = BLOCK_ELEMENTS // c
    return [slice(start, start + step) for start in range(0, n, step)]


def with_missing(X):
    """X with one value in a hundred missing."""
    X = X.copy()
    X[np.random.default_rng(1).random(X.shape, dtype=np.float32) < 0.01] = np.nan
    return X


def two_pass(x):
    """Mean and variance of the values of one column that are not NaN, in longdouble."""
    x = x[~np.isnan(x)].astype(np.longdouble)
    mean = x.mean()
    x -= mean
    x *= x
    return mean, x.mean()


class Problem:
    """A matrix, and the mean and variance of its columns by two passes in longdouble."""

    def __init__(self, X):
        self.X = X
        columns = np.array([two_pass(column) for column in X.T])
        self.mean, self.var = columns.T.astype(float)
        self.tolerance = TOLERANCES[X.dtype]

    def check_statistics(self, mean, var):
        """Raise where they are wrong, else return the largest relative error of the variance."""
        mean_error = np.abs(mean - self.mean) / np.sqrt(self.var)
        var_error = np.abs(var / self.var - 1.0)
        assert mean_error.max() < self.tolerance, f"mean is off by {mean_error.max()} of std"
        assert var_error.max() < self.tolerance, f"var is off by {var_error.max()} of var"
        return var_error.max()

    def check_normalized(self, Y):
        """Raise unless Y is the first rows of X, normalized, else return the largest error."""
        error = max(
            np.abs((self.X[rows][: len(Y)] - self.mean) / np.sqrt(self.var) - Y[rows]).max()
            for rows in row_blocks(Y)
        )
        assert error < self.tolerance, f"normalized values are off by {error}"
        return error
