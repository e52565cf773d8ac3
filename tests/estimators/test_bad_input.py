"""A refused call says what is wrong and leaves the estimator as it was."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skbn import BatchNormalizer

ONES = np.ones((4, 3))
INF = np.array([[1.0, 2.0, 3.0], [1.0, np.inf, 3.0]])
FRAME = pd.DataFrame(ONES, columns=["x", "y", "z"])

REFUSED = {
    "wrong width": (lambda n: n.partial_fit(np.ones((2, 5))), "X has 5 features, but"),
    "1-D": (lambda n: n.partial_fit(np.ones(3)), "Expected 2D array, got 1D array"),
    "empty": (lambda n: n.partial_fit(np.ones((0, 3))), "0 sample"),
    "complex": (lambda n: n.partial_fit(ONES * 1j), "Complex data not supported"),
    "text": (lambda n: n.partial_fit([["a", "b", "c"]]), "could not convert string"),
    "infinity": (lambda n: n.partial_fit(INF), "X contains infinity"),
    "infinity, refit": (lambda n: n.fit(INF), "X contains infinity"),
    "infinity, weighted": (lambda n: n.partial_fit(INF, None, [0, 1]), "X contains infinity"),
    "infinity, transform": (lambda n: n.transform(INF), "X contains infinity"),
    "few weights": (lambda n: n.partial_fit(ONES, None, [1, 2]), r"sample_weight.shape == \(2,\)"),
    "negative weights": (
        lambda n: n.partial_fit(ONES, None, [1, -1, 1, 1]),
        "Negative values in data passed to `sample_weight`",
    ),
    "zero weights": (lambda n: n.fit(ONES, None, np.zeros(4)), "at least one non-zero"),
    "infinite weights": (
        lambda n: n.fit(ONES, None, [1, np.inf, 1, 1]),
        "sample_weight contains infinity",
    ),
    "weights that are no frequencies": (
        lambda n: n.set_params(ddof=1).fit(ONES, None, [0.1, 0.2, 0.1, 0.1]),
        "ddof=1 interprets sample_weight as frequencies.* got a sum of 0.5",
    ),
    "weights that overflow": (
        lambda n: n.partial_fit(ONES, None, np.full(4, 1e308)),
        "sample_weight sums to infinity",
    ),
    "gamma of another length": (
        lambda n: n.set_params(gamma=[1.0, 2.0]).partial_fit(ONES),
        "gamma must be None, a number",
    ),
    "with_mean after a fit without": (
        lambda n: (
            n.set_params(with_mean=False, with_std=False)
            .fit(ONES)
            .set_params(with_mean=True)
            .transform(ONES)
        ),
        "with_mean=True and with_std=False were set after a fit",
    ),
    "refit of another width": (lambda n: n.fit([["a"]]), "could not convert string"),
    "sparse": (lambda n: n.partial_fit(sparse.csr_array(ONES)), "Cannot center sparse"),
    "device": (lambda n: n.set_params(device="gpu").partial_fit(ONES), "The 'device' parameter"),
    "zero gamma": (
        lambda n: n.set_params(gamma=[1, 0, 0]).fit(FRAME).inverse_transform(ONES),
        "inverse_transform needs gamma other than 0, got 0 for: y, z",
    ),
    "zero gamma, to_sklearn": (
        lambda n: n.set_params(gamma=0.0).fit(ONES).to_sklearn(),
        "to_sklearn needs gamma other than 0, got 0 for: x0, x1, x2",
    ),
    "inverse of another width": (
        lambda n: n.inverse_transform(np.ones((2, 2))),
        "X has 2 features, but BatchNormalizer is expecting 3 features",
    ),
    "normalize_batch of another width": (
        lambda n: n.normalize_batch(np.ones((2, 2))),
        "X has 2 features, but BatchNormalizer is expecting 3 features",
    ),
    "sparse beta": (
        lambda n: (
            n.set_params(with_mean=False, beta=[0, 1, 0])
            .fit(sparse.csr_array(ONES))
            .transform(sparse.csr_array(ONES))
        ),
        r"Cannot shift sparse matrices: beta must be None or 0, got \[0, 1, 0\]",
    ),
    "merge of another width": (
        lambda n: n.merge(BatchNormalizer().fit(np.ones((2, 2)))),
        "same features: n_features_in_ of BatchNormalizer is 3, of the other 2",
    ),
    "merge of other names": (
        lambda n: n.merge(BatchNormalizer().fit(FRAME)),
        "same features: feature_names_in_ of BatchNormalizer is None, of the other .*'x'",
    ),
    "merge with forgetting": (
        lambda n: n.merge(BatchNormalizer(momentum=0.5).fit(ONES)),
        "merge needs momentum=None.* got momentum=0.5",
    ),
}
PARAMETERS = {
    "momentum": (0, 1.5, -0.1, np.nan, "fast"),
    "epsilon": (-1e-5, None),
    "with_mean": (1.5,),
    "with_std": ("no",),
    "gamma": ("big",),
    "ddof": (-1, 0.5),
    "copy": (2,),
    "device": ("tpu",),
}


def state(normalizer):
    kept = {k: v for k, v in vars(normalizer).items() if k.endswith("_") or k == "_moments"}
    return pickle.dumps(kept)


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refused_call_names_what_is_wrong(call, message):
    with pytest.raises((ValueError, RuntimeError), match=message):
        call(BatchNormalizer().fit(ONES))


# The others fit first, or are answered where nothing was learned yet.
FITTING = ("zero gamma", "zero gamma, to_sklearn", "sparse beta", "with_mean after a fit without")
KEEPING = {name: call for name, (call, _) in REFUSED.items() if name not in FITTING}
FIRST = {name: call for name, call in KEEPING.items() if "width" not in name or "refit" in name}


@pytest.mark.parametrize("call", KEEPING.values(), ids=KEEPING)
def test_a_refused_call_leaves_the_state_as_it_was(call, rng):
    normalizer = BatchNormalizer().fit(rng.normal(size=(9, 3)))
    before = state(normalizer)
    with pytest.raises((ValueError, RuntimeError)):
        call(normalizer)
    assert state(normalizer) == before


@pytest.mark.parametrize("call", FIRST.values(), ids=FIRST)
def test_a_refused_first_call_leaves_no_state(call):
    normalizer = BatchNormalizer()
    with pytest.raises((ValueError, RuntimeError, NotFittedError)):
        call(normalizer)
    assert set(vars(normalizer)) == set(normalizer.get_params())


@pytest.mark.parametrize("method", ["partial_fit", "transform", "normalize_batch"])
def test_other_names_are_refused_and_forgotten(method):
    normalizer = BatchNormalizer().fit(FRAME)
    before = state(normalizer)
    with pytest.raises(ValueError, match="feature names should match"):
        getattr(normalizer, method)(FRAME.rename(columns={"x": "a"}))
    assert state(normalizer) == before


def test_a_refused_refit_keeps_width_and_names():
    normalizer = BatchNormalizer().fit(FRAME)
    with pytest.raises(ValueError, match="infinity"):
        normalizer.fit(pd.DataFrame({"a": [1.0, np.inf]}))
    assert list(normalizer.feature_names_in_) == ["x", "y", "z"]
    assert normalizer.n_features_in_ == 3


BAD_PARAMETERS = [(name, value) for name, values in PARAMETERS.items() for value in values]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS, ids=str)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "normalize_batch"])
def test_a_parameter_is_refused_also_by_a_fitted_normalizer(name, value, method):
    for normalizer in (BatchNormalizer(), BatchNormalizer().fit(ONES)):
        normalizer.set_params(**{name: value})
        before = state(normalizer)
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of BatchNorm"):
            getattr(normalizer, method)(ONES)
        assert state(normalizer) == before


@pytest.mark.parametrize("name", ["gamma", "beta"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], r"got an array of shape \(2,\)"),
        (np.ones((3, 1)), r"got an array of shape \(3, 1\)"),
        ([1.0, np.nan, 1.0], r"and finite, got \[1.0, nan, 1.0\]"),
        (np.inf, "and finite, got inf"),
        ({}, "got {}"),
        ([[1.0], [1.0, 2.0]], "got"),
    ],
)
def test_gamma_and_beta_are_one_finite_number_a_feature(name, value, message):
    normalizer = BatchNormalizer().fit(ONES)
    before = state(normalizer)
    with pytest.raises(
        ValueError, match=rf"{name} must be None, a number or an array of shape \(3,\).*{message}"
    ):
        normalizer.set_params(**{name: value}).partial_fit(ONES)
    assert state(normalizer) == before


@pytest.mark.parametrize("other", [StandardScaler().fit(ONES), None, "normalizer"])
def test_merge_takes_nothing_but_normalizers(other):
    with pytest.raises(TypeError, match=f"BatchNormalizer instances, got {type(other).__name__}"):
        BatchNormalizer().fit(ONES).merge(other)


@pytest.mark.parametrize(
    "method", ["transform", "inverse_transform", "fold", "to_sklearn", "merge"]
)
def test_what_needs_a_fit_says_so(method):
    arguments = [ONES] if method.endswith("transform") else []
    with pytest.raises(NotFittedError, match="This BatchNormalizer instance is not fitted yet"):
        getattr(BatchNormalizer(), method)(*arguments)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_writing_in_place_checks_before_it_writes(method, value):
    X = np.arange(3_000_000.0).reshape(-1, 3)
    normalizer = BatchNormalizer(copy=False).fit(X)
    X[-1, -1] = value
    before = X.copy()
    with pytest.raises(ValueError, match="X contains infinity"):
        getattr(normalizer, method)(X)
    np.testing.assert_array_equal(X, before)


def test_a_warning_that_is_an_error_leaves_the_state_as_it_was():
    normalizer = BatchNormalizer().fit([[1.0], [3.0]])
    before = state(normalizer)
    with pytest.raises(UserWarning, match="is above the variance"):
        normalizer.set_params(epsilon=9.0).partial_fit([[1.0], [3.0]])
    assert state(normalizer) == before


def test_finite_values_whose_squares_overflow_are_not_infinity():
    normalizer = BatchNormalizer().fit([[1e200], [-1e200]])
    assert normalizer.var_ == np.inf
    assert normalizer.mean_ == 0


@pytest.mark.parametrize("how", ["fit", "partial_fit", "sparse", "weighted"])
def test_finite_values_whose_differences_overflow_have_a_mean(how):
    largest = np.finfo(np.float64).max
    X = np.array([[largest], [-largest], [largest], [1.0]])
    normalizer = BatchNormalizer(with_mean=how != "sparse")
    if how == "partial_fit":
        for row in X:
            normalizer.partial_fit(row[None])
    else:
        weight = np.ones(4) if how == "weighted" else None
        normalizer.fit(sparse.csr_array(X) if how == "sparse" else X, sample_weight=weight)
    np.testing.assert_allclose(normalizer.mean_, largest / 4, rtol=1e-15)
    assert normalizer.var_ == np.inf
