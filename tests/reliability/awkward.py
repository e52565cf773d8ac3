"""Awkward matrices: magnitudes, constants, missing values, dtypes, layouts, weights and batches."""

from dataclasses import dataclass, field

import numpy as np
from conftest import LAYOUTS
from reliability.exact import EPS, LARGEST, TINY

DTYPES = ("f8", "f8", "f8", "f4", "f4", "f2", "i1", "u1", "i4", "i8", "u8", "?", "g")


def magnitude(rng, low, high):
    return 10.0 ** rng.uniform(low, high)


def offset_normal(rng, n):
    """A spread far below its offset, or far above."""
    scale = magnitude(rng, -140, 140)
    return (rng.normal(size=n) + rng.choice([-1, 1]) * magnitude(rng, -2, 18)) * scale


def plain(rng, n):
    return rng.normal(size=n) * magnitude(rng, -3, 3) + rng.normal()


def subnormal(rng, n):
    return rng.integers(-1000, 1000, size=n) * TINY


def largest(rng, n):
    return rng.choice([LARGEST, -LARGEST, LARGEST / 2, np.nextafter(LARGEST, 0), 0.0], size=n)


def largest_of_one_sign(rng, n):
    return LARGEST * (1 - EPS * rng.integers(0, 4, size=n))


def missing(rng, n):
    return np.full(n, np.nan)


def some_missing(rng, n):
    return np.where(rng.random(n) < rng.random(), np.nan, offset_normal(rng, n))


def constant(rng, n):
    return np.full(n, rng.choice([-1, 1]) * magnitude(rng, -323, 308))


def near_constant(rng, n):
    """A few neighbours of one float, or one that is off by little."""
    value = magnitude(rng, -100, 100)
    steps = rng.integers(-2, 3, size=n) * 2.0 ** rng.integers(0, 30)
    return value * (1 + EPS * steps)


def any_magnitude(rng, n):
    return rng.choice([-1, 1], size=n) * 10.0 ** rng.uniform(-323, 308, size=n)


def tiny_variance(rng, n):
    return rng.normal(size=n) * magnitude(rng, -163, -150)


def huge_variance(rng, n):
    return (rng.normal(size=n) + rng.integers(0, 3)) * magnitude(rng, 151, 155)


def first_row_far_away(rng, n):
    X = plain(rng, n)
    X[0] += magnitude(rng, 0, 160)
    return X


def small_integers(rng, n):
    return rng.integers(-3, 4, size=n).astype(float)


def zeros_of_both_signs(rng, n):
    return np.where(rng.random(n) < 0.5, 0.0, -0.0)


def for_float32(rng, n):
    """What float32 holds: its subnormal numbers, its largest, offsets that leave few digits."""
    top = float(np.finfo(np.float32).max)
    return rng.choice([1.0, 1 + 2.0**-23, 2.0**24]) * rng.choice(
        [magnitude(rng, -45, 30) * np.ones(n), rng.normal(size=n), rng.choice([top, -top], size=n)]
    )


KINDS = (
    offset_normal,
    plain,
    subnormal,
    largest,
    largest_of_one_sign,
    missing,
    some_missing,
    constant,
    near_constant,
    any_magnitude,
    tiny_variance,
    huge_variance,
    first_row_far_away,
    small_integers,
    zeros_of_both_signs,
    for_float32,
)


def cast(X, dtype):
    """X in the dtype: what is beyond it becomes its largest, NaN the 0 of integers."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        top = float(np.finfo(dtype).max) if dtype.itemsize <= 8 else LARGEST
        return np.clip(X, -top, top).astype(dtype)
    if dtype.kind == "b":
        return np.nan_to_num(X) > 0
    info = np.iinfo(dtype)
    # float64 has not the largest int64 and uint64, but the one below.
    top = np.nextafter(float(info.max), 0) if dtype.itemsize == 8 else info.max
    return np.clip(np.nan_to_num(X), info.min, top).astype(dtype)


@dataclass
class Input:
    """A matrix, how it comes in, and what is done with it."""

    X: np.ndarray
    kinds: list
    dtype: str
    layout: str
    weight: np.ndarray | None = None
    cuts: list = field(default_factory=list)

    def __str__(self):
        weights = "" if self.weight is None else " weighted"
        names = ",".join(kind.__name__ for kind in self.kinds)
        return f"{self.X.shape} {self.dtype} {self.layout}{weights} cuts={self.cuts} [{names}]"


def random_weight(rng, n):
    """None, repetitions, fractions or weights of any magnitude; some rows weigh nothing."""
    weight = (
        None,
        None,
        rng.integers(0, 4, size=n).astype(float),
        rng.random(n),
        10.0 ** rng.uniform(-30, 30, size=n) * (rng.random(n) < 0.8),
    )[rng.integers(5)]
    if weight is not None and not weight.any():
        weight[rng.integers(n)] = 1.0
    return weight


def awkward_input(rng, n=None):
    """An input of any kind: mostly small, for what breaks breaks in few rows."""
    n = (1, 2, 3, *rng.integers(2, 20, size=9), 70, 130)[rng.integers(14)] if n is None else n
    kinds = [KINDS[i] for i in rng.integers(len(KINDS), size=rng.integers(1, 4))]
    columns = [kind(rng, n) for kind in kinds]
    dtype = DTYPES[rng.integers(len(DTYPES))]
    layout = list(LAYOUTS)[rng.integers(len(LAYOUTS))]
    X = LAYOUTS[layout](cast(np.stack(columns, axis=1), dtype))
    kinds = kinds[::-1] if layout == "reversed" else kinds
    cuts = sorted({int(cut) for cut in rng.integers(0, n + 1, size=rng.integers(0, 5))})
    return Input(X, kinds, dtype, layout, random_weight(rng, n), cuts)
