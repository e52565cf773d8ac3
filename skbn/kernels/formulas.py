"""The mathematics, one scalar function a formula, called by the loops of every device."""

import math

import numpy as np

from .compile import jit


@jit
def normalize(x, mean, scale, offset):
    """y = scale·(x − mean) + offset (Ioffe & Szegedy 2015, Algorithm 1, lines 3 and 4).

    This form loses less than scale·x + (offset − scale·mean) where |mean| ≫ σ.
    """
    return (x - mean) * scale + offset


@jit
def smooth_clip(x, bound):
    """x/√(1 + (x/bound)²), near x at zero and ±bound far away (Holzmüller et al. 2024).

    Farther than 1e9 bounds it is ±bound, before the square overflows.
    """
    t, far = x / bound, np.float32(1e9)
    t = far if t > far else (-far if t < -far else t)
    return bound * (t / math.sqrt(np.float32(1.0) + t * t))


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


@jit
def at_least(floor, y):
    """max(floor, y) that keeps NaN: the rectifier with floor = 0, the identity with −infinity."""
    return floor if y < floor else y


@jit
def gated(floor, y, delta):
    """The gradient that passes ``at_least``."""
    return delta if y > floor else np.float32(0.0)


@jit
def flushed(x):
    """x, or 0 near the smallest float32.

    An average that decays never leaves the denormal numbers, for rounding holds it there, and
    each costs some 150 cycles. After 300 epochs on load_digits 1 % of Adam's first moments were.
    """
    return np.float32(0.0) if abs(x) <= np.float32(1e-37) else x


@jit
def scrambled(x):
    """A bijection of 32 bits in which every bit moves all others.

    Multipliers and shifts of C. Wellons' "lowbias32" (hash-prospector). Every product is cast
    back: Numba's of two uint32 has 64 bits.
    """
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@jit
def row_bits(key, i):
    """32 random bits for row i under the key of a layer and step."""
    return scrambled(np.uint32(scrambled(np.uint32(key)) + np.uint32(i)))


@jit
def random_bits(row, j):
    """32 random bits for column j of a row: a counter-based generator, the same on any device.

    Half the work of scrambling the index twice, 0.30 against 0.63 ns. The bits of the row enter
    twice, lest two rows whose bits are near each other share a part of their sequence.
    """
    again = np.uint32(row * np.uint32(0x9E3779B9))
    x = np.uint32((row ^ np.uint32(j)) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15)) ^ again) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))
