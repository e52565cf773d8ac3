"""Independent answers for networks: longdouble, from the definitions."""

from itertools import pairwise

import numpy as np
import oracle


def exact(x):
    return np.asarray(x, dtype=np.longdouble)


def running(seen, momentum):
    """Mean and variance of the (rows, weight) seen, of which the newest weighs ``momentum``.

    Those of age a weigh momentum·(1 − momentum)^a, over the sum of these.
    """
    ages = reversed(range(len(seen)))
    weights = [momentum * (1 - exact(momentum)) ** age for age in ages]
    rows = np.concatenate([rows for rows, _ in seen])
    each = [w * exact(own) / exact(own).sum() for w, (_, own) in zip(weights, seen, strict=True)]
    return oracle.moments(rows, np.concatenate(each))[1:]


class BatchNorm:
    """The batch normalizing transform of ghost batches (Ioffe & Szegedy 2015), rows weighted.

    A ghost batch of fewer than two rows with weight knows no variance, and is normalized by the
    running statistics of those ``seen``.

    Attributes
    ----------
    mean, inverse_std, x_hat, share : ndarray of shape (n, c) or (n, 1)
        μ, 1/√(σ² + ε), x̂ and w/Σw of the ghost batch of each row.
    """

    def __init__(self, z, weight, bounds, constants, gamma_beta, seen=()):
        self.z, self.weight = exact(z), exact(weight)
        self.parts = [slice(*pair) for pair in pairwise(bounds)]
        epsilon, self.momentum = exact(constants)
        self.gamma, self.beta = exact(gamma_beta)
        self.seen = list(seen)
        self.mean, variance = np.empty_like(self.z), np.empty_like(self.z)
        self.share = np.zeros_like(self.z[:, :1])
        for part in self.parts:
            self.mean[part], variance[part] = self.statistics(part)
        self.inverse_std = 1 / np.sqrt(variance + epsilon)
        self.x_hat = (self.z - self.mean) * self.inverse_std
        self.out = self.gamma * self.x_hat + self.beta

    def statistics(self, part):
        """Mean and variance that normalize a ghost batch, which is then one of those seen."""
        rows, weight = self.z[part], self.weight[part]
        if (weight > 0).sum() < 2:
            return running(self.seen, self.momentum) if self.seen else (0, 0)
        self.seen.append((rows, weight))
        self.share[part, 0] = weight / weight.sum()
        return oracle.moments(rows, weight)[1:]

    def gradient(self, delta):
        """∂ℓ/∂z (n, c) and ∂ℓ/∂γ, ∂ℓ/∂β (2, c) from ∂ℓ/∂out, by the paper's section 3."""
        dy = exact(delta)
        dz = np.concatenate([self.input_gradient(part, dy[part]) for part in self.parts])
        return dz, np.stack([(dy * self.x_hat).sum(axis=0), dy.sum(axis=0)])

    def input_gradient(self, part, dy):
        """The paper's equations in its order, where it has 1/m the share w/Σw of a row."""
        centred, share = self.z[part] - self.mean[part], self.share[part]
        inverse_std = self.inverse_std[part]
        d_x_hat = dy * self.gamma
        # Zero shares are those of a ghost batch that did not tell its own μ and σ².
        d_var = (d_x_hat * centred * -0.5 * inverse_std**3).sum(axis=0)
        d_mean = (d_x_hat * -inverse_std).sum(axis=0) + d_var * (share * -2 * centred).sum(axis=0)
        return d_x_hat * inverse_std + d_var * 2 * share * centred + d_mean * share


def logistic(x):
    return 1 / (1 + np.exp(-exact(x)))


def relu(x):
    return np.maximum(exact(x), 0)


def tanh(x):
    return np.tanh(exact(x))


def gelu(x):
    """By the power series of Φ, which longdouble sums to 1e-17 where |x| < 6; beyond, Φ is 0 or 1.

    Φ(x) = 1/2 + φ(x)·(x + x³/3 + x⁵/(3·5) + …).
    """
    near = np.clip(exact(x), -9, 9)
    term, total = near, near
    for i in range(1, 200):
        term = term * near**2 / (2 * i + 1)
        total = total + term
    pdf = np.exp(-(near**2) / 2) / np.sqrt(2 * np.arctan(exact(1)) * 4)
    return exact(x) * (exact(0.5) + pdf * total)


def silu(x):
    return exact(x) * logistic(x)


def selu(x):
    scale, alpha = exact(1.0507009873554805), exact(1.6732632423543772)
    return scale * np.where(exact(x) > 0, exact(x), alpha * np.expm1(exact(x)))


ACTIVATIONS = {
    "gelu": gelu,
    "logistic": logistic,
    "relu": relu,
    "selu": selu,
    "silu": silu,
    "tanh": tanh,
}


def slope(f, x, step=1e-6):
    """The derivative of a function of one number at each x; exact to 1e-12 of its values."""
    x, step = exact(x), exact(step)
    return (f(x + step) - f(x - step)) / (2 * step)


def softmax(logits):
    odds = np.exp(exact(logits) - exact(logits).max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def one_hot(label, k):
    return (np.asarray(label)[:, None] == np.arange(k)).astype(np.longdouble)


def t_log(t, p):
    """t·log(p), and 0 where t is 0 whatever p is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(t == 0, 0, t * np.log(p))


def weighted(share, losses):
    return (exact(share)[:, None] * losses).sum()


def softmax_cross_entropy(logits, label, share, smoothing, prior, eps):
    """−Σ share Σ t·log p with t smoothed towards the prior (k,), and its gradient by the logits."""
    p = softmax(logits)
    k = p.shape[1]
    t = (1 - exact(smoothing)) * one_hot(label, k) + exact(smoothing) * exact(prior)
    held = np.clip(p, exact(eps), 1 - exact(eps))
    return weighted(share, -t_log(t, held)), exact(share)[:, None] * (p - t)


def binary_cross_entropy(logits, target, share, smoothing, prior, eps):
    """−Σ share Σ t·log p + (1 − t)·log(1 − p), t smoothed towards prior (k,), and its gradient."""
    p, rest, s = logistic(logits), logistic(-logits), exact(smoothing)
    t = (1 - s) * exact(target) + s * exact(prior)
    held, held_rest = (np.clip(q, exact(eps), 1 - exact(eps)) for q in (p, rest))
    losses = -t_log(t, held) - t_log(1 - t, held_rest)
    return weighted(share, losses), exact(share)[:, None] * (p - t)


def squared_error(prediction, target, share):
    error = exact(prediction) - exact(target)
    return weighted(share, error**2 / 2), exact(share)[:, None] * error


def poisson_deviance(mean, target, share):
    """Half the deviance, and its gradient by the logarithm of the mean."""
    mean, t = exact(mean), exact(target)
    return weighted(share, t_log(t, t / mean) - t + mean), exact(share)[:, None] * (mean - t)


def momentum_descent(grads, params, rate, momentum, nesterov):
    """Parameters after the gradients (steps, n), as SGDOptimizer of scikit-learn has them.

    Nesterov's look ahead is v ← μ·v − η·g, θ ← θ + μ·v − η·g.
    """
    rate, momentum, params, velocity = exact(rate), exact(momentum), exact(params), 0
    for g in exact(grads):
        velocity = momentum * velocity - rate * g
        params = params + (momentum * velocity - rate * g if nesterov else velocity)
    return params


def adam(grads, params, rate, beta_1, beta_2, epsilon, kept=1.0):
    """Kingma & Ba 2015, Algorithm 1, with the ε̂ of its section 2 and of scikit-learn.

    Before each step, the parameters are multiplied by ``kept``.

    Both moments are written out as sums over all gradients, over the sum of their weights;
    ε̂ is added before the correction of the second: ε = ε̂/√(1 − β₂^t).
    """
    rate, beta_1, beta_2, params = exact(rate), exact(beta_1), exact(beta_2), exact(params)
    for t in range(1, len(grads) + 1):
        ages, seen = np.arange(t)[::-1, None], exact(grads[:t])
        first = (beta_1**ages * seen).sum(axis=0) / (beta_1**ages).sum()
        second = (beta_2**ages * seen**2).sum(axis=0) / (beta_2**ages).sum()
        corrected_epsilon = exact(epsilon) / np.sqrt(1 - beta_2**t)
        params = exact(kept) * params - rate * first / (np.sqrt(second) + corrected_epsilon)
    return params


def central_differences(f, x, step):
    """The gradient of f at the float64 array x, one component at a time."""
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (f(above) - f(below)) / (above[index] - below[index])
    return gradient


def hash32(x):
    """lowbias32 of C. Wellons' hash-prospector, on Python's integers."""
    x = (x ^ x >> 16) * 0x7FEB352D % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    return x ^ x >> 16


def inverse_hash32(x):
    """The inverse of ``hash32``: each of its steps undone."""
    x = (x ^ x >> 16) * pow(0x846CA68B, -1, 2**32) % 2**32
    x = (x ^ x >> 15 ^ x >> 30) * pow(0x7FEB352D, -1, 2**32) % 2**32
    return x ^ x >> 16
