"""The exact statistics of hidden layers at the end of a fit."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skbn import BatchNormMLPClassifier
from skbn._training import population

X, Y = load_digits(return_X_y=True)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "identity"])
@pytest.mark.parametrize("weight", [None, np.arange(len(X)) % 3], ids=["", "weighted"])
def test_statistics_from_kept_products_are_those_computed_from_the_rows(
    activation, weight, monkeypatch
):
    fits = []
    for limit in (population.MAX_KEPT_VALUES, 0):
        monkeypatch.setattr(population, "MAX_KEPT_VALUES", limit)
        model = BatchNormMLPClassifier(
            (24, 16, 8), activation=activation, max_iter=2, dtype="float64", random_state=0
        )
        fits.append(model.fit(X, Y, sample_weight=weight))
    kept, computed = fits
    for ours, theirs in zip(kept.batch_norms_, computed.batch_norms_, strict=True):
        np.testing.assert_allclose(ours.mean_, theirs.mean_, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-10)
