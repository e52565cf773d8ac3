import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import skbn.dask
from skbn import BatchNormalizer

NORMALIZERS = [
    BatchNormalizer(),
    # Takes sparse X, and an average of batches goes another way. Not with ddof=1: an average
    # corrects by the squares of weights, which are no frequencies.
    BatchNormalizer(with_mean=False, momentum=0.1, epsilon=1e-5, gamma=2.0),
    skbn.dask.BatchNormalizer(),
]
# Small: the checks are of the interface, whatever the size of the network.
NETWORKS = [
    make(hidden_layer_sizes=(32, 32))
    for module in (skbn, skbn.dask)
    for make in (module.BatchNormMLPClassifier, module.BatchNormMLPRegressor)
]


# The checks' own data has features of variance below 1e-5.
@pytest.mark.filterwarnings("ignore:epsilon=1e-05 is above")
@parametrize_with_checks(NORMALIZERS)
def test_scikit_learns_checks_of_the_normalizer(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(NETWORKS)
def test_scikit_learns_checks_of_the_networks(estimator, check):
    # Two fits must agree to 1e-7 there, and the rounding of float32 is 1.2e-7.
    if "sample_weight_equivalence" in str(check):
        estimator.set_params(dtype="float64")
    # Which units a step leaves out depends on the number of the row.
    if "weight" in str(check):
        estimator.set_params(dropout=0.0)
    check(estimator)
