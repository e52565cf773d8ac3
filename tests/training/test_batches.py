"""Batches of two rows and more, weights of any size, and losses that are refused."""

import numpy as np
import pytest
from training.problems import IRIS, answer, classifier, copy

from skbn import BatchNormMLPRegressor
from skbn._model.layers import BatchNorm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def batches(monkeypatch):
    """Sizes of the ghost batches, and weights of the rows, of every batch that is normalized."""
    seen = []

    def spy(self, own, batch):
        seen.append((np.diff(batch.bounds), batch.weight.copy()))
        forward(self, own, batch)

    forward = BatchNorm.forward
    monkeypatch.setattr(BatchNorm, "forward", spy)
    return seen


@pytest.mark.parametrize(
    ("n", "batch_size", "expected"),
    [
        (129, 128, [129]),
        (5, 200, [5]),
        (2, 1, [2]),
        (3, 2, [3]),
        (65, 64, [65]),
        (150, 70, [75, 75]),
    ],
)
@pytest.mark.filterwarnings("ignore:Got `batch_size`")
def test_batches_have_two_rows_and_more(n, batch_size, expected, batches):
    X, y = IRIS[0][::-1][:n], IRIS[1][::-1][:n]
    settings = {"batch_size": batch_size, "hidden_layer_sizes": 8, "max_iter": 2}
    model = classifier(**settings).fit(X, y)
    assert [size.tolist() for size, _ in batches] == [[n] for n in expected] * 2
    model = classifier(**settings, virtual_batch_size=2).fit(X, y)
    assert min(size.min() for size, _ in batches) >= 2
    assert np.isfinite(answer(model, X)).all()


def test_rows_of_a_stream_that_come_one_by_one_have_no_statistics_of_their_own(problem, batches):
    model, X, y = problem
    model.set_params(batch_size=len(X)).fit(X, y)
    del batches[:]
    before = [norm.mean_ for norm in model.batch_norms_]
    for i in range(3):
        model.partial_fit(X[i : i + 1], y[i : i + 1])
    assert len(batches) == 6
    for norm, mean in zip(model.batch_norms_, before, strict=True):
        np.testing.assert_array_equal(norm.mean_, mean)


def test_a_row_that_alone_has_weight_is_not_normalized_by_itself(problem):
    model, X, y = problem
    model.set_params(batch_size=8).fit(X, y)
    before = [norm.mean_ for norm in model.batch_norms_]
    model.partial_fit(X[:8], y[:8], sample_weight=np.eye(8)[3])
    for norm, mean in zip(model.batch_norms_, before, strict=True):
        np.testing.assert_array_equal(norm.mean_, mean)


@pytest.mark.parametrize("size", [1e-50, 1e6])
def test_the_size_of_the_weights_does_not_matter_without_a_penalty(problem, size):
    model, X, y = problem
    model.set_params(alpha=0.0)
    expected = copy(model.fit(X, y, np.ones(len(X))))
    model.fit(X, y, np.full(len(X), size))
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_loss_that_is_not_finite_is_refused_in_words(solver, rng):
    model = BatchNormMLPRegressor(
        loss="poisson", solver=solver, batch_norm=False, normalize_inputs=False
    )
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(1e6 * rng.normal(size=(50, 3)), rng.poisson(size=50))


def test_targets_beyond_float32_are_refused_in_words():
    X, y = np.eye(4), np.array([0.0, 1e40, 2e40, 3e40])
    with pytest.raises(ValueError, match="y contains a value too large for dtype"):
        BatchNormMLPRegressor(normalize_targets=False).fit(X, y)
    assert BatchNormMLPRegressor(max_iter=1, dtype="float64").fit(X, y).predict(X).max() > 1e39
