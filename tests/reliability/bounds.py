"""Statistics within their error bounds of the exact ones, and the report on it.

An error bound has three parts, with ε = 2⁻⁵²:

- *rounding*: the kernels take Σw(x − r)² about a reference r near enough for it to be at most 65 of
  M2 = Σw(x − r)² − d·d/Σw, d = Σw(x − r); |r − μ| ≤ 8σ. Four roundings, each ε/2, make a term
  w(x − r)²: 130ε of M2 together. Two make a term of d, which is squared: 129ε. Then there are
  d·(d/Σw) and the difference: 65ε. Sums of n terms, and merges, are given 4ε each of the 129 that
  could be if no two roundings cancelled. Mean: ε(|μ| + (8 + 4n)σ). Variance: ε(324 + 4n)σ². No
  |μ|/σ is in it: x − r is taken from the given floats, however far they lie from 0, and the mean
  is kept with what its rounding lacks.
- *underflow*: a product below 2⁻¹⁰²² loses up to 2⁻¹⁰⁷⁴, n of them in a sum, over Σw. Where all
  w(x − r)² are below 2⁻¹⁰⁷⁴ they do not tell that a light r is far: the mean loses nε|x − r|.
- *overflow*: infinity stands where Σw(x − μ)² is beyond the largest float, and nowhere else.
"""

import math
from fractions import Fraction

import numpy as np
from reliability.exact import EPS, LARGEST, TINY, root


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
    unseen = n * Fraction(EPS) * Fraction(exact.unseen)
    report.check(error <= bound + unseen, "mean", case)
    size = abs(exact.mean) + Fraction(sigma)
    if size > Fraction(2.0**-1000) and unseen < Fraction(EPS) * size:
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
    bound = (324 + 4 * n) * Fraction(EPS) * exact.variance + underflow
    report.check(error <= bound, "variance", case)
    report.check(math.copysign(1, variance) > 0, "a negative variance", case)
    if underflow < Fraction(EPS) * exact.variance:
        report.error(case.dtype, "variance", float(error / exact.variance))


def check_scale(scale, mean, variance, n, report, case):
    """StandardScaler's rule, but where rounding decides; else the root of the variance.

    With n rows, or with weights the effective number of them.
    """
    if math.isnan(mean):
        report.check(math.isnan(scale), "a scale of nothing", case)
        return
    with np.errstate(all="ignore"):
        bound = np.float64(n) * EPS * variance + np.float64(n * mean * EPS) ** 2
    is_root = abs(scale - math.sqrt(variance)) <= 2 * EPS * scale if variance < math.inf else False
    surely_constant = variance <= bound * (1 - 1e-9) or variance in (0.0, math.inf)
    surely_not = variance > bound * (1 + 1e-9)
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
        n = float(of_column.effective)
        check_scale(float(normalizer.scale_[j]), mean, variance, n, report, case)
