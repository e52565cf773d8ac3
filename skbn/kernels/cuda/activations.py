"""Kernels of activations and of their gradients, compiled for each formula."""

from .. import formulas
from ..layout import check_shapes
from .launch import cuda, kernel_for_formula, launch_flat

formula = None  # copy_for_formula sets it in a copy of the loop


def _value(x):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        x[i] = formula(x[i])


def _gradient(x, delta):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        delta[i] = formula(x[i], delta[i])


KERNELS = {
    name: formulas.Formulas(
        kernel_for_formula(_value, of_name.value),
        kernel_for_formula(_gradient, of_name.gradient),
    )
    for name, of_name in formulas.ACTIVATIONS.items()
}


def _value_launcher(function):
    def value(x):
        """Replace x (n, c) by f(x)."""
        launch_flat(function, x.size, x.reshape(-1))

    return value


def _gradient_launcher(function):
    def gradient(x, delta):
        """Replace delta (n, c) = ∂ℓ/∂out by ∂ℓ/∂x; ``x`` is the first argument of the formula."""
        check_shapes(x.shape == delta.shape)
        launch_flat(function, x.size, x.reshape(-1), delta.reshape(-1))

    return gradient


ACTIVATIONS = {
    name: formulas.Formulas(_value_launcher(of_name.value), _gradient_launcher(of_name.gradient))
    for name, of_name in KERNELS.items()
}
