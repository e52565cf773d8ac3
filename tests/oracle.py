"""Independent answers: two-pass statistics in longdouble, from the definition."""

import numpy as np


def moments(X, weight=None):
    """Count, mean and variance (ddof=0) of the columns of X; NaN is skipped."""
    X = np.asarray(X, dtype=np.longdouble)
    weight = np.ones(len(X)) if weight is None else weight
    weight = np.asarray(weight, dtype=np.longdouble)[:, None] * ~np.isnan(X)
    values = np.where(np.isnan(X), 0, X)
    count = weight.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * values).sum(axis=0) / count
        # The second term mends the rounding of the mean itself.
        rest = (weight * (values - mean)).sum(axis=0)
        variance = ((weight * (values - mean) ** 2).sum(axis=0) - rest**2 / count) / count
        mean = mean + rest / count
    return count, mean, variance


def relative_error(value, expected):
    """Largest relative error over the columns; where 0 or NaN is expected it must be met."""
    value, expected = np.asarray(value, dtype=np.longdouble), np.asarray(expected)
    same = (value == expected) | (np.isnan(value) & np.isnan(expected))
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(
            np.max(np.where(same, 0, np.abs(value - expected) / np.abs(expected)), initial=0)
        )


def exponential(batches, momentum):
    """Mean and variance of batches weighted momentum·(1 − momentum)^age, normalized."""
    weights = [momentum * (1 - momentum) ** age for age in range(len(batches))][::-1]
    rows = np.concatenate(batches)
    each = np.concatenate(
        [np.full(len(b), w / len(b)) for w, b in zip(weights, batches, strict=True)]
    )
    return moments(rows, each)[1:]


def normalized(X, gamma=1.0, beta=0.0, epsilon=0.0):
    """X as Algorithm 1 normalizes it, in float64."""
    _, mean, var = moments(X)
    return np.asarray(gamma * (X - mean) / np.sqrt(var + epsilon) + beta, dtype=float)
