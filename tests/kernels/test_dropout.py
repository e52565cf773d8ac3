"""Masks that a counter draws."""

from itertools import combinations

import network_oracle
import numpy as np
import pytest
from kernels.kernel_problems import (
    assert_within,
    normal,
    wraps_around,
)

from skbn.kernels import cpu, formulas

SIGMAS = 5


def drop(x, rate, key=1, kernels=cpu):
    out = np.empty_like(x)
    kernels.dropout(x, x.dtype.type(rate), np.uint32(key), out)
    return out


def kept(shape, rate, key=1, dtype=np.float32):
    return drop(np.ones(shape, dtype), rate, key) != 0


@wraps_around
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_dropout_leaves_out_the_rate_of_values_and_keeps_their_mean(rate, dtype):
    ones = np.ones((150, 130), dtype)
    out = drop(ones, rate)
    sigma = np.sqrt(rate * (1 - rate) / out.size)
    assert abs((out == 0).mean() - rate) <= SIGMAS * sigma
    assert abs(out.mean(dtype=float) - 1) <= SIGMAS * sigma / (1 - rate)


@wraps_around
def test_dropout_scales_what_it_keeps(kernels, shape, dtype, rng):
    rate, x = 0.3, normal(rng, shape, dtype)
    mask = kept(shape, rate, dtype=dtype)
    expected = np.where(mask, x / (1 - network_oracle.exact(dtype(rate))), 0)
    assert_within(1, drop(x, rate, kernels=kernels), expected, np.abs(expected), dtype)


@wraps_around
def test_dropout_of_a_tiny_rate_keeps_everything(kernels, dtype, rng):
    x = normal(rng, (33, 8), dtype)
    out = drop(x, 1e-12, kernels=kernels)
    np.testing.assert_allclose(out, x, rtol=max(2e-12, np.finfo(dtype).eps))


@wraps_around
def test_dropout_of_a_rate_next_to_1_keeps_nothing_and_stays_finite(kernels, dtype):
    rate = np.nextafter(dtype(1), dtype(0))
    assert not drop(np.ones((33, 8), dtype), rate, kernels=kernels).any()


@wraps_around
def test_dropout_of_a_gradient_has_the_mask_of_the_forward_pass(kernels, shape, dtype, rng):
    x, delta = normal(rng, shape, dtype), normal(rng, shape, dtype)
    out, gradient = drop(x, 0.5, kernels=kernels), drop(delta, 0.5)
    kernels.dropout(delta, dtype(0.5), np.uint32(1), delta)
    assert (delta == gradient).all()
    assert ((out == 0) == (delta == 0)).all()


@wraps_around
def test_relu_dropout_is_dropout_of_what_relu_gives(kernels, shape, dtype, rng):
    x = normal(rng, shape, dtype)
    x[0, 0], x[-1, -1] = np.nan, 0.0
    expected = drop(np.where(x < 0, dtype(0), x), 0.3, kernels=kernels)
    kernels.relu_dropout(x, dtype(0.3), np.uint32(1))
    np.testing.assert_array_equal(x, expected)


@wraps_around
def test_relu_dropout_backward_is_that_of_both(kernels, shape, dtype, rng):
    x, delta = normal(rng, shape, dtype), normal(rng, shape, dtype)
    expected = np.where(x > 0, drop(delta, 0.3), 0)
    kernels.relu_dropout(x, dtype(0.3), np.uint32(1))
    kernels.relu_dropout_backward(x, dtype(0.3), delta)
    np.testing.assert_array_equal(delta, expected)


@wraps_around
def test_dropout_does_not_look_at_the_values(kernels, dtype):
    mask = kept((33, 8), 0.5, dtype=dtype)
    out = drop(np.full((33, 8), np.nan, dtype), 0.5, kernels=kernels)
    assert (np.isnan(out) == mask).all()
    assert (out[~mask] == 0).all()


@wraps_around
def test_dropout_of_a_part_is_the_part_of_the_whole():
    assert (kept((33, 8), 0.5) == kept((130, 40), 0.5)[:33, :8]).all()
    assert (kept((33, 8), 0.5, dtype=np.float64) == kept((33, 8), 0.5)).all()


KEYS = [0, 1, 2, 3, 2**31, 2**32 - 2, 2**32 - 1]


@wraps_around
@pytest.mark.parametrize("key", KEYS)
def test_masks_are_those_of_the_host(kernels, key, dtype):
    x = np.ones((33, 8), dtype)
    assert (drop(x, 0.5, key, kernels) == drop(x, 0.5, key)).all()


@pytest.fixture(scope="module")
def signs():
    """1 where a value is kept at rate 1/2, else −1, by key."""
    return {key: kept((150, 130), 0.5, key) * 2.0 - 1 for key in KEYS}


def assert_uncorrelated(a, b):
    assert abs((a * b).mean()) <= SIGMAS / np.sqrt(a.size)


@wraps_around
def test_masks_of_different_keys_are_uncorrelated(signs):
    for a, b in combinations(KEYS, 2):
        assert_uncorrelated(signs[a], signs[b])
        assert_uncorrelated(signs[a][1:], signs[b][:-1])


@wraps_around
@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8, 16, 32, 64, 128])
def test_neighbouring_rows_and_columns_of_a_mask_are_uncorrelated(lag, signs):
    for mask in signs.values():
        assert_uncorrelated(mask[lag:], mask[:-lag])
        assert_uncorrelated(mask[:, lag:], mask[:, :-lag])
        assert_uncorrelated(mask[lag:, lag:], mask[:-lag, :-lag])


@wraps_around
def test_no_two_rows_or_columns_of_a_mask_are_alike(signs):
    for mask in signs.values():
        for vectors in (mask, mask.T):
            n, length = vectors.shape
            correlations = vectors @ vectors.T / np.sqrt(length) - np.sqrt(length) * np.eye(n)
            assert np.abs(correlations).max() <= SIGMAS + 1


@wraps_around
def test_a_hash_is_lowbias32_and_can_be_undone():
    for x in [*range(300), 2**31, 2**32 - 1, *range(5, 2**32, 2**32 // 300)]:
        ours = int(formulas.hash32(np.uint32(x)))
        assert ours == network_oracle.hash32(x)
        assert network_oracle.inverse_hash32(ours) == x


@wraps_around
def test_hashes_of_neighbours_do_not_collide():
    assert len({int(formulas.hash32(np.uint32(x))) for x in range(2**16)}) == 2**16


def bits_of(x):
    return np.unpackbits(np.array([x], np.uint32).view(np.uint8))


# And how many bits the input has.
HASHES = {
    "hash32": (lambda x: formulas.hash32(x), 32),
    "row_bits by key": (lambda x: formulas.row_bits(x, 3), 32),
    "row_bits by row": (lambda x: formulas.row_bits(np.uint32(3), x), 32),
    "random_bits by column": (lambda x: formulas.random_bits(np.uint32(0x9E3779B9), x), 16),
}


@wraps_around
@pytest.mark.parametrize("name", HASHES)
def test_a_changed_bit_changes_half_of_the_bits_of_a_hash(name, rng):
    bits_of_hash, n_bits = HASHES[name]
    inputs = rng.integers(0, 2**n_bits, 100, dtype=np.uint32)
    for bit in np.uint32(1) << np.arange(n_bits, dtype=np.uint32):
        pairs = [(bits_of_hash(x), bits_of_hash(x ^ bit)) for x in inputs]
        changed = np.mean([bits_of(a ^ b) for a, b in pairs], axis=0)
        assert abs(changed.mean() - 0.5) <= SIGMAS * 0.5 / np.sqrt(3200)
        assert np.abs(changed - 0.5).max() <= SIGMAS * 0.5 / np.sqrt(100)


@wraps_around
def test_rows_whose_bits_differ_in_one_share_no_sequence():
    row = np.uint32(0x9E3779B9)
    for bit in range(16):
        near = row ^ np.uint32(1 << bit)
        for j in range(32):
            assert formulas.random_bits(row, j) != formulas.random_bits(near, j ^ 1 << bit)
