"""BatchNormalizer and StandardScaler side by side: code written for one runs with the other."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer

ATTRIBUTES = ("mean_", "var_", "scale_", "n_samples_seen_", "n_features_in_")


def assert_same_state(ours, theirs, rtol=1e-11):
    for name in ATTRIBUTES:
        value, expected = getattr(ours, name), getattr(theirs, name)
        if expected is None:
            assert value is None
        else:
            assert np.shape(value) == np.shape(expected)
            np.testing.assert_allclose(value, expected, rtol=rtol, atol=1e-13, err_msg=name)


def assert_same(ours, theirs, X, rtol=1e-11):
    """Same state and same results in both directions."""
    assert_same_state(ours, theirs, rtol)
    atol = 1e-5 if np.asarray(X).dtype == np.float32 else 1e-9
    Y = theirs.transform(X)
    np.testing.assert_allclose(ours.transform(X), Y, rtol=atol, atol=atol)
    np.testing.assert_allclose(
        ours.inverse_transform(Y), theirs.inverse_transform(Y), rtol=atol, atol=atol
    )


@pytest.mark.parametrize("load", [load_breast_cancer, load_diabetes, load_digits, load_wine])
@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
def test_on_real_data(load, with_mean, with_std, dtype):
    X = load().data.astype(dtype)
    ours = BatchNormalizer(with_mean=with_mean, with_std=with_std).fit(X)
    theirs = StandardScaler(with_mean=with_mean, with_std=with_std).fit(X)
    # digits has constant columns; float32 leaves StandardScaler's own mean with 7 digits.
    assert_same(ours, theirs, X, rtol=1e-5 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_over_a_stream(missing, weighted, rng):
    ours, theirs = BatchNormalizer(), StandardScaler()
    for _ in range(5):
        X = rng.normal(size=(40, 3)) + 10
        if missing:
            X[rng.random(X.shape) < 0.2] = np.nan
        weight = rng.random(40) if weighted else None
        ours.partial_fit(X, sample_weight=weight)
        theirs.partial_fit(X, sample_weight=weight)
        assert_same(ours, theirs, X)


@pytest.mark.parametrize("scale", [1, 1e-10, 1e10])
@pytest.mark.parametrize("value", [0, 1, -7.3, 1e10, 1e-10, 1 / 3])
def test_constant_features_are_left_alone(value, scale, dtype):
    X = np.full((100, 2), value * scale, dtype=dtype)
    X[:, 1] += np.arange(100)
    ours, theirs = BatchNormalizer().fit(X), StandardScaler().fit(X)
    assert ours.scale_[0] == theirs.scale_[0] == 1
    assert (ours.transform(X)[:, 0] == 0).all()


@pytest.mark.parametrize("deviation", [1e-16, 1e-10, 1e-8, 1e-6])
@pytest.mark.parametrize("n", [10, 10_000])
def test_near_constant_features_are_treated_alike(deviation, n):
    X = np.full((n, 1), 1.0)
    X[0] += deviation
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours, theirs = BatchNormalizer().fit(X), StandardScaler().fit(X)
    assert (ours.scale_ == 1) == (theirs.scale_ == 1)
    is_lost = ours.scale_[0] == 1 and ours.var_[0] > 0
    assert [str(warning.message)[-5:] for warning in caught] == [": x0."] * bool(is_lost)


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("with_std", [True, False])
def test_sparse(to_format, with_std, rng):
    X = to_format(rng.normal(size=(50, 4)) * (rng.random((50, 4)) < 0.5))
    ours = BatchNormalizer(with_mean=False, with_std=with_std).fit(X)
    theirs = StandardScaler(with_mean=False, with_std=with_std).fit(X)
    assert_same_state(ours, theirs)
    Y, Z = ours.transform(X), theirs.transform(X)
    assert Y.format == Z.format
    np.testing.assert_allclose(Y.toarray(), Z.toarray())


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "inverse_transform"])
def test_methods_take_the_same_arguments(method):
    ours, theirs = (
        inspect.signature(getattr(c, method)) for c in (BatchNormalizer, StandardScaler)
    )
    assert list(ours.parameters) == list(theirs.parameters)


def test_parameters_of_the_scaler_have_the_same_defaults():
    ours = BatchNormalizer().get_params()
    assert StandardScaler().get_params().items() <= ours.items()


def test_public_names_of_the_scaler_are_all_there():
    X = load_wine(as_frame=True).data
    ours, theirs = BatchNormalizer().fit(X), StandardScaler().fit(X)
    missing = {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours))
    assert not missing
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())


BAD_CALLS = {
    "wrong width": lambda s: s.transform(np.ones((2, 5))),
    "1-D": lambda s: s.fit([1.0, 2.0]),
    "1-D transform": lambda s: s.transform([1.0, 2.0]),
    "3-D": lambda s: s.fit(np.ones((2, 2, 2))),
    "no rows": lambda s: s.fit(np.ones((0, 3))),
    "no columns": lambda s: s.fit(np.ones((3, 0))),
    "complex": lambda s: s.fit(np.ones((3, 3)) * 1j),
    "text": lambda s: s.fit([["a", "b"]]),
    "infinity": lambda s: s.fit([[1.0, np.inf]]),
    "infinity in float32": lambda s: s.fit(np.array([[1.0, -np.inf]], np.float32)),
    "infinity in partial_fit": lambda s: s.partial_fit([[1.0, np.inf, 0.0]]),
    "infinity in transform": lambda s: s.transform([[1.0, np.inf, 0.0]]),
    "infinity in inverse": lambda s: s.inverse_transform([[1.0, np.inf, 0.0]]),
    "partial_fit width": lambda s: s.partial_fit(np.ones((2, 5))),
    "weights too few": lambda s: s.fit(np.ones((3, 3)), sample_weight=[1.0, 1.0]),
    "weights 2-D": lambda s: s.fit(np.ones((3, 3)), sample_weight=np.ones((3, 1))),
    "weights all zero": lambda s: s.fit(np.ones((3, 3)), sample_weight=np.zeros(3)),
    "weights NaN": lambda s: s.fit(np.ones((3, 3)), sample_weight=[1.0, np.nan, 1.0]),
    "with_mean": lambda s: type(s)(with_mean="yes").fit(np.ones((3, 3))),
    "sparse": lambda s: s.fit(sparse.csr_array(np.eye(3))),
    "sparse transform": lambda s: s.transform(sparse.csr_array(np.eye(3))),
    "sparse inverse": lambda s: s.inverse_transform(sparse.csr_array(np.eye(3))),
    "sparse infinity": lambda s: s.set_params(with_mean=False).fit(
        sparse.csr_array([[np.inf, 1.0]])
    ),
    "COO transform": lambda s: s.transform(sparse.coo_array(np.eye(3))),
    "names": lambda s: s.fit(pd.DataFrame({"a": [1.0], "b": [2.0]})).transform(
        pd.DataFrame({"b": [1.0], "c": [2.0]})
    ),
    "not fitted": lambda s: type(s)().transform(np.ones((2, 2))),
    "not fitted inverse": lambda s: type(s)().inverse_transform(np.ones((2, 2))),
    "None": lambda s: s.fit(None),
    "set_output": lambda s: s.set_output(transform="nonsense").transform(np.ones((2, 3))),
}


# Where ours goes on to name the column and the remedy.
EXPLAINED = {"complex", "text", *(name for name in BAD_CALLS if "infinity" in name)}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_raise_the_same(name):
    call, X = BAD_CALLS[name], np.arange(12.0).reshape(4, 3)
    with pytest.raises((TypeError, ValueError)) as theirs:
        call(StandardScaler().fit(X))
    with pytest.raises(theirs.type) as ours:
        call(BatchNormalizer().fit(X))
    # StandardScaler's inverse names no argument and lacks a full stop.
    expected = str(theirs.value).replace("StandardScaler", "BatchNormalizer")
    expected = expected.replace("Input contains", "Input X contains").replace("d See", "d. See")
    if name in EXPLAINED:
        assert str(ours.value).startswith(expected.split("\n")[0].split(": ")[0])
    else:
        assert str(ours.value) == expected


def test_column_names_that_are_not_given_again_are_warned_of_alike():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    for scaler in (BatchNormalizer(), StandardScaler()):
        scaler.fit(frame)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            scaler.transform(frame.to_numpy())
        scaler.inverse_transform(frame.to_numpy())
