"""Awkward matrices, and what BatchNormalizer must make of them, checked in integer arithmetic.

    python tests/reliability/fuzz.py --inputs 200000 --seed 0

prints how many inputs were fuzzed, the violations, and the worst errors by dtype.
"""

import argparse
import math
import multiprocessing
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

sys.path[:0] = [str(Path(__file__).parent.parent)]

from reliability.awkward import awkward_input  # noqa: E402
from reliability.bounds import (  # noqa: E402
    Report,
    check_mean,
    check_statistics,
    check_variance,
    lost,
)
from reliability.exact import (  # noqa: E402
    EPS,
    LARGEST,
    Exact,
    as_float,
    exact_moments,
    root,
    unseen_spread,
)

from skbn import BatchNormalizer  # noqa: E402


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
        of_mean += as_float(lost(n, of_column)) + n * EPS * np.longdouble(of_column.unseen)
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
        unseen = 0.0 if case.weight is None else unseen_spread(column[~np.isnan(column)])
        exact = Exact(len(x), count_of(case, column), unseen, mean, squares / total)
        if math.isinf(normalizer.var_[j]):
            # A batch long forgotten may have overflowed: infinity decays to infinity.
            report.check(exact.variance > Fraction(2.0**900), "average is infinite", case)
        else:
            check_variance(float(normalizer.var_[j]), exact, report, case, 2 * len(parts(case)))
        check_mean(float(normalizer.mean_[j]), exact, report, case, 2 * len(parts(case)))


def count_of(case, column):
    """The least sum of weights of a batch, over which underflow is divided; at most 1."""
    weight = np.ones(len(column)) if case.weight is None else case.weight
    present = np.where(np.isnan(column), 0.0, weight)
    sums = [sum(map(Fraction, present[rows].tolist())) for rows in parts(case)]
    return min([Fraction(1), *filter(None, sums)])


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


def check_survival(case, ours, exact, report):
    """Where StandardScaler has finite statistics of the same batches, so have we.

    But where it reports a variance for one that is beyond the floats.
    """
    theirs = StandardScaler()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for rows in parts(case):
            weight = weight_of(case, rows)
            if rows.start < rows.stop and (weight is None or weight.any()):
                theirs.partial_fit(case.X[rows], sample_weight=weight)
    here, there = finite_columns(ours), finite_columns(theirs)
    representable = [as_float((column.variance or 0) * max(column.count, 1)) for column in exact]
    survives = there & ~here & np.isfinite(representable)
    report.check(not survives.any(), "StandardScaler survives", case)
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
        check_survival(case, ours, exact, report)
    if "average" in checks:
        check_average(case, values, report)
    if "sparse" in checks:
        check_sparse(case, exact, report)


def fuzz(n_inputs, seed, first=0):
    """The report on so many inputs; input i depends on the seed and on i alone."""
    report = Report()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "These features are treated as constant")
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
    with ProcessPoolExecutor(n_jobs, multiprocessing.get_context("spawn")) as pool:
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
