"""Losses and their gradients against the oracle and scikit-learn."""

from dataclasses import dataclass

import network_oracle
import numpy as np
import pytest
from kernels.kernel_problems import (
    WEIGHTS,
    assert_within,
    normal,
)
from scipy.special import expit
from sklearn.neural_network._base import LOSS_FUNCTIONS


def softmax_cross_entropy(kernels, logits, *arguments):
    out, loss = np.empty_like(logits), np.full(1, np.nan)
    kernels.softmax_cross_entropy(logits.copy(), *arguments, loss, out)
    return loss[0], out


def binary_cross_entropy(kernels, logits, *arguments):
    out, loss = np.empty_like(logits), np.full(1, np.nan)
    kernels.binary_cross_entropy(logits, *arguments, loss, out)
    return loss[0], out


def squared_error(kernels, prediction, target, share, *_):
    out, loss = np.empty_like(prediction), np.full(1, np.nan)
    kernels.squared_error(prediction, target, share, loss, out)
    return loss[0], out


def poisson_deviance(kernels, mean, target, share, *_):
    out, loss = np.empty_like(mean), np.full(1, np.nan)
    kernels.poisson_deviance(mean, target, share, loss, out)
    return loss[0], out


def draw_labels(rng, n, k):
    return rng.integers(0, k, n)


def draw_binary(rng, n, k):
    return rng.integers(0, 2, (n, k)).astype(float)


def draw_counts(rng, n, k):
    return rng.poisson(1.0, (n, k)).astype(float)


@dataclass
class Loss:
    """A loss, what the predictions are that it is called with, and its oracle."""

    ours: callable
    predict: callable
    oracle: callable
    draw_target: callable
    smoothings: tuple = (0.0,)


LOSSES = {
    "softmax": Loss(
        softmax_cross_entropy,
        np.copy,
        network_oracle.softmax_cross_entropy,
        draw_labels,
        (0.0, 0.25),
    ),
    "binary": Loss(
        binary_cross_entropy,
        np.copy,
        network_oracle.binary_cross_entropy,
        draw_binary,
        (0.0, 0.25),
    ),
    "squared": Loss(
        squared_error,
        np.copy,
        lambda p, t, share, smoothing, prior, eps: network_oracle.squared_error(p, t, share),
        lambda rng, n, k: rng.normal(size=(n, k)),
    ),
    "poisson": Loss(
        poisson_deviance,
        np.exp,
        lambda p, t, share, smoothing, prior, eps: network_oracle.poisson_deviance(p, t, share),
        draw_counts,
    ),
}
CASES = [(name, smoothing) for name, loss in LOSSES.items() for smoothing in loss.smoothings]
AXES = {"smoothed": {str(case): (LOSSES[case[0]], case[1]) for case in CASES}}


def priors(k):
    return np.arange(1.0, k + 1) / np.arange(1.0, k + 1).sum()


def shares(rng, n, weight, dtype):
    w = WEIGHTS[weight](rng, n)
    return (w / w.sum()).astype(dtype)


def targets(loss, rng, n, k, dtype):
    target = loss.draw_target(rng, n, k)
    return target if target.ndim == 1 else target.astype(dtype)


def test_losses_and_their_gradients_are_the_oracles(kernels, smoothed, shape, weight, dtype, rng):
    (loss, smoothing), (n, k), eps = smoothed, shape, float(np.finfo(dtype).eps)
    prediction = loss.predict(normal(rng, shape, dtype))
    share, target = shares(rng, n, weight, dtype), targets(loss, rng, n, k, dtype)
    value, gradient = loss.ours(kernels, prediction, target, share, smoothing, priors(k), eps)
    expected, slope = loss.oracle(prediction, target, share, smoothing, priors(k), eps)
    assert_within(1, value, expected, (expected + 1) * np.sqrt(n * k), dtype)
    size = np.abs(prediction).max() + np.abs(target).max() + 1
    assert_within(1, gradient, slope, share[:, None] * size, dtype)


def test_gradients_of_losses_are_their_slope(kernels, smoothed, weight, rng):
    (loss, smoothing), eps = smoothed, float(np.finfo(np.float64).eps)
    logits, target = rng.normal(size=(5, 3)), targets(loss, rng, 5, 3, np.float64)
    share = shares(rng, 5, weight, np.float64)

    def value(x):
        return loss.ours(kernels, loss.predict(x), target, share, smoothing, priors(3), eps)[0]

    slope = network_oracle.central_differences(value, logits, 1e-6)
    gradient = loss.ours(kernels, loss.predict(logits), target, share, smoothing, priors(3), eps)[1]
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-9)


def test_losses_do_not_hide_nan(kernels, smoothed, dtype, rng):
    (loss, smoothing), eps = smoothed, float(np.finfo(dtype).eps)
    share, target = shares(rng, 5, "no weights", dtype), targets(loss, rng, 5, 3, dtype)
    for column in range(3):
        logits = normal(rng, (5, 3), dtype)
        logits[2, column] = np.nan
        value, gradient = loss.ours(
            kernels, loss.predict(logits), target, share, smoothing, priors(3), eps
        )
        assert np.isnan(value)
        assert np.isnan(gradient[2, column])
        assert not np.isnan(np.delete(gradient, 2, axis=0)).any()


IN_PLACE = {"binary": "binary_cross_entropy", "squared": "squared_error"}
IN_PLACE |= {"poisson": "poisson_deviance"}


@pytest.mark.parametrize("name", IN_PLACE)
def test_gradients_may_overwrite_the_predictions(kernels, name, dtype, rng):
    loss, eps = LOSSES[name], float(np.finfo(dtype).eps)
    prediction, target = loss.predict(normal(rng, (5, 3), dtype)), targets(loss, rng, 5, 3, dtype)
    arguments = target, shares(rng, 5, "weights", dtype)
    arguments += (0.25, priors(3), eps) if name == "binary" else ()
    value, gradient = loss.ours(kernels, prediction, *arguments)
    in_place = np.zeros(1)
    getattr(kernels, IN_PLACE[name])(prediction, *arguments, in_place, prediction)
    assert in_place == value
    assert (prediction == gradient).all()


def test_softmax_replaces_logits_by_their_differences_from_the_maximum(kernels, shape, dtype, rng):
    n, k = shape
    logits, label = normal(rng, shape, dtype, 100.0), draw_labels(rng, n, k)
    share, eps = shares(rng, n, "no weights", dtype), float(np.finfo(dtype).eps)
    expected = logits - logits.max(axis=1, keepdims=True)
    loss, out = np.zeros(1), np.empty_like(logits)
    kernels.softmax_cross_entropy(logits, label, share, 0.0, priors(k), eps, loss, out)
    assert (logits == expected).all()


# Of rows that are all but certain, right and wrong, the losses are held.
LOGITS = np.array([[0, 1, 2], [1000, 0, -1000], [1000, 0, -1000], [-40, 40, 0], [25, -25, 0]])
LABELS = np.array([2, 0, 2, 1, 1])


@pytest.mark.parametrize("name", ["softmax", "binary"])
def test_losses_are_held_as_in_scikit_learn(kernels, name, weight, dtype, rng):
    loss, w = LOSSES[name], WEIGHTS[weight](rng, 5)
    logits, eps = LOGITS.astype(dtype), float(np.finfo(dtype).eps)
    indicators = network_oracle.one_hot(LABELS, 3).astype(dtype)
    share = (w / w.sum()).astype(dtype)
    if name == "softmax":
        theirs = LOSS_FUNCTIONS["log_loss"]
        p, target = network_oracle.softmax(logits).astype(dtype), LABELS
    else:
        theirs, p, target = LOSS_FUNCTIONS["binary_log_loss"], expit(logits), indicators
    expected = theirs(indicators, p, w)
    value, _ = loss.ours(kernels, loss.predict(logits), target, share, 0.0, priors(3), eps)
    # Of the logit 25 scikit-learn takes 1 − p from a rounded p.
    lost = np.exp(25) if name == "binary" and dtype == np.float64 else 0
    assert_within(4, value, expected, expected + lost, dtype)


CLASSIFICATION = [case for case in CASES if case[0] in ("softmax", "binary")]


@pytest.mark.parametrize(("name", "smoothing"), CLASSIFICATION)
def test_losses_are_held_as_the_oracles(kernels, name, smoothing, dtype, rng):
    loss, eps = LOSSES[name], float(np.finfo(dtype).eps)
    prediction, share = loss.predict(LOGITS.astype(dtype)), np.full(5, 0.25, dtype)
    target = LABELS if name == "softmax" else network_oracle.one_hot(LABELS, 3).astype(dtype)
    value, gradient = loss.ours(kernels, prediction, target, share, smoothing, priors(3), eps)
    expected, slope = loss.oracle(prediction, target, share, smoothing, priors(3), eps)
    assert_within(4, value, expected, expected, dtype)
    assert_within(1, gradient, slope, 0.25, dtype)


@pytest.mark.parametrize("name", ["softmax", "binary"])
def test_predictions_that_are_right_and_certain_have_no_gradient(kernels, name, dtype):
    loss, eps = LOSSES[name], float(np.finfo(dtype).eps)
    prediction = loss.predict(np.array([[1000, -1000, -1000]], dtype))
    target = np.array([0]) if name == "softmax" else np.array([[1, 0, 0]], dtype)
    value, gradient = loss.ours(kernels, prediction, target, np.ones(1, dtype), 0.0, priors(3), eps)
    assert 0 < value <= 3.01 * eps
    assert (gradient == 0).all()


@pytest.mark.parametrize(("name", "theirs"), [("squared", "squared_error"), ("poisson",) * 2])
def test_losses_of_regression_are_scikit_learns(kernels, name, theirs, weight, dtype, rng):
    loss, w = LOSSES[name], WEIGHTS[weight](rng, 33)
    prediction = loss.predict(normal(rng, (33, 8), dtype))
    target = targets(loss, rng, 33, 8, dtype)
    share = (w / w.sum()).astype(dtype)
    expected = LOSS_FUNCTIONS[theirs](target, prediction, w)
    # scikit-learn averages squared errors over outputs, we sum all losses.
    expected *= 8 if name == "squared" else 1
    value, _ = loss.ours(kernels, prediction, target, share, 0.0, priors(8), 0.0)
    assert_within(8, value, expected, expected, dtype)
