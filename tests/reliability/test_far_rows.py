"""Finite rows have finite predictions, in any unit and however far from all others."""

import numpy as np
import pytest
from scipy import sparse

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators.state import inference_of

pytestmark = pytest.mark.reliability

X = np.random.default_rng(0).normal(size=(200, 3))
Y = X[:, 0] > 0
FAR = np.array([[1e39, 0, 0], [-1e300, 1e300, 0], [0.1, 0.2, 0.3], [1.7e308, -1.7e308, 1.7e308]])
SMALL = {"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0}
SMALL |= {"numeric_encoding": None, "clip_inputs": False}
MODELS = {
    "classifier": (BatchNormMLPClassifier(**SMALL), Y),
    "several classes": (BatchNormMLPClassifier(**SMALL), np.digitize(X[:, 0], [-0.5, 0.5])),
    "regressor": (BatchNormMLPRegressor(**SMALL), X[:, 0]),
    "without normalization": (
        BatchNormMLPClassifier(**SMALL, normalize_inputs=False, batch_norm=False),
        Y,
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("given", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_rows_far_from_all_others_have_finite_predictions(given, name):
    model, y = MODELS[name]
    model.fit(given(X), y)
    outputs = getattr(model, "predict_proba", model.predict)
    far = outputs(given(FAR))
    assert np.isfinite(far).all()
    assert np.isfinite(getattr(model, "predict_log_proba", model.predict)(given(FAR))).all()
    for row, expected in zip(FAR, far, strict=True):
        np.testing.assert_allclose(outputs(given(row[None]))[0], expected, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e-300, 1e-100, 1e-39, 1e-12, 1e12, 1e39, 1e100])
def test_the_unit_of_a_feature_does_not_matter(unit):
    model, y = MODELS["classifier"]
    scaled = X * np.array([1.0, unit, 1.0])
    expected = model.fit(X, y).predict_proba(X)
    predicted = model.fit(scaled, y).predict_proba(scaled)
    if unit > 1e-200:  # below, its variance is 0, as for StandardScaler
        np.testing.assert_allclose(predicted, expected, atol=1e-4)
    assert np.isfinite(predicted).all()


def test_units_far_from_1_are_not_folded_into_the_first_layer():
    model, y = MODELS["classifier"]
    for unit, is_folded in ((1.0, True), (1e-39, False), (1e39, False)):
        assert (inference_of(model.fit(X * unit, y)).input_norm.mean_scale is None) == is_folded


def test_recalibration_refuses_rows_whose_statistics_are_none_and_keeps_its_own():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    model = BatchNormMLPClassifier((4,), max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    before = model.predict_proba(X)
    far = np.where(np.arange(100)[:, None] == 0, 1e39, X)
    with pytest.raises(ValueError, match="beyond float32"):
        model.recalibrate(far)
    np.testing.assert_array_equal(model.predict_proba(X), before)
