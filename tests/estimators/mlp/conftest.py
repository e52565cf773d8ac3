"""The classifier and the regressor with their data, and both precisions."""

from types import SimpleNamespace

import numpy as np
import pytest
from estimators.mlp.cases import CASES, RTOL, classifier


@pytest.fixture(params=CASES)
def case(request):
    make, X, y = CASES[request.param]
    labels = {"classes": np.unique(y)} if make is classifier else {}
    return SimpleNamespace(make=make, X=X, y=y, labels=labels)


@pytest.fixture(params=RTOL)
def precision(request):
    return request.param
