import numpy as np
import pytest
from kernel_problems import SHAPES, WEIGHTS


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[0.0, -np.inf], ids=["relu", "identity"])
def floor(request):
    return request.param


@pytest.fixture(params=WEIGHTS)
def weight(request):
    return request.param
