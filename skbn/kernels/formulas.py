"""The mathematics, one scalar function a formula, called by the loops of every device."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .compile import jit


@jit
def normalize(x, mean, scale, offset):
    """y = scale·(x − mean) + offset (Ioffe & Szegedy 2015, Algorithm 1, lines 3 and 4).

    This form loses less than scale·x + (offset − scale·mean) where |mean| ≫ σ.
    """
    return (x - mean) * scale + offset


@jit
def smooth_clip(x, bound):
    """x/√(1 + (x/bound)²), near x at zero and ±bound far away (Holzmüller et al. 2024).

    Farther than 1e9 bounds it is ±bound, before the square overflows.
    """
    t, far = x / bound, np.float32(1e9)
    t = far if t > far else (-far if t < -far else t)
    return bound * (t / math.sqrt(np.float32(1.0) + t * t))


@jit
def logistic(x):
    """1/(1 + exp(−x)), with an exponential that overflows for neither sign."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@jit
def is_infinite(x):
    """1 for infinity of either sign, else 0."""
    return 1 if abs(x) == math.inf else 0


@jit
def is_finite(x):
    """Whether x is neither infinite nor NaN."""
    return abs(x) < math.inf


@jit
def present(x, value):
    """The value where x is there, 0 where x is NaN."""
    return value if x == x else 0.0


@jit
def mean_step(weight_a, mean_a, weight_b, mean_b, delta):
    """From the mean of group a to that of both (Chan, Golub & LeVeque 1983, equation 1.5a).

    ``delta`` is mean_b − mean_a with all its digits; it overflows where the means are near the
    largest float and of opposite sign.
    """
    fraction = weight_b / (weight_a + weight_b)
    return mean_b * fraction - mean_a * fraction if is_infinite(delta) else delta * fraction


@jit
def merged_m2(weight_a, m2_a, weight_b, m2_b, delta):
    """Squared deviations of both groups, delta = mean_b − mean_a (ibid., equation 1.5b)."""
    # By turns: delta² may be beyond the floats where the product is not.
    return m2_a + m2_b + delta * (weight_a * (weight_b / (weight_a + weight_b))) * delta


@jit
def m2_about_mean(weight, deviations, squares):
    """Σw(x−mean)² from Σw(x−r) and Σw(x−r)², for a reference r near the mean."""
    if is_infinite(squares):
        return squares
    m2 = squares - deviations * (deviations / weight)
    # max() of CUDA would turn NaN into 0; a product below the floats may leave -0.
    return 0.0 if m2 <= 0.0 else m2


@jit
def lose_digits(weight, deviations, squares):
    """Whether the squares about a reference are more than 64 times those about the mean."""
    return weight > 0.0 and squares > 64.0 * m2_about_mean(weight, deviations, squares)


@jit
def rounding_error(a, b):
    """What the rounded sum a + b lacks, exactly (Knuth's TwoSum)."""
    total = a + b
    b_in_total = total - a
    return (a - (total - b_in_total)) + (b - b_in_total)


@jit
def moments_from_sums(weight, deviations, squares, reference):
    """Mean, what the rounded mean lacks, and M2 from Σw, Σw(x − r) and Σw(x − r)².

    With one float64 for the mean, one-row batches at offset 1e9 lose the variance to 2e-8.
    """
    if not weight > 0.0:
        return 0.0, 0.0, 0.0
    step = deviations / weight
    m2 = m2_about_mean(weight, deviations, squares)
    return reference + step, rounding_error(reference, step), m2


@jit
def merged_mean(weight_a, mean_a, error_a, weight_b, mean_b, delta):
    """Mean of both groups and what it lacks when rounded, from the heavier group a.

    From the heavier group the step is the smaller, and so is its rounding.
    """
    step = error_a + mean_step(weight_a, mean_a, weight_b, mean_b, delta)
    return mean_a + step, rounding_error(mean_a, step)


@jit
def merged_moments(weight_a, mean_a, error_a, m2_a, weight_b, mean_b, error_b, m2_b):
    """Weight, mean, what the rounded mean lacks, and M2 of both groups (ibid.)."""
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
    """By what the weight of an average decays when a batch of weight ``momentum`` comes.

    Cumulative statistics, which weigh as much as they count, are an average that has forgotten
    its start: their weight is 1.
    """
    is_cumulative = weight == count and weight > 0.0
    return (1.0 - momentum) / (weight if is_cumulative else 1.0)


@jit
def batch_weight(count, momentum):
    """The weight ``momentum`` of a batch; equal to its count it would be cumulative statistics'."""
    return momentum * (1.0 + 2.0**-52) if count == momentum else momentum


@jit
def inverse_std(weight, m2, epsilon):
    """1/√(σ² + ε), σ² = M2/Σw (Ioffe & Szegedy 2015, Algorithm 1, lines 2 and 3)."""
    var = m2 / weight if weight > 0.0 else 0.0
    return 1.0 / math.sqrt(var + epsilon)


@jit
def input_gradient(slope, d, row_fraction, x_hat, grad_gamma, grad_beta):
    """∂ℓ/∂z = γ/√(σ² + ε) · (∂ℓ/∂y − w/Σw·(∂ℓ/∂β + x̂·∂ℓ/∂γ)).

    The paper's ∂ℓ/∂x with those of μ and σ² put in.
    """
    return slope * (d - row_fraction * (grad_beta + x_hat * grad_gamma))


@jit
def clipped(x, lowest, highest):
    """x between the bounds; NaN stays, which min() and max() of CUDA would hide."""
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
    """x, or 0 near the smallest float32.

    An average that decays never leaves the denormal numbers, for rounding holds it there, and
    each costs some 150 cycles. After 300 epochs on load_digits 1 % of Adam's first moments were.
    """
    return np.float32(0.0) if abs(x) <= np.float32(1e-37) else x


@jit
def average(kept, old, added, x):
    """kept·old + added·x, an exponential average or a velocity."""
    return flush_subnormal(kept * old + added * x)


@jit
def nesterov_update(momentum, velocity, rate, grad):
    """Nesterov's step of the parameters, μ·v − η·g."""
    return momentum * velocity - rate * grad


@jit
def adam_change(rate, first, second, epsilon):
    """η·m/(√v + ε) (Kingma & Ba 2015, Algorithm 1, the bias correction in η)."""
    return rate * first / (math.sqrt(second) + epsilon)


@jit
def hash32(x):
    """A bijection of 32 bits in which every bit moves all others.

    Multipliers and shifts of C. Wellons' "lowbias32" (hash-prospector). Every product is cast
    back: Numba's of two uint32 has 64 bits.
    """
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@jit
def row_bits(key, i):
    """32 random bits for row i under the key of a layer and step."""
    return hash32(np.uint32(hash32(np.uint32(key)) + np.uint32(i)))


@jit
def random_bits(row, j):
    """32 random bits for column j of a row: a counter-based generator, the same on any device.

    Half the work of scrambling the index twice, 0.30 against 0.63 ns. The bits of the row enter
    twice: otherwise two rows whose bits are near each other have parts of their sequences in
    common.
    """
    again = np.uint32(row * np.uint32(0x9E3779B9))
    x = np.uint32((row ^ np.uint32(j)) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15)) ^ again) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@jit
def dropped(x, scale, bits, threshold):
    """x·scale where the bits reach the threshold, else 0."""
    return x * scale if bits >= threshold else np.float32(0.0)


# Activations and their gradients ----------------------------------------------------------------

# ``..._gradient(x, delta)`` is ∂ℓ/∂x from delta = ∂ℓ/∂out. Their first argument is the output, or
# the input where the name says so. Constants are float32, so that float32 stays float32.


@jit
def relu(x):
    """max(0, x), which keeps NaN."""
    return np.float32(0.0) if x < np.float32(0.0) else x


@jit
def relu_gradient(out, delta):
    """The derivative is 1 above 0, else 0."""
    return delta if out > np.float32(0.0) else np.float32(0.0)


@jit
def logistic_by_tanh(x):
    """1/(1 + exp(−x)) = (1 + tanh(x/2)) / 2."""
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
    """The derivative is Φ(x) + x·φ(x), φ(x) = exp(−x²/2)/√(2π); from the input."""
    cdf, pdf = 0.5 * math.erfc(-x * SQRT_HALF), INVERSE_SQRT_2PI * math.exp(-0.5 * x * x)
    return delta * (cdf + x * pdf)


@jit
def silu(x):
    """x/(1 + exp(−x)) (Elfwing, Uchibe & Doya 2018, arXiv:1702.03118), also called swish."""
    return x * logistic_by_tanh(x)


@jit
def silu_gradient(x, delta):
    """The derivative is s·(1 + x·(1 − s)), s = 1/(1 + exp(−x)); from the input."""
    one, s = np.float32(1.0), logistic_by_tanh(x)
    return delta * (s * (one + x * (one - s)))


# Of selu, by which mean 0 and variance 1 are a stable fixed point (equation 14 there).
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@jit
def selu(x):
    """λ·x above 0, else λα·(exp(x) − 1) (Klambauer et al. 2017, arXiv:1706.02515)."""
    negative = SELU_SCALE * SELU_ALPHA * math.expm1(x)
    return SELU_SCALE * x if x > np.float32(0.0) else negative


@jit
def selu_gradient(out, delta):
    """The derivative is λ above 0, else λα·exp(x) = out + λα."""
    slope = out + SELU_SCALE * SELU_ALPHA
    return delta * (SELU_SCALE if out > np.float32(0.0) else slope)


class Formulas(NamedTuple):
    """An activation and its gradient."""

    value: Callable
    gradient: Callable


# All activations but the identity, which is nothing to compute.
ACTIVATIONS = {
    "logistic": Formulas(logistic_by_tanh, logistic_gradient),
    "tanh": Formulas(tanh, tanh_gradient),
    "relu": Formulas(relu, relu_gradient),
    "gelu": Formulas(gelu, gelu_gradient),
    "silu": Formulas(silu, silu_gradient),
    "selu": Formulas(selu, selu_gradient),
}
