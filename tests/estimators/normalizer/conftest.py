"""The matrix of the tests of BatchNormalizer."""

import pytest


@pytest.fixture
def X(rng):
    return rng.normal(size=(200, 3)) * [1, 100, 1e-3] + [0, 1e6, 5]
