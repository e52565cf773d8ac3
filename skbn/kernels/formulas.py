"""The mathematics: one scalar function for each formula, called by the loops of all devices."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .compile import jit


@jit
def normalize(x, mean, scale, offset):
    """y = scale·(x − mean) + offset (Ioffe & Szegedy 2015, Algorithm 1, lines 3 and 4).

    If |mean| ≫ σ, its rounding error is smaller than that of scale·x + (offset − scale·mean).
    """
    return (x - mean) * scale + offset


@jit
def bin_value(x, half_lower, inverse_half_width):
    """(x − lower)/(upper − lower), limited to 0 and 1: a piecewise-linear encoding of x.

    Gorishniy, Rubachev & Babenko 2022 (arXiv:2203.05556), equation 1. Half of x and half of the
    edges are used, because x − lower may overflow. NaN is encoded as 0.
    """
    t = (0.5 * x - half_lower) * inverse_half_width
    return min(t, 1.0) if t > 0.0 else 0.0


@jit
def smooth_clip(x, bound):
    """x/√(1 + (x/bound)²): close to x near zero, tends to ±bound (Holzmüller et al. 2024).

    x/bound is limited to ±1e9, where the result is ±bound, because its square may overflow.
    """
    t, far = x / bound, np.float32(1e9)
    t = far if t > far else (-far if t < -far else t)
    return bound * (t / math.sqrt(np.float32(1.0) + t * t))


@jit
def logistic(x):
    """1/(1 + exp(−x)), computed from exp(−|x|), which does not overflow."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@jit
def is_infinite(x):
    """1 if x is positive or negative infinity, otherwise 0."""
    return 1 if abs(x) == math.inf else 0


@jit
def is_finite(x):
    """Whether x is neither infinite nor NaN."""
    return abs(x) < math.inf


@jit
def present(x, value):
    """The value, or 0 if x is NaN."""
    return value if x == x else 0.0


@jit
def mean_step(weight_a, mean_a, weight_b, mean_b, delta):
    """Mean of both groups minus that of group a (Chan, Golub & LeVeque 1983, equation 1.5a).

    ``delta`` is mean_b − mean_a in full precision. It overflows if the means are near the largest
    float and have opposite signs.
    """
    fraction = weight_b / (weight_a + weight_b)
    return mean_b * fraction - mean_a * fraction if is_infinite(delta) else delta * fraction


@jit
def merged_m2(weight_a, m2_a, weight_b, m2_b, delta):
    """Σw(x − mean)² of both groups; delta is mean_b − mean_a (ibid., equation 1.5b)."""
    # Multiply by delta twice: delta**2 may overflow when the product does not.
    return m2_a + m2_b + delta * (weight_a * (weight_b / (weight_a + weight_b))) * delta


@jit
def m2_about_mean(weight, deviations, squares):
    """Σw(x−mean)² from Σw(x−r) and Σw(x−r)², for a reference r near the mean."""
    if is_infinite(squares):
        return squares
    m2 = squares - deviations * (deviations / weight)
    # Not max(), which turns NaN into 0 on CUDA. A product that underflows may leave -0.
    return 0.0 if m2 <= 0.0 else m2


@jit
def lose_digits(weight, deviations, squares):
    """Whether the squares about the reference are more than 64 times those about the mean."""
    return weight > 0.0 and squares > 64.0 * m2_about_mean(weight, deviations, squares)


@jit
def rounding_error(a, b):
    """The exact rounding error of a + b (Knuth's TwoSum)."""
    total = a + b
    b_in_total = total - a
    return (a - (total - b_in_total)) + (b - b_in_total)


@jit
def moments_from_sums(weight, deviations, squares, reference):
    """Mean, its rounding error, and M2 from Σw, Σw(x − r) and Σw(x − r)².

    Without the rounding error (compensation term), the variance of one-row batches of values with
    an offset of 1e9 is wrong by 2e-8.
    """
    if not weight > 0.0:
        return 0.0, 0.0, 0.0
    step = deviations / weight
    m2 = m2_about_mean(weight, deviations, squares)
    return reference + step, rounding_error(reference, step), m2


@jit
def merged_mean(weight_a, mean_a, error_a, weight_b, mean_b, delta):
    """Mean of both groups and its rounding error, from the mean of the heavier group a.

    The step from the heavier group is the smaller one, and so is its rounding error.
    """
    step = error_a + mean_step(weight_a, mean_a, weight_b, mean_b, delta)
    return mean_a + step, rounding_error(mean_a, step)


@jit
def merged_moments(weight_a, mean_a, error_a, m2_a, weight_b, mean_b, error_b, m2_b):
    """Weight, mean, rounding error of the mean, and M2 of both groups (ibid.)."""
    if weight_a == 0.0:
        return weight_b, mean_b, error_b, m2_b
    if not weight_b > 0.0:
        return weight_a, mean_a, error_a, m2_a
    delta = (mean_b - mean_a) + (error_b - error_a)
    m2 = merged_m2(weight_a, m2_a, weight_b, m2_b, delta)
    if weight_a >= weight_b:
        mean, error = merged_mean(weight_a, mean_a, error_a, weight_b, mean_b, delta)
    else:
        mean, error = merged_mean(weight_b, mean_b, error_b, weight_a, mean_a, -delta)
    return weight_a + weight_b, mean, error, m2


@jit
def kept_fraction(count, weight, momentum):
    """The factor by which the weight of an average decays before a batch is merged.

    The batch has the weight ``momentum``. Cumulative statistics, whose weight equals their count,
    are taken as an average that no longer depends on its start and has the weight 1.
    """
    is_cumulative = weight == count and weight > 0.0
    return (1.0 - momentum) / (weight if is_cumulative else 1.0)


@jit
def batch_weight(count, momentum):
    """The weight ``momentum`` of a batch.

    It is increased by a relative 2^-52 if it equals the count, because a weight that equals the
    count marks cumulative statistics.
    """
    return momentum * (1.0 + 2.0**-52) if count == momentum else momentum


@jit
def inverse_std(weight, m2, epsilon):
    """1/√(σ² + ε), σ² = M2/Σw (Ioffe & Szegedy 2015, Algorithm 1, lines 2 and 3)."""
    var = m2 / weight if weight > 0.0 else 0.0
    return 1.0 / math.sqrt(var + epsilon)


@jit
def input_gradient(slope, d, row_fraction, x_hat, grad_gamma, grad_beta):
    """∂ℓ/∂z = γ/√(σ² + ε) · (∂ℓ/∂y − w/Σw·(∂ℓ/∂β + x̂·∂ℓ/∂γ)).

    This is the paper's ∂ℓ/∂x with ∂ℓ/∂μ and ∂ℓ/∂σ² substituted.
    """
    return slope * (d - row_fraction * (grad_beta + x_hat * grad_gamma))


@jit
def clipped(x, lowest, highest):
    """x clipped to the bounds. NaN is kept, which min() and max() on CUDA would replace."""
    return lowest if x < lowest else (highest if x > highest else x)


@jit
def smoothed(target, smoothing, prior):
    """The target smoothed towards the prior (Pereyra et al. 2017)."""
    return target * (1.0 - smoothing) + smoothing * prior


@jit
def binary_loss(x, t, lowest, highest):
    """−t·log p − (1 − t)·log(1 − p), p = 1/(1 + exp(−x)), with both logarithms clipped."""
    shared = math.log(1.0 + math.exp(-abs(x)))
    log_p = (x if x < 0.0 else 0.0) - shared
    log_rest = (-x if x > 0.0 else 0.0) - shared
    return -t * clipped(log_p, lowest, highest) - (1.0 - t) * clipped(log_rest, lowest, highest)


@jit
def t_log_ratio(t, mean):
    """t·log(t/μ), and 0 at t = 0."""
    return t * math.log(t / mean) if t > 0.0 else 0.0


@jit
def flush_subnormal(x):
    """x, or 0 if x is near the smallest normal float32.

    A decaying average would stay subnormal, because rounding keeps it from reaching 0, and an
    operation on a subnormal number takes about 150 cycles. After 300 epochs on load_digits, 1 % of
    Adam's first moments were subnormal.
    """
    return np.float32(0.0) if abs(x) <= np.float32(1e-37) else x


@jit
def average(kept, old, added, x):
    """kept·old + added·x: an exponential average or a velocity."""
    return flush_subnormal(kept * old + added * x)


@jit
def nesterov_update(momentum, velocity, rate, grad):
    """The change of the parameters by Nesterov's momentum, μ·v − η·g."""
    return momentum * velocity - rate * grad


@jit
def adam_change(rate, first, second, epsilon):
    """η·m/(√v + ε), where η includes the bias correction (Kingma & Ba 2015, Algorithm 1)."""
    return rate * first / (math.sqrt(second) + epsilon)


@jit
def hash32(x):
    """A bijection of 32-bit integers in which every input bit affects all output bits.

    Multipliers and shifts are those of C. Wellons' "lowbias32" (hash-prospector). Every product is
    cast to uint32, because Numba multiplies two uint32 as 64-bit integers.
    """
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@jit
def row_bits(key, i):
    """32 random bits for row i, from the key of a layer and a step."""
    return hash32(np.uint32(hash32(np.uint32(key)) + np.uint32(i)))


@jit
def random_bits(row, j):
    """32 random bits for column j of a row: a counter-based generator, equal on all devices.

    It takes 0.30 ns; ``hash32`` of the index, applied twice, takes 0.63 ns. The bits of the row
    enter twice, because otherwise two rows with similar bits have parts of their sequences in
    common.
    """
    again = np.uint32(row * np.uint32(0x9E3779B9))
    x = np.uint32((row ^ np.uint32(j)) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15)) ^ again) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@jit
def dropped(x, scale, bits, threshold):
    """x·scale if the bits are at least the threshold, otherwise 0."""
    return x * scale if bits >= threshold else np.float32(0.0)


# Activations and their gradients ----------------------------------------------------------------

# ``..._gradient(x, delta)`` is ∂ℓ/∂x, computed from delta = ∂ℓ/∂out. The first argument is called
# ``out`` if it is the output of the activation, and ``x`` if it is the input. Constants are
# float32, so that float32 is computed in float32, except those that float32 does not represent
# exactly: there float64 keeps its digits, and a loop that is bound by memory loses no time.


@jit
def relu(x):
    """max(0, x). NaN is kept."""
    return np.float32(0.0) if x < np.float32(0.0) else x


@jit
def relu_gradient(out, delta):
    """The derivative is 1 above 0, otherwise 0."""
    return delta if out > np.float32(0.0) else np.float32(0.0)


@jit
def logistic_by_tanh(x):
    """1/(1 + exp(−x)) = (1 + tanh(x/2)) / 2, in the dtype of x, which ``logistic`` is not."""
    half = np.float32(0.5)
    return half + half * math.tanh(half * x)


@jit
def logistic_gradient(out, delta):
    """The derivative is out·(1 − out)."""
    return delta * (out - out * out)


@jit
def tanh(x):
    """The hyperbolic tangent."""
    return math.tanh(x)


@jit
def tanh_gradient(out, delta):
    """The derivative is 1 − out²."""
    return delta - delta * out * out


SQRT_HALF, INVERSE_SQRT_2PI = 0.5**0.5, (2.0 * math.pi) ** -0.5


@jit
def gelu(x):
    """x·Φ(x), Φ(x) = erfc(−x/√2)/2 (Hendrycks & Gimpel 2016, arXiv:1606.08415)."""
    return x * (0.5 * math.erfc(-x * SQRT_HALF))


@jit
def gelu_gradient(x, delta):
    """The derivative is Φ(x) + x·φ(x), φ(x) = exp(−x²/2)/√(2π), where x is the input."""
    cdf, pdf = 0.5 * math.erfc(-x * SQRT_HALF), INVERSE_SQRT_2PI * math.exp(-0.5 * x * x)
    return delta * (cdf + x * pdf)


@jit
def silu(x):
    """x/(1 + exp(−x)) (Elfwing, Uchibe & Doya 2018, arXiv:1702.03118), also called swish."""
    return x * logistic_by_tanh(x)


@jit
def silu_gradient(x, delta):
    """The derivative is s·(1 + x·(1 − s)), s = 1/(1 + exp(−x)), where x is the input."""
    one, s = np.float32(1.0), logistic_by_tanh(x)
    return delta * (s * (one + x * (one - s)))


# λ and α of selu make mean 0 and variance 1 a stable fixed point (its paper, equation 14).
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@jit
def selu(x):
    """λ·x above 0, otherwise λα·(exp(x) − 1) (Klambauer et al. 2017, arXiv:1706.02515)."""
    if x > np.float32(0.0):
        return SELU_SCALE * x
    return SELU_SCALE * SELU_ALPHA * math.expm1(x)


@jit
def selu_gradient(out, delta):
    """The derivative is λ above 0, otherwise λα·exp(x) = out + λα."""
    slope = out + SELU_SCALE * SELU_ALPHA
    return delta * (SELU_SCALE if out > np.float32(0.0) else slope)


class Formulas(NamedTuple):
    """An activation and its gradient."""

    value: Callable
    gradient: Callable


# All activations except the identity, which needs no computation.
ACTIVATIONS = {
    "logistic": Formulas(logistic_by_tanh, logistic_gradient),
    "tanh": Formulas(tanh, tanh_gradient),
    "relu": Formulas(relu, relu_gradient),
    "gelu": Formulas(gelu, gelu_gradient),
    "silu": Formulas(silu, silu_gradient),
    "selu": Formulas(selu, selu_gradient),
}
