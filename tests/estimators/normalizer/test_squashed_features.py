"""Features whose variance epsilon squashes are warned of by name."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline

from skbn import BatchNormalizer


def test_a_warning_names_the_features_that_epsilon_squashes():
    frame, _ = load_breast_cancer(return_X_y=True, as_frame=True)
    squashed = frame.columns[frame.var(ddof=0) < 1e-5]
    assert len(squashed) == 2
    with pytest.warns(UserWarning, match="epsilon=1e-05 .*" + ", ".join(squashed)) as record:
        BatchNormalizer(epsilon=1e-5).fit(frame)
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match="epsilon=1e-05") as record:
        make_pipeline(BatchNormalizer(epsilon=1e-5)).fit_transform(frame)
    assert record[0].filename == __file__


def test_constant_features_are_not_said_to_be_squashed():
    BatchNormalizer(epsilon=0.1).fit([[1.0, 5.0], [1.0, 7.0]])


@pytest.mark.parametrize("epsilon", [0.0, 1e-12])
def test_no_warning_where_epsilon_is_small(epsilon):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BatchNormalizer(epsilon=epsilon).fit(load_breast_cancer().data)


def test_epsilon_is_added_whatever_the_variance():
    with pytest.warns(UserWarning, match="x1"):
        normalizer = BatchNormalizer(epsilon=0.5).fit([[1.0, 0.1], [5.0, 0.2]])
    np.testing.assert_allclose(normalizer.scale_**2, normalizer.var_ + 0.5)
