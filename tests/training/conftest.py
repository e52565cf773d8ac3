"""Every problem of training."""

import pytest
from training.problems import PROBLEMS


@pytest.fixture(params=PROBLEMS)
def problem(request):
    """A model, X and y."""
    make, data, params = PROBLEMS[request.param]
    return make(**params), *data
