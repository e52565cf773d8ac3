"""Statistics, transforms and their inverses within their error bounds on awkward input."""

import functools
import math
import os
import re
import warnings
from fractions import Fraction

import numpy as np
import oracle
import pytest
from helpers import pairwise
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reliability import awkward, bounds, fuzz
from reliability.exact import LARGEST, exact_moments
from reliability.figures import say
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._statistics.moments import RunningMoments

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore:These features are treated as constant"),
]

settings.register_profile("reliability", deadline=None, max_examples=60, derandomize=True)

# Every float64 there is but infinity.
ANY = st.floats(allow_nan=True, allow_infinity=False)
SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 3))
ANY_MATRIX = hnp.arrays(np.float64, SHAPES, elements=ANY)
ANY_FLOAT32 = hnp.arrays(
    np.float32, SHAPES, elements=st.floats(width=32, allow_nan=True, allow_infinity=False)
)
WEIGHTS = st.floats(0, 1e6, allow_subnormal=False) | st.just(0.0)


def assert_no_violations(report):
    assert not report.violations, "\n".join(report.violations[:5])


def check(X, weight=None, cuts=()):
    report, dtype = bounds.Report(), X.dtype.str[1:]
    fuzz.check_input(awkward.Input(X, [], dtype, "C", weight, sorted(cuts)), report)
    assert_no_violations(report)


@pytest.mark.parametrize("seed", range(4))
def test_fuzzed_inputs_keep_their_bounds(seed):
    report = fuzz.fuzz(250, seed)
    assert report.inputs == 250
    assert_no_violations(report)


@pytest.mark.parametrize("i", [36_268, 100_913, 111_712])
def test_the_rarest_of_many_inputs_keep_their_bounds(i):
    """Of 200,000: weights of 36 orders of magnitude, squares below the floats and beyond them."""
    report = fuzz.fuzz(1, seed=0, first=i)
    assert_no_violations(report)


@pytest.mark.slow
def test_many_fuzzed_inputs_keep_their_bounds():
    report = fuzz.fuzz_in_processes(200_000, seed=0, n_jobs=os.cpu_count())
    say(report)
    assert_no_violations(report)


@settings(settings.get_profile("reliability"))
@given(ANY_MATRIX | ANY_FLOAT32, st.lists(st.integers(0, 20), max_size=4))
def test_any_finite_matrix_keeps_its_bounds(X, cuts):
    check(X, cuts={min(cut, len(X)) for cut in cuts})


@settings(settings.get_profile("reliability"))
@given(ANY_MATRIX, st.data())
def test_any_finite_weighted_matrix_keeps_its_bounds(X, data):
    weight = data.draw(hnp.arrays(np.float64, len(X), elements=WEIGHTS))
    if weight.any():
        check(X, weight)


@settings(settings.get_profile("reliability"))
@given(ANY_MATRIX, st.integers(-60, 60))
def test_a_power_of_two_as_weight_changes_no_bit(X, exponent):
    weighted = RunningMoments.of(X, np.full(len(X), 2.0**exponent))
    plain = RunningMoments.of(X, np.ones(len(X)))
    np.testing.assert_array_equal(weighted.mean, plain.mean)
    inside = np.isfinite(plain.variance(0)) & (plain.variance(0) > 1e-280)
    inside &= plain.variance(0) < 1e280
    np.testing.assert_array_equal(weighted.variance(0)[inside], plain.variance(0)[inside])


@settings(settings.get_profile("reliability"))
@given(ANY_MATRIX)
def test_a_change_of_sign_changes_the_sign_of_the_mean_alone(X):
    one, other = RunningMoments.of(X), RunningMoments.of(-X)
    np.testing.assert_array_equal(other.mean, -one.mean)
    np.testing.assert_array_equal(other.variance(0), one.variance(0))


@settings(settings.get_profile("reliability"))
@given(hnp.arrays(np.float64, st.integers(1, 20), elements=ANY), st.integers(1, 5))
def test_a_column_does_not_depend_on_its_neighbours(column, copies):
    """Nor where one of them overflows, and is computed another way."""
    alone = BatchNormalizer().fit(column[:, None])
    far = LARGEST * np.where(np.arange(len(column)) % 2, 1.0, -1.0)
    together = BatchNormalizer().fit(np.stack([far, *[column] * copies], axis=1))
    for j in range(1, copies + 1):
        exact = exact_moments(column)
        report = bounds.Report()
        case = awkward.Input(column[:, None], [], "f8", "C")
        for normalizer, k in ((alone, 0), (together, j)):
            bounds.check_mean(float(normalizer.mean_[k]), exact, report, case, 0)
            bounds.check_variance(float(normalizer.var_[k]), exact, report, case, 0)
        assert_no_violations(report)


@pytest.mark.parametrize(*pairwise(n=[1, 2, 20], dtype=["f2", "f4", "f8"], order=["C", "F"]))
def test_a_hundred_thousand_columns(n, dtype, order):
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 100_000)) * 10.0 ** rng.uniform(-4, 3, size=100_000)
    X[rng.random(X.shape) < 0.01] = np.nan
    X[:, ::1000] = np.nan
    X = np.array(X, dtype=dtype, order=order)
    normalizer = BatchNormalizer()
    for part in np.array_split(X, min(n, 2)):
        normalizer.partial_fit(part)
    count, mean, variance = oracle.moments(X)
    np.testing.assert_array_equal(normalizer.n_samples_seen_, count)
    size = np.abs(mean) + np.sqrt(variance) + 1e-30
    assert np.nanmax(np.abs(normalizer.mean_ - mean) / size, initial=0) <= 1e-14
    # The oracle itself, of 64 bits, is no nearer than 1e-14 where |μ| is 100σ.
    assert np.nanmax(np.abs(normalizer.var_ - variance) / size**2, initial=0) <= 1e-14
    assert normalizer.transform(X).shape == X.shape


# What broke, by name --------------------------------------------------------------------------


def test_a_variance_below_the_floats_is_zero_and_not_less():
    variance = BatchNormalizer().fit([[1e-170], [2e-170], [5e-170]]).var_
    assert math.copysign(1, variance[0]) == 1


def test_columns_beside_one_that_overflows_keep_their_subnormal_digits():
    X = np.array([[LARGEST, 1e-310], [-LARGEST, 2e-310], [LARGEST, 3e-310]])
    assert BatchNormalizer().fit(X).mean_[1] == 2e-310


@pytest.mark.parametrize("how", ["fit", "partial_fit", "merge", "sparse"])
def test_squares_about_an_outlier_overflow_where_those_about_the_mean_do_not(how):
    """About the first row they sum to 100·σ²·n, beyond the largest float."""
    X = np.full((100, 1), 1.0)
    X[0] = 1.2e154
    normalizer = BatchNormalizer(with_mean=how != "sparse")
    if how == "merge":
        normalizer = BatchNormalizer().fit(X[:1]).merge(BatchNormalizer().fit(X[1:]))
    elif how == "partial_fit":
        for part in np.split(X, 10):
            normalizer.partial_fit(part)
    else:
        normalizer.fit(sparse.csr_array(X) if how == "sparse" else X)
    exact = exact_moments(X[:, 0])
    assert abs(float(normalizer.var_[0] / exact.variance) - 1) <= 1e-13


def test_weights_that_would_overflow_sums_of_large_values():
    X = np.array([[LARGEST], [-LARGEST], [LARGEST]])
    normalizer = BatchNormalizer().fit(X, sample_weight=[1e30, 2e30, 3e30])
    np.testing.assert_allclose(normalizer.mean_, LARGEST / 3, rtol=1e-15)


def test_a_first_row_of_next_to_no_weight_far_away_costs_no_digits():
    """One step brings the reference 15 digits nearer the mean; it may be 45 away."""
    X = np.array([[1e45], [1.0], [2.0], [4.0]])
    weight = np.array([1e-100, 1.0, 1.0, 1.0])
    variance = BatchNormalizer().fit(X, sample_weight=weight).var_[0]
    exact = exact_moments(X[:, 0], weight)
    np.testing.assert_allclose(variance, float(exact.variance), rtol=1e-14)


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array])
def test_zeros_of_sparse_rows_of_next_to_no_weight_count(to_format):
    """Their weight was all less that of stored values: nothing, below an ε of it."""
    X = to_format(np.array([[0.0, 0.0], [np.nan, 1e9], [np.nan, 1e9 + 1]]))
    normalizer = BatchNormalizer(with_mean=False).fit(X, sample_weight=[1e-18, 1e18, 1e18])
    np.testing.assert_allclose(normalizer.n_samples_seen_, [1e-18, 2e18], rtol=1e-15)
    assert normalizer.mean_[0] == 0.0
    X, weight = to_format(np.array([[0.0], [1.0]])), np.array([1e-20, 1.0])
    variance = BatchNormalizer(with_mean=False).fit(X, sample_weight=weight).var_
    np.testing.assert_allclose(variance, 1e-20, rtol=1e-14)


@pytest.mark.parametrize("to_format", [np.array, sparse.csr_array, sparse.csc_array])
def test_a_spread_below_the_rounding_of_the_mean_counts(to_format):
    """A row of next to no weight, one float away: σ is 1e-7 of what the mean is rounded by."""
    X, weight = np.array([[5e51], [np.nextafter(5e51, np.inf)]]), np.array([1e5, 1e-9])
    normalizer = BatchNormalizer(with_mean=False).fit(to_format(X), sample_weight=weight)
    exact = exact_moments(X[:, 0], weight)
    np.testing.assert_allclose(normalizer.var_, float(exact.variance), rtol=1e-14)


def test_a_result_beyond_float16_is_infinity_without_a_warning():
    X = np.array([[65504.0], [65504.0], [-65504.0]], np.float16)
    normalizer = BatchNormalizer().fit(X)
    normalizer.inverse_transform(normalizer.transform(X) * np.float16(1.01))


def test_a_stream_that_overflows_the_standard_scaler():
    """scikit-learn #5602: its sums of a stream overflow, the mean of the stream does not."""
    rng = np.random.default_rng(0)
    stream = rng.uniform(LARGEST / 4, LARGEST / 2, size=(100, 1))
    ours, theirs = BatchNormalizer(), StandardScaler()
    for row in stream:
        ours.partial_fit(row[None])
        with np.errstate(all="ignore"):
            theirs.partial_fit(row[None])
    exact = exact_moments(stream[:, 0])
    np.testing.assert_allclose(ours.mean_, float(exact.mean), rtol=1e-15)
    assert not np.isfinite(theirs.mean_).all()


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_an_average_forgets_a_batch_whose_squares_overflow(momentum):
    normalizer = BatchNormalizer(momentum=momentum).partial_fit([[1e300], [-1e300]])
    normalizer.partial_fit([[1.0], [3.0]])
    assert normalizer.var_ == (1.0 if momentum == 1.0 else np.inf)


# The bounds themselves ------------------------------------------------------------------------


def test_the_oracle_is_exact():
    column = np.array([1e308, -1e308, 5e-324, 1.0])
    exact = exact_moments(column, np.array([1.0, 1.0, 2.0, 0.5]))
    fractions = [Fraction(x) for x in column]
    weights = [1, 1, 2, Fraction(1, 2)]
    mean = sum(w * x for w, x in zip(weights, fractions, strict=True)) / sum(weights)
    squares = sum(w * (x - mean) ** 2 for w, x in zip(weights, fractions, strict=True))
    assert exact.count == sum(weights)
    assert exact.mean == mean
    assert exact.variance == squares / sum(weights)


def test_the_fuzzer_finds_a_mean_without_its_shift(monkeypatch):
    """E[x²] − E[x]² in place of the shifted sums: what the fuzzer is there to find."""

    def of(X, sample_weight=None, device=None):
        x = np.nan_to_num(np.asarray(X, np.float64))
        w = np.ones(len(x)) if sample_weight is None else sample_weight
        there = w[:, None] * ~np.isnan(np.asarray(X, np.float64))
        count = there.sum(axis=0)
        with np.errstate(all="ignore"):
            mean = (there * x).sum(axis=0) / count
            m2 = np.maximum((there * x**2).sum(axis=0) - count * mean**2, 0)
        table = np.stack([count, count, mean, np.zeros_like(mean), m2])
        return RunningMoments(table, is_weighted=sample_weight is not None)

    monkeypatch.setattr(RunningMoments, "of", of)
    assert len(fuzz.fuzz(100, 0).violations) > 30


def test_merging_parts_in_any_tree_keeps_the_bound():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(64, 1)) + 1e15
    report, case = bounds.Report(), awkward.Input(X, [], "f8", "C")
    moments = [RunningMoments.of(row[None]) for row in X]
    while len(moments) > 1:
        moments = [a.merge(b) for a, b in zip(moments[::2], moments[1::2], strict=True)]
    chain = functools.reduce(RunningMoments.merge, (RunningMoments.of(row[None]) for row in X))
    for made in (moments[0], chain):
        exact = exact_moments(X[:, 0])
        bounds.check_mean(float(made.mean[0]), exact, report, case, 64)
        bounds.check_variance(float(made.variance(0)[0]), exact, report, case, 64)
    assert_no_violations(report)


# The networks ---------------------------------------------------------------------------------


# scikit-learn's look for infinity sums the values, and a sum of the largest of both signs warns.
@pytest.mark.filterwarnings("ignore:invalid value encountered in reduce:RuntimeWarning")
@pytest.mark.parametrize(
    *pairwise(
        kind=awkward.KINDS,
        dtype=["f2", "f4", "f8"],
        estimator=[BatchNormMLPClassifier, BatchNormMLPRegressor],
    )
)
def test_a_network_is_finite_or_refuses_in_words(kind, dtype, estimator):
    rng = np.random.default_rng(7)
    X = awkward.cast(np.stack([kind(rng, 24), rng.normal(size=24)], axis=1), dtype)
    network = estimator(hidden_layer_sizes=(4,), max_iter=2, n_iter_no_change=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            network.fit(X, np.arange(24) % 2)
        except ValueError as refusal:
            if re.search("contains NaN|The input data may contain large values", str(refusal)):
                return
            raise
    values = getattr(network, "predict_proba", network.predict)(X)
    assert np.isfinite(values).all()
