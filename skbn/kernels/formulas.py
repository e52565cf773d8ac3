"""The mathematics, one scalar function a formula, called by the loops of every device."""

import math

from .compile import jit


@jit
def normalize(x, mean, scale, offset):
    """y = scale·(x − mean) + offset (Ioffe & Szegedy 2015, Algorithm 1, lines 3 and 4).

    This form loses less than scale·x + (offset − scale·mean) where |mean| ≫ σ.
    """
    return (x - mean) * scale + offset


@jit
def is_infinite(x):
    """1 for infinity of either sign, else 0."""
    return 1 if abs(x) == math.inf else 0


@jit
def is_finite(x):
    """Whether x is neither infinite nor NaN."""
    return abs(x) < math.inf


@jit
def present(x, value):
    """The value where x is there, 0 where x is NaN."""
    return value if x == x else 0.0


@jit
def mean_step(weight_a, mean_a, weight_b, mean_b, delta):
    """From the mean of group a to that of both (Chan, Golub & LeVeque 1983, equation 1.5a).

    ``delta`` is mean_b − mean_a with all its digits; it overflows where the means are near the
    largest float and of opposite sign.
    """
    share = weight_b / (weight_a + weight_b)
    return mean_b * share - mean_a * share if is_infinite(delta) else delta * share


@jit
def merged_m2(weight_a, m2_a, weight_b, m2_b, delta):
    """Squared deviations of both groups, delta = mean_b − mean_a (ibid., equation 1.5b)."""
    return m2_a + m2_b + delta * delta * (weight_a * (weight_b / (weight_a + weight_b)))


@jit
def m2_about_mean(weight, deviations, squares):
    """Σw(x−mean)² from Σw(x−r) and Σw(x−r)², for a reference r near the mean."""
    if is_infinite(squares):
        return squares
    return max(squares - deviations * (deviations / weight), 0.0)


@jit
def rounding_error(a, b):
    """What the rounded sum a + b lacks, exactly (Knuth's TwoSum)."""
    total = a + b
    b_in_total = total - a
    return (a - (total - b_in_total)) + (b - b_in_total)
