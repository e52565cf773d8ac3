import pytest
from kernel_problems import DEVICES, SHAPES, WEIGHTS, kernels_of


@pytest.fixture(params=DEVICES)
def kernels(request):
    """The kernels of every device, which take arrays of NumPy."""
    return kernels_of(request.param)


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=WEIGHTS)
def weight(request):
    return request.param
