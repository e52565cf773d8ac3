"""The loops of activations and of their gradients, compiled for each formula."""

from .. import formulas
from ..compile import for_formula
from ..layout import check_shapes

formula = None  # a copy of the loop has its own


def activation_value(x):
    """x (n, c) becomes f(x).

    In place: 256x192 float32 by relu take 2.7 µs so, 10 through a second array that is the first.
    """
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] = formula(x[i, j])


def activation_gradient(x, delta):
    """delta (n, c) becomes ∂ℓ/∂x from ∂ℓ/∂out; ``x`` is what the formula takes."""
    check_shapes(x.shape == delta.shape)
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] = formula(x[i, j], delta[i, j])


ACTIVATIONS = {
    name: formulas.Formulas(
        for_formula(activation_value, of_name.value),
        for_formula(activation_gradient, of_name.gradient),
    )
    for name, of_name in formulas.ACTIVATIONS.items()
}
