import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skbn import BatchNormalizer

ESTIMATORS = [
    BatchNormalizer(),
    BatchNormalizer(with_mean=False),
    BatchNormalizer(momentum=0.1, epsilon=1e-5, ddof=1, gamma=2.0, beta=-1.0),
]


# The checks' own data has features of variance below 1e-5.
@pytest.mark.filterwarnings("ignore:epsilon=1e-05 is above")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_estimator_checks(estimator, check):
    check(estimator)
