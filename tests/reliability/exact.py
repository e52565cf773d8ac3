"""The exact oracle: count, mean and variance of a column as ratios of sums of integers.

A column of floats is a column of integers times a power of two.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

EPS = 2.0**-52
TINY = 2.0**-1074
LARGEST = float(np.finfo(np.float64).max)


def as_integers(values):
    """Integers m and an exponent e with values = m·2^e, exactly."""
    mantissas, exponents = np.frexp(values)
    exponents = exponents - 53
    least = int(exponents.min(initial=0))
    integers = np.ldexp(mantissas, 53).astype(np.int64).tolist()
    return [m << (e - least) for m, e in zip(integers, exponents.tolist(), strict=True)], least


def power_of_two(exponent):
    return Fraction(2**exponent if exponent >= 0 else Fraction(1, 2**-exponent))


def root(x):
    """√x of a Fraction, which may be beyond the floats."""
    half = (x.numerator.bit_length() - x.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(x / power_of_two(2 * half)), half) if x else 0.0


def as_float(x):
    """The float nearest to a Fraction, or infinity."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


@dataclass
class Exact:
    """Statistics of a column, as Fractions; mean and variance are None where no value is."""

    rows: int
    count: Fraction
    unseen: float = 0.0  # how far a row may be that squares do not tell of
    mean: Fraction | None = None
    variance: Fraction | None = None
    effective: Fraction = Fraction(0)  # (Σw)²/Σw², the rows that the bound for constants counts


def unseen_spread(values):
    """How far weighted rows lie apart, where the squares of it, times a weight, underflow."""
    spread = float(np.ptp(values / 4)) * 4
    return spread if spread < 2.0**-480 else 0.0


def exact_moments(column, weight=None):
    """Of a column of float64, each value of weight 1 or of an integer or float weight."""
    there = ~np.isnan(column) if weight is None else ~np.isnan(column) & (weight > 0)
    x, e = as_integers(column[there])
    w, f = ([1] * len(x), 0) if weight is None else as_integers(weight[there])
    total = sum(w)
    if not total:
        return Exact(0, Fraction(0))
    sums = sum(map(int.__mul__, w, x))
    squares = sum(v * m * m for v, m in zip(w, x, strict=True))
    return Exact(
        len(x),
        total * power_of_two(f),
        0.0 if weight is None else unseen_spread(column[there]),
        Fraction(sums, total) * power_of_two(e),
        Fraction(total * squares - sums * sums, total * total) * power_of_two(2 * e),
        Fraction(total * total, sum(v * v for v in w)),
    )
