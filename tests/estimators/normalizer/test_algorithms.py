"""BatchNormalizer normalizes by Algorithm 1 in a batch and by Algorithm 2 after a fit."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from oracle import normalized

from skbn import BatchNormalizer


@pytest.mark.parametrize("epsilon", [0.0, 1e-9])
def test_transform_is_algorithm_2(X, epsilon):
    gamma, beta = np.array([2.0, -1.0, 0.0]), np.array([0.5, 0.0, 3.0])
    normalizer = BatchNormalizer(gamma=gamma, beta=beta, epsilon=epsilon).fit(X)
    np.testing.assert_allclose(
        normalizer.transform(X), normalized(X, gamma, beta, epsilon), rtol=1e-12, atol=1e-12
    )


def test_normalize_batch_is_algorithm_1_and_learns_nothing(X, rng):
    gamma = np.array([2.0, -1.0, 1.0])
    normalizer = BatchNormalizer(gamma=gamma, beta=1.0, ddof=1).fit(X)
    state = pickle.dumps(normalizer)
    batch = rng.normal(size=(32, 3)) * 7
    np.testing.assert_allclose(
        normalizer.normalize_batch(batch), normalized(batch, gamma, 1.0), rtol=1e-12, atol=1e-12
    )
    assert pickle.dumps(normalizer) == state


def test_normalize_batch_needs_no_fit_and_leaves_none(X):
    normalizer = BatchNormalizer()
    np.testing.assert_allclose(normalizer.normalize_batch(X), normalized(X), atol=1e-12)
    assert not hasattr(normalizer, "n_features_in_")


def test_normalize_batch_weighs_rows(X, rng):
    weight = rng.integers(0, 4, size=len(X))
    repeated = BatchNormalizer().normalize_batch(np.repeat(X, weight, axis=0))
    weighted = BatchNormalizer().normalize_batch(X, sample_weight=weight)
    np.testing.assert_allclose(np.repeat(weighted, weight, axis=0), repeated, atol=1e-12)


def test_normalize_batch_takes_weights_of_any_size(X):
    np.testing.assert_allclose(
        BatchNormalizer(ddof=1).normalize_batch(X, sample_weight=np.full(200, 1 / 200)),
        normalized(X),
        atol=1e-12,
    )


def test_normalize_batch_takes_the_parameters_as_they_are_set(X):
    normalizer = BatchNormalizer().fit(X).set_params(gamma=3.0, beta=1.0, epsilon=1e-9)
    np.testing.assert_allclose(
        normalizer.normalize_batch(X), normalized(X, 3.0, 1.0, 1e-9), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_normalize_batch_gives_frames_without_a_fit(library):
    frame = {"pandas": pd, "polars": pl}[library].DataFrame({"a": [1.0, 3.0]})
    out = BatchNormalizer().set_output(transform=library).normalize_batch(frame)
    assert list(out.columns) == ["a"]
    np.testing.assert_allclose(out.to_numpy(), [[-1], [1]])


def test_normalize_batch_of_one_row_is_beta():
    assert (BatchNormalizer(beta=0.5).normalize_batch([[3.0, 1e9]]) == 0.5).all()


def test_rows_are_transformed_alike_alone_and_together(layout, dtype, rng):
    X = (rng.normal(size=(5000, 3)) + 100).astype(dtype)
    normalizer = BatchNormalizer(gamma=1.5, beta=0.1).fit(X)
    together = normalizer.transform(layout(X))
    one_by_one = np.concatenate([normalizer.transform(row[None]) for row in layout(X)[::10]])
    np.testing.assert_array_equal(together[::10], one_by_one)
