"""Activations and their gradients, by the formulas and as the host computes them."""

import network_oracle
import numba
import numpy as np
import pytest
from kernels.kernel_problems import DEVICES, assert_within, kernels_of, normal

from skbn._backends.cpu import CPU
from skbn._model import activations
from skbn.kernels import formulas

NAMES = sorted(formulas.ACTIVATIONS)
AXES = {"name": NAMES}


def inputs(rng, shape, dtype):
    """On both sides of 0, far from it and near it, but where all have a derivative."""
    x = normal(rng, shape, dtype, 3.0)
    return np.where(np.abs(x) < 1e-3, dtype(1e-3), x)


def rounding(dtype):
    """The dtype that values are rounded to.

    In the interpreter a formula rounds to float32: math's functions return Python's floats, which
    NumPy takes for float32 beside a constant of float32.
    """
    return np.float32 if numba.config.DISABLE_JIT else dtype


def of_host():
    return {
        name: (activations.value_of(name, CPU), activations.gradient_of(name, CPU))
        for name in NAMES
    }


@pytest.fixture(params=[*DEVICES, "host"])
def computed(request):
    """Value and gradient of each activation, by the formulas on a device or as on the host."""
    if request.param == "host":
        return of_host()
    return kernels_of(request.param).ACTIVATIONS


def test_values_are_the_oracles(computed, name, shape, dtype, rng):
    x = inputs(rng, shape, dtype)
    expected = network_oracle.ACTIVATIONS[name](x)
    computed[name][0](x)
    assert_within(4, x, expected, np.maximum(1, np.abs(expected)), rounding(dtype))


@pytest.mark.parametrize("far", [-1e30, -1e4, -100.0, 100.0, 1e3])
def test_values_and_gradients_far_from_zero_are_those_of_the_limits(computed, name, far, dtype):
    x, delta, is_positive = np.full((2, 3), far, dtype), np.ones((2, 3), dtype), far > 0
    value, gradient = computed[name]
    with np.errstate(over="ignore"):
        value(x)
        given = np.full((2, 3), far, dtype) if activations.ACTIVATIONS[name].needs_input else x
        gradient(given, delta)
    scale = 1.0507009873554805
    limits = {"logistic": (is_positive, 0), "tanh": (np.sign(far), 0)}
    limits["selu"] = (scale * far, scale) if is_positive else (-scale * 1.6732632423543772, 0)
    expected, slope = limits.get(name, (max(far, 0), is_positive))
    np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(delta, slope, rtol=1e-6, atol=1e-6)


def test_inference_gives_the_same_values(name, shape, dtype, rng):
    x = inputs(rng, shape, dtype)
    expected = network_oracle.ACTIVATIONS[name](x)
    activations.inference_value_of(name, CPU)(x)
    assert_within(4, x, expected, np.maximum(1, np.abs(expected)), dtype)


def test_gradients_are_the_slopes_of_the_values(computed, name, shape, dtype, rng):
    x, delta = inputs(rng, shape, dtype), normal(rng, shape, dtype)
    activation = network_oracle.ACTIVATIONS[name]
    expected = network_oracle.slope(activation, x) * delta
    given = x if activations.ACTIVATIONS[name].needs_input else activation(x).astype(dtype)
    computed[name][1](given, delta)
    np.testing.assert_allclose(
        delta, expected, rtol=0, atol=max(1e-11, 64 * np.finfo(rounding(dtype)).eps)
    )


def test_values_and_gradients_keep_nan(computed, name, dtype):
    x = np.array([[1.0, np.nan]], dtype)
    delta = np.array([[np.nan, 1.0]], dtype)
    value, gradient = computed[name]
    value(x)
    gradient(np.ones_like(x), delta)
    assert (np.isnan(x) == [False, True]).all()
    assert (np.isnan(delta) == [True, False]).all()


def test_no_gradient_passes_the_corner_of_the_rectifier(computed, dtype):
    delta = np.ones((2, 3), dtype)
    computed["relu"][1](np.zeros((2, 3), dtype), delta)
    assert (delta == 0).all()


def test_the_identity_needs_no_formula():
    assert set(activations.ACTIVATIONS) == {"identity", *formulas.ACTIVATIONS}
