"""Awkward matrices, and what BatchNormalizer must make of them, checked in integer arithmetic.

    python tests/reliability/fuzz.py --inputs 200000 --seed 0

prints how many inputs were fuzzed, the violations, and the worst errors by dtype.

The oracle is exact: a column of floats is a column of integers times a power of two, and count,
mean and variance are ratios of sums of integers. An error bound has three parts, with ε = 2⁻⁵²:

- *rounding*: Σ(x − r) and Σ(x − r)² are taken about a reference r, at most 8σ from the mean, for
  Σ(x − r)² ≤ 65·nσ² is what the kernels allow; sums of n terms, and merges, add an ε each. Mean:
  ε(|μ| + (8 + 4n)σ). Variance: ε(64 + 4n)σ². No |μ|/σ is in it: x − r is taken from the given
  floats, however far they lie from 0, and the mean is kept with what its rounding lacks.
- *underflow*: a product below 2⁻¹⁰²² loses up to 2⁻¹⁰⁷⁴, n of them in a sum, over Σw.
- *overflow*: infinity stands where Σw(x − μ)² is beyond the largest float, and nowhere else.
"""

import argparse
import math
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent)]

from conftest import LAYOUTS  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from skbn import BatchNormalizer  # noqa: E402

EPS = 2.0**-52
TINY = 2.0**-1074
LARGEST = float(np.finfo(np.float64).max)
DTYPES = ("f8", "f8", "f8", "f4", "f4", "f2", "i1", "u1", "i4", "i8", "u8", "?", "g")


# Awkward matrices -----------------------------------------------------------------------------


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


# The exact oracle -----------------------------------------------------------------------------


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
    mean: Fraction | None = None
    variance: Fraction | None = None


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
        Fraction(sums, total) * power_of_two(e),
        Fraction(total * squares - sums * sums, total * total) * power_of_two(2 * e),
    )


# The bounds -----------------------------------------------------------------------------------


class Report:
    """What was fuzzed, what was wrong, and the worst errors by dtype."""

    def __init__(self):
        self.inputs = 0
        self.violations = []
        self.worst = {}
        self.survived = {"both": 0, "BatchNormalizer alone": 0, "StandardScaler alone": 0}

    def error(self, dtype, name, value):
        """|error| / (|μ| + σ) of the mean, / σ² of the variance; of y the share of its bound."""
        worst = self.worst.setdefault(dtype, {})
        worst[name] = max(worst.get(name, 0.0), value)

    def check(self, ok, what, case):
        if not ok:
            self.violations.append(f"{what}: {case}")

    def add(self, other):
        self.inputs += other.inputs
        self.violations += other.violations
        for dtype, worst in other.worst.items():
            for name, value in worst.items():
                self.error(dtype, name, value)
        for who, columns in other.survived.items():
            self.survived[who] += columns

    def __str__(self):
        lines = [f"inputs fuzzed: {self.inputs}", f"violations: {len(self.violations)}"]
        names = ("mean", "variance", "transform")
        lines.append(f"{'worst error':12}" + "".join(f"{name:>12}" for name in names))
        for dtype, worst in sorted(self.worst.items()):
            lines.append(
                f"{np.dtype(dtype).name:12}"
                + "".join(f"{worst.get(name, 0.0):12.2e}" for name in names)
            )
        lines.append(f"columns with finite statistics: {self.survived}")
        return "\n".join(lines)


def lost(n, exact):
    """What underflow may take from a mean or a variance."""
    return 2 * n * Fraction(TINY) * (1 + 1 / exact.count)


def check_mean(mean, exact, report, case, steps):
    if exact.mean is None:
        report.check(math.isnan(mean), "a mean of nothing", case)
        return
    if not math.isfinite(mean):
        report.check(False, f"mean is {mean}", case)
        return
    error, sigma = abs(Fraction(mean) - exact.mean), root(exact.variance)
    n = exact.rows + steps
    bound = Fraction(EPS) * (abs(exact.mean) + (8 + 4 * n) * Fraction(sigma)) + lost(n, exact)
    report.check(error <= bound, "mean", case)
    size = abs(exact.mean) + Fraction(sigma)
    if size > Fraction(2.0**-1000):
        report.error(case.dtype, "mean", float(error / size))


def check_variance(variance, exact, report, case, steps):
    if exact.mean is None:
        report.check(math.isnan(variance), "a variance of nothing", case)
        return
    m2 = exact.variance * exact.count
    if not math.isfinite(variance):
        # Two roundings of the sum are below one in 2⁴⁰.
        beyond = max(m2, exact.variance) > Fraction(LARGEST) * Fraction(1 - 2.0**-40)
        report.check(variance == math.inf and beyond, f"variance is {variance}", case)
        return
    n = exact.rows + steps
    error = abs(Fraction(variance) - exact.variance)
    underflow = lost(n, exact)
    bound = (64 + 4 * n) * Fraction(EPS) * exact.variance + underflow
    report.check(error <= bound, "variance", case)
    report.check(math.copysign(1, variance) > 0, "a negative variance", case)
    if underflow < Fraction(EPS) * exact.variance:
        report.error(case.dtype, "variance", float(error / exact.variance))


def check_scale(scale, mean, variance, count, report, case):
    """StandardScaler's rule, but where rounding decides; else the root of the variance."""
    if math.isnan(mean):
        report.check(math.isnan(scale), "a scale of nothing", case)
        return
    with np.errstate(all="ignore"):
        bound = np.float64(count) * EPS * variance + np.float64(count * mean * EPS) ** 2
    is_root = abs(scale - math.sqrt(variance)) <= 2 * EPS * scale if variance < math.inf else False
    surely_constant = variance <= bound * (1 - 1e-12) or variance in (0.0, math.inf)
    surely_not = variance > bound * (1 + 1e-12)
    report.check(
        (scale == 1.0 and not surely_not) or (is_root and not surely_constant), "scale", case
    )


def check_statistics(normalizer, exact, report, case, steps=0):
    """count, mean_, var_ and scale_ against the oracle; ``steps`` merges were made."""
    counts = np.broadcast_to(normalizer.n_samples_seen_, len(exact))
    for j, of_column in enumerate(exact):
        count = Fraction(counts[j].item())
        tolerance = (of_column.rows + steps) * Fraction(EPS) if case.weight is not None else 0
        report.check(abs(count - of_column.count) <= tolerance * of_column.count, "count", case)
        mean, variance = float(normalizer.mean_[j]), float(normalizer.var_[j])
        check_mean(mean, of_column, report, case, steps)
        check_variance(variance, of_column, report, case, steps)
        check_scale(float(normalizer.scale_[j]), mean, variance, float(count), report, case)


# The checks -----------------------------------------------------------------------------------


def parts(case):
    """Slices of the rows; two equal cuts enclose an empty batch, which nobody takes."""
    edges = [0, *case.cuts, len(case.X)]
    return [slice(a, b) for a, b in pairwise(edges)]


def weight_of(case, rows):
    return None if case.weight is None else case.weight[rows]


def streamed(case, **parameters):
    """partial_fit over the parts; an empty batch, or one without weight, is refused and lost."""
    normalizer = BatchNormalizer(**parameters)
    for rows in parts(case):
        weight = weight_of(case, rows)
        if rows.start == rows.stop or (weight is not None and not weight.any()):
            before = dict(vars(normalizer))
            try:
                normalizer.partial_fit(case.X[rows], sample_weight=weight)
            except ValueError:
                unchanged = vars(normalizer) == before
            else:
                unchanged = False
            if not unchanged:
                raise AssertionError("an empty batch left a trace")
        else:
            normalizer.partial_fit(case.X[rows], sample_weight=weight)
    return normalizer


def merged(case):
    each = []
    for rows in parts(case):
        weight = weight_of(case, rows)
        if rows.start < rows.stop and (weight is None or weight.any()):
            each.append(BatchNormalizer().fit(case.X[rows], sample_weight=weight))
    return each[-1].merge(*each[:-1])


def check_transform(normalizer, exact, values, report, case):
    """y = (x − μ)/scale to what the dtypes allow, and back.

    The mean carries the error of its bound into y; the result is rounded to its dtype.
    """
    out = normalizer.transform(case.X)
    with np.errstate(all="ignore"):
        finite = check_normalized(out, normalizer, exact, values, report, case)
    back = normalizer.inverse_transform(np.where(finite, out, 0).astype(out.dtype))
    with np.errstate(all="ignore"):
        check_inverse(back, normalizer, values, finite, report, case)


def check_normalized(out, normalizer, exact, values, report, case):
    info, n = np.finfo(out.dtype), len(values)
    finite = np.ones(out.shape, bool)
    for j, of_column in enumerate(exact):
        if of_column.mean is None:
            report.check(np.isnan(out[:, j]).all(), "a value made of nothing", case)
            finite[:, j] = False
            continue
        scale, sigma = np.longdouble(normalizer.scale_[j]), np.longdouble(root(of_column.variance))
        high = as_float(of_column.mean)
        low = as_float(of_column.mean - Fraction(high))
        deviation = values[:, j].astype(np.longdouble) - high - low
        expected = deviation / scale
        of_mean = EPS * (2 * np.abs(np.longdouble(high)) + (8 + 4 * n) * sigma)
        of_mean += as_float(lost(n, of_column))
        bound = of_mean / scale + (4 * EPS + info.eps) * np.abs(expected)
        bound += info.smallest_subnormal
        y = out[:, j].astype(np.longdouble)
        finite[:, j] = np.isfinite(out[:, j]) | np.isnan(values[:, j])
        beyond = np.abs(expected) + bound >= min(float(info.max), LARGEST / float(max(scale, 1)))
        ok = (
            (np.abs(y - expected) <= bound)
            | (np.isnan(y) & np.isnan(expected))
            | (beyond & (y == np.sign(expected) * np.inf))
        )
        report.check(ok.all(), "transform", case)
        used = (np.abs(y - expected) / bound)[finite[:, j]]
        report.error(case.dtype, "transform", float(np.max(used, initial=0.0)))
    return finite


def check_inverse(back, normalizer, values, finite, report, case):
    info = np.finfo(back.dtype)
    x, mean = values.astype(np.longdouble), normalizer.mean_.astype(np.longdouble)
    spread = np.abs(x - mean)
    bound = (6 * EPS + 2 * info.eps) * spread + (4 * EPS + info.eps) * (np.abs(x) + np.abs(mean))
    bound += (1 + normalizer.scale_) * 2 * info.smallest_subnormal
    ok = (np.abs(back - x) <= bound) | np.isnan(x) | ~finite
    # A mean, or what is added to it, may round beyond the largest of the dtype.
    ok |= np.isinf(back) & (np.abs(x) + bound >= info.max)
    report.check(ok.all(), "inverse_transform", case)
    report.check((np.isnan(back) == np.isnan(x))[finite].all(), "NaN in inverse_transform", case)


MOMENTUM = 0.25


def averaged_weight(case, column):
    """Of each row in an exponential average: 3/4 to the age of its batch, over the batch's own.

    A batch ages a column only where it has values there. As integers, for the oracle.
    """
    kept = Fraction(1) - Fraction(MOMENTUM)
    weights, age = [Fraction(0)] * len(column), Fraction(1)
    for rows in parts(case)[::-1]:
        own = np.ones(rows.stop - rows.start) if case.weight is None else case.weight[rows]
        own = [Fraction(w) for w in np.where(np.isnan(column[rows]), 0.0, own).tolist()]
        total = sum(own)
        if total:
            weights[rows] = [w / total * age for w in own]
            age *= kept
    return weights


def check_average(case, values, report):
    """With momentum: decayed sums are merged, each with a rounding more; M2 is one of shares."""
    normalizer = streamed(case, momentum=MOMENTUM)
    for j, column in enumerate(values.T):
        weights = averaged_weight(case, column)
        total = sum(weights)
        if not total:
            report.check(math.isnan(normalizer.mean_[j]), "an average of nothing", case)
            continue
        x = [Fraction(v) if w else 0 for v, w in zip(column.tolist(), weights, strict=True)]
        mean = sum(w * v for v, w in zip(x, weights, strict=True)) / total
        squares = sum(w * (v - mean) ** 2 for v, w in zip(x, weights, strict=True))
        exact = Exact(len(x), count_of(case, column), mean, squares / total)
        if math.isinf(normalizer.var_[j]):
            # A batch long forgotten may have overflown: infinity decays to infinity.
            report.check(exact.variance > Fraction(2.0**900), "average is infinite", case)
        else:
            check_variance(float(normalizer.var_[j]), exact, report, case, 2 * len(parts(case)))
        check_mean(float(normalizer.mean_[j]), exact, report, case, 2 * len(parts(case)))


def count_of(case, column):
    weight = np.ones(len(column)) if case.weight is None else case.weight
    return min(Fraction(1), sum(map(Fraction, weight[~np.isnan(column)].tolist())))


def check_sparse(case, exact, report):
    """Sums over stored values are exact but for their last digits, about the mean of all."""
    X = np.array(case.X, dtype=case.X.dtype.newbyteorder("="))
    if X.dtype == np.float16 or X.dtype.itemsize > 8 or X.dtype == bool:
        return
    to_format = sparse.csr_array if len(X) % 2 else sparse.csc_array
    normalizer = BatchNormalizer(with_mean=False).fit(to_format(X), sample_weight=case.weight)
    check_statistics(normalizer, exact, report, case, steps=len(X))


def finite_columns(scaler):
    return np.isfinite(scaler.mean_) & np.isfinite(scaler.var_) & np.isfinite(scaler.scale_)


def check_survival(case, ours, report):
    """Where StandardScaler has finite statistics of the same batches, so have we."""
    theirs = StandardScaler()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for rows in parts(case):
            weight = weight_of(case, rows)
            if rows.start < rows.stop and (weight is None or weight.any()):
                theirs.partial_fit(case.X[rows], sample_weight=weight)
    here, there = finite_columns(ours), finite_columns(theirs)
    report.check(not (there & ~here).any(), "StandardScaler survives", case)
    report.survived["both"] += int((here & there).sum())
    report.survived["BatchNormalizer alone"] += int((here & ~there).sum())
    report.survived["StandardScaler alone"] += int((there & ~here).sum())


ALL = ("partial_fit", "merge", "scaler", "average", "sparse")

# What takes long is checked of every second or fourth input.
IN_TURN = (("partial_fit", "scaler"), ("merge", "average"), ("partial_fit", "sparse"), ("merge",))


def check_input(case, report, checks=ALL):
    """What is promised of one input. Warnings are to be errors: ours there are none."""
    report.inputs += 1
    try:
        check_all(case, report, checks)
    except (ArithmeticError, AssertionError, TypeError, ValueError, Warning) as error:
        where = error.__traceback__
        while where.tb_next:
            where = where.tb_next
        place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}"
        report.check(False, f"{type(error).__name__}: {error} ({place})", case)


def check_all(case, report, checks):
    values = np.asarray(case.X, dtype=np.float64)
    exact = [exact_moments(column, case.weight) for column in values.T]
    ours = BatchNormalizer().fit(case.X, sample_weight=case.weight)
    check_statistics(ours, exact, report, case)
    check_transform(ours, exact, values, report, case)
    if case.cuts and "merge" in checks:
        check_statistics(merged(case), exact, report, case, steps=len(case.cuts))
    if case.cuts and "partial_fit" in checks:
        ours = streamed(case)
        check_statistics(ours, exact, report, case, steps=len(case.cuts))
    if "scaler" in checks:
        check_survival(case, ours, report)
    if "average" in checks:
        check_average(case, values, report)
    if "sparse" in checks:
        check_sparse(case, exact, report)


def fuzz(n_inputs, seed, first=0):
    """The report on so many inputs; input i depends on the seed and on i alone."""
    report = Report()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(first, first + n_inputs):
            rng = np.random.default_rng([seed, i])
            check_input(awkward_input(rng), report, IN_TURN[i % 4])
    return report


INPUTS_PER_JOB = 1000


def fuzz_in_processes(n_inputs, seed, n_jobs):
    """The same report, from so many processes."""
    firsts = range(0, n_inputs, INPUTS_PER_JOB)
    sizes = [min(INPUTS_PER_JOB, n_inputs - first) for first in firsts]
    report = Report()
    with ProcessPoolExecutor(n_jobs) as pool:
        for part in pool.map(fuzz, sizes, [seed] * len(sizes), firsts):
            report.add(part)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    report = fuzz_in_processes(arguments.inputs, arguments.seed, arguments.jobs)
    print(report)  # noqa: T201
    for violation in report.violations[:20]:
        print(violation)  # noqa: T201
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
