"""The axes of the problems: each kernel meets every pair of their values, on every device."""

import numpy as np
import pytest
from helpers import pairwise
from kernels.kernel_problems import DEVICES, SHAPES, WEIGHTS, kernels_of

AXES = {"shape": SHAPES, "dtype": [np.float32, np.float64], "weight": list(WEIGHTS)}


def pytest_generate_tests(metafunc):
    """Parametrize a test by the axes that it takes, and by the ``AXES`` of its module."""
    axes = AXES | getattr(metafunc.module, "AXES", {})
    taken = {name: axis for name, axis in axes.items() if name in metafunc.fixturenames}
    if taken:
        metafunc.parametrize(*pairwise(**taken))


@pytest.fixture(params=DEVICES)
def kernels(request):
    """The kernels of every device, which take arrays of NumPy."""
    return kernels_of(request.param)


@pytest.fixture
def dtype():
    """One of the axes, and no more the fixture of all tests."""
