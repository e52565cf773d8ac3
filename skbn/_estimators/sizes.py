"""The batch size and the number of epochs as functions of the number of training rows."""

from typing import NamedTuple

# The number of iterations of "lbfgs": scikit-learn's default, because each uses all rows.
LBFGS_MAX_ITER = 200


def scaled_batch_size(n_rows):
    """A 40th of the rows, at least 64 (or all rows if there are fewer) and at most 256."""
    return min(max(n_rows // 40, 64), 256, n_rows)


def scaled_max_iter(n_rows):
    """50 epochs up to 10,000 rows, fewer by the square root above, 15 from 111,000 rows on."""
    return round(50 * min(max((10_000 / n_rows) ** 0.5, 0.3), 1.0))


class Lengths(NamedTuple):
    """The lengths of pilots and fits, as fractions of the number of epochs "scaled".

    Attributes
    ----------
    short, long : float
        Lengths of the pilots, of which the better one is chosen for the fit.
    full : float
        Length of the fit if the long pilot has less than ``gain`` times the loss of the short one.
    gain : float
    """

    short: float
    long: float
    full: float
    gain: float
