"""Losses of the predictions of a batch, and their gradients with respect to the logits.

Every function returns Σ w·ℓ / Σw, summed over outputs, and writes its gradient into ``out`` (n, k),
which may be the predictions themselves; ``share`` (n,) is w/Σw. In the loss, probabilities are
held to [eps, 1 − eps], as scikit-learn does.
"""

import math

from ..compile import jit


@jit
def shift_to_max(logits, out):
    """out (n, k) = logits less the largest of each row, so that exp does not overflow."""
    n, k = logits.shape
    for i in range(n):
        largest = logits[i, 0]
        for j in range(1, k):
            largest = max(largest, logits[i, j])
        for j in range(k):
            out[i, j] = logits[i, j] - largest


@jit
def softmax_cross_entropy(shifted, label, share, smoothing, prior, eps, out):
    """Cross entropy of softmax(shifted) and labels (n,); out is exp(shifted) before the call.

    The target of class j is smoothing·prior[j], that of the label 1 − smoothing more.
    """
    n, k = out.shape
    lowest, highest = math.log(eps), math.log1p(-eps)
    loss = 0.0
    for i in range(n):
        total = 0.0
        for j in range(k):
            total += out[i, j]
        log_total = math.log(total)
        log_p = min(max(shifted[i, label[i]] - log_total, lowest), highest)
        loss -= share[i] * (1.0 - smoothing) * log_p
        for j in range(k):
            out[i, j] = share[i] * (out[i, j] / total - smoothing * prior[j])
        out[i, label[i]] -= share[i] * (1.0 - smoothing)
        if smoothing > 0.0:
            for j in range(k):
                log_p = min(max(shifted[i, j] - log_total, lowest), highest)
                loss -= share[i] * smoothing * prior[j] * log_p
    return loss


@jit
def binary_cross_entropy(probability, target, share, smoothing, prior, eps, out):
    """Cross entropy of probabilities and targets (n, k) of 0 and 1, smoothed towards prior (k,)."""
    n, k = out.shape
    loss = 0.0
    for i in range(n):
        for j in range(k):
            t = target[i, j] * (1.0 - smoothing) + smoothing * prior[j]
            p = min(max(probability[i, j], eps), 1.0 - eps)
            if t > 0.0:
                loss -= share[i] * t * math.log(p)
            if t < 1.0:
                loss -= share[i] * (1.0 - t) * math.log(1.0 - p)
            out[i, j] = share[i] * (probability[i, j] - t)
    return loss


@jit
def squared_error(prediction, target, share, out):
    """Half the squared error of predictions and targets (n, k)."""
    n, k = out.shape
    loss = 0.0
    for i in range(n):
        for j in range(k):
            error = prediction[i, j] - target[i, j]
            loss += 0.5 * share[i] * error * error
            out[i, j] = share[i] * error
    return loss


@jit
def poisson_deviance(mean, target, share, out):
    """Half the Poisson deviance of predicted means and targets (n, k); the link is log."""
    n, k = out.shape
    loss = 0.0
    for i in range(n):
        for j in range(k):
            t, mu = target[i, j], mean[i, j]
            if t > 0.0:
                loss += share[i] * t * math.log(t / mu)
            loss += share[i] * (mu - t)
            out[i, j] = share[i] * (mu - t)
    return loss
