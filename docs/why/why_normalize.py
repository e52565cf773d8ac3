r"""
Why normalize, if γ and β can undo it?
======================================

Batch normalization subtracts the mean of a batch, divides by its standard deviation, multiplies by
γ and adds β, where γ and β are learned. With γ = σ and β = μ, the output of the layer equals its
input. Readers of `Ioffe & Szegedy (2015) <https://arxiv.org/abs/1502.03167>`__, which this page
calls "the paper", therefore ask what the normalization is for. This page answers the question with
experiments. Their code is in blocks that open with a click, and the whole page is a script that can
be downloaded at its end.

**Summary.** A network with batch normalization can represent the same functions as one without. At
inference, batch normalization is only one scale and one shift for each feature. What it changes is
training: the same function, with the same loss, has another gradient, with which larger learning
rates work. The effect on accuracy depends on the data. In one experiment below, on standardized
inputs, there is almost none. Why batch normalization works as well as it does is an open question.
The `last section <#what-is-known-and-what-is-not>`__ says what is known.

For one feature of a batch :math:`x_1, \ldots, x_m`, the layer computes (Algorithm 1 of the paper):

.. math::

    \mu = \frac{1}{m} \sum_i x_i, \qquad
    \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2, \qquad
    \hat{x}{}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad
    y_i = \gamma \hat{x}{}_i + \beta

In the code, ε is ``epsilon``. A fitted :class:`skbn.BatchNormalizer` has γ and β as ``gamma_`` and
``beta_``, and its running μ and σ² as ``mean_`` and ``var_``. Its ``normalize_batch`` computes the
formula above, ``transform`` computes it with the running statistics (Algorithm 2), and ``fold``
returns it as one scale and one shift.
"""

# %%
# Setup: two layers and a network
# -------------------------------
# To see the effect of the normalization alone, the experiments compare batch normalization (BN)
# with an affine layer, which has the same two parameters and no normalization:
# :math:`y = \gamma^\prime x + \beta^\prime`. skbn does not have such a layer, because
# ``batch_norm=False`` only has a bias. The following code therefore implements both layers in
# NumPy, with their gradients, and a network that contains either of them: dense → layer → ReLU,
# three times, then dense → softmax. Its parameters are one list: W, γ and β of each hidden layer,
# then the weights and biases of the last layer.

from copy import deepcopy
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skbn import BatchNormalizer, BatchNormMLPClassifier

threadpool_limits(1)  # products as small as these are slower on more threads


def affine(x, gamma, beta):
    def backward(dy):
        return gamma * dy, (dy * x).sum(axis=0), dy.sum(axis=0)

    return gamma * x + beta, backward


def batch_norm(x, gamma, beta, epsilon=1e-5):
    std = np.sqrt(x.var(axis=0) + epsilon)
    x_hat = (x - x.mean(axis=0)) / std

    def backward(dy):
        d_gamma, d_beta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
        return gamma / std * (dy - (d_beta + x_hat * d_gamma) / len(x)), d_gamma, d_beta

    return gamma * x_hat + beta, backward


def forward(layer, params, X):
    tape = []
    for i in range(0, len(params) - 2, 3):
        W, gamma, beta = params[i : i + 3]
        y, backward = layer(X @ W, gamma, beta)
        tape.append((X, W, y, backward))
        X = np.maximum(y, 0.0)
    logits = X @ params[-2] + params[-1]
    logits = logits - logits.max(axis=1, keepdims=True)
    return X, tape, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def loss_and_gradients(layer, params, X, labels):
    rows = np.arange(len(labels))
    h, tape, log_p = forward(layer, params, X)
    delta = np.exp(log_p)
    delta[rows, labels] -= 1.0
    delta /= len(labels)
    gradients = [h.T @ delta, delta.sum(axis=0)]
    delta = delta @ params[-2].T
    for X_in, W, y, backward in reversed(tape):
        dx, d_gamma, d_beta = backward(delta * (y > 0.0))
        gradients = [X_in.T @ dx, d_gamma, d_beta, *gradients]
        delta = dx @ W.T
    return -log_p[rows, labels].mean(), gradients


HIDDEN_W = 0, 3, 6  # where the weights of hidden layers are


def initial(seed):
    rng, params = np.random.default_rng(seed), []
    for n_in, n_out in ((64, 32), (32, 32), (32, 32), (32, 10)):
        bound = np.sqrt(6.0 / (n_in + n_out))  # Glorot & Bengio 2010
        params += [rng.uniform(-bound, bound, (n_in, n_out)), np.ones(n_out), np.zeros(n_out)]
    return [*params[:-2], params[-1]]


def step(params, gradients, rate):
    return [p - rate * g for p, g in zip(params, gradients, strict=True)]


def sgd(layer, params, X, labels, rate, n_epochs=10, decay=0.0):
    """Parameters and gradients of each step of plain SGD, in batches of about 64 rows."""
    rng = np.random.default_rng(0)
    for _ in range(n_epochs):
        for rows in np.array_split(rng.permutation(len(X)), len(X) // 64):
            _, gradients = loss_and_gradients(layer, params, X[rows], labels[rows])
            kept = [(1.0 - rate * decay) * p if i in HIDDEN_W else p for i, p in enumerate(params)]
            params = step(kept, gradients, rate)
            yield params, gradients


digits, digits_test, labels, labels_test = train_test_split(
    *load_digits(return_X_y=True), random_state=0
)
pixels, pixels_test = digits / 16.0, digits_test / 16.0

# %%
# To check the implementation, ten gradient steps from the same weights are computed with it and
# with skbn. The parameters agree.


def params_of(mlp, pairs):
    """The parameters of a fitted MLP, with the given pairs for its hidden layers."""
    hidden = zip(mlp.coefs_[:-1], pairs, strict=True)
    return [*(p for W, pair in hidden for p in (W, *pair)), mlp.coefs_[-1], mlp.intercepts_[-1]]


def largest_difference(params, others):
    return max(np.abs(p - q).max() for p, q in zip(params, others, strict=True))


settings = {"normalize_inputs": False, "dropout": 0.0, "dtype": "float64"}
# The network alone, without what the estimator does to columns and without pilots.
without_pilots = {"max_iter": "scaled", "numeric_encoding": None, "clip_inputs": False}
settings |= without_pilots
settings |= {"solver": "sgd", "momentum": 0.0, "learning_rate": "constant", "random_state": 0}
settings |= {"hidden_layer_sizes": (32, 32, 32), "batch_size": len(pixels)}
mlp = BatchNormMLPClassifier(learning_rate_init=0.1, **settings)
mlp.partial_fit(pixels, labels, classes=np.unique(labels))
start = params = params_of(mlp, [(norm.gamma_, norm.beta_) for norm in mlp.batch_norms_])
for _ in range(10):
    mlp.partial_fit(pixels, labels)
    params = step(params, loss_and_gradients(batch_norm, params, pixels, labels)[1], rate=0.1)
learned = params_of(mlp, [(norm.gamma_, norm.beta_) for norm in mlp.batch_norms_])
print(f"parameters moved by up to {largest_difference(params, start):.2f}")
print(f"skbn's and NumPy's differ by {largest_difference(params, learned):.0e}")
assert largest_difference(params, learned) < 1e-10

# %%
# 1. The same function has another gradient
# -----------------------------------------
# Take a network with the affine layer at γ′ = 1 and β′ = 0, and a network with BN and the same
# weights, in which each layer has :math:`\gamma = \sqrt{\sigma^2 + \varepsilon}` and
# :math:`\beta = \mu`. The normalization is then undone, and both networks have the same outputs and
# the same loss. Their gradients differ, because μ and σ depend on W:
#
# .. math::
#
#     \frac{\partial \ell}{\partial x_i} = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} \left(
#     \frac{\partial \ell}{\partial y_i}
#     - \frac{1}{m} \sum_j \frac{\partial \ell}{\partial y_j}
#     - \hat{x}{}_i \frac{1}{m} \sum_j \frac{\partial \ell}{\partial y_j} \hat{x}{}_j \right)
#
# This is the gradient of the paper, with the gradients of μ and σ² inserted. In this case the first
# factor is 1. The affine layer would pass on :math:`\partial \ell / \partial y_i` unchanged. BN
# subtracts the component that shifts the whole feature, and the component that scales it. These
# components are not lost, because the two sums are the gradients of β and γ.


def with_pairs(pair_of, layer, params, X):
    """The same weights; γ and β of each layer become pair_of(what the layer is given, γ, β)."""
    changed = list(params)
    for i, (X_in, W, _, _) in enumerate(forward(layer, params, X)[1]):
        pair = slice(3 * i + 1, 3 * i + 3)
        changed[pair] = pair_of(X_in @ W, *params[pair])
    return changed


def undoing(x, _gamma, _beta):
    return np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)


plain = initial(seed=0)
undone = with_pairs(undoing, affine, plain, pixels)
networks = {"affine": (affine, plain), "BN": (batch_norm, undone)}
gradients = {}
for name, (layer, params) in networks.items():
    loss, gradients[name] = loss_and_gradients(layer, params, pixels, labels)
    print(f"{name:>6}: loss {loss:.12f}")
for i in HIDDEN_W:
    g, g_bn = (gradients[name][i] / np.linalg.norm(gradients[name][i]) for name in networks)
    angle = np.degrees(np.arccos(np.sum(g * g_bn)))
    print(f"their gradients of W{i // 3 + 1} are {angle:.0f} degrees apart")

# %%
# The next figure shows the loss after one gradient step from these parameters, for steps of any
# size:

rates = np.logspace(-2, 4, 49)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
styles = {"affine": {"color": "C0", "linewidth": 1}, "BN": {"color": "C1", "linewidth": 3}}
for name, (layer, params) in networks.items():
    of_all = gradients[name]
    of_weights = [g * (i in HIDDEN_W) for i, g in enumerate(of_all)]
    for moved, grads, style in (("all", of_all, "--"), ("hidden W", of_weights, "-")):
        stepped = [step(params, grads, rate) for rate in rates]
        losses = [loss_and_gradients(layer, p, pixels, labels)[0] for p in stepped]
        label = f"{name}, {moved} moved"
        axes.plot(rates, losses, style, label=label, **styles[name])
        power = np.log(losses[-1] / losses[-9]) / np.log(rates[-1] / rates[-9])
        print(f"{label:>22}: largest loss {max(losses):.1e}, in the end as η^{abs(power):.1f}")
axes.set(xscale="log", yscale="log", ylim=(1.0, 1e6))
axes.set(xlabel="learning rate η of the one step", ylabel="training loss after one step")
_ = axes.legend()

# %%
# All four lines begin at the same loss. For large steps, the loss is proportional to a power of η,
# whose exponent is the number of factors that grow with the step. In the affine network these are
# three W, or three W, three γ′ and the last layer. With BN, the output depends on the direction of
# W, but not on its size (section 2). If only the hidden W are moved, the loss is therefore bounded,
# however large the step is. If all parameters are moved, there is no such bound, because the last γ
# and the last layer are multiplied, and their product is not normalized.
#
# 2. The output does not depend on the scale of the weights
# ---------------------------------------------------------
# If W is multiplied by a > 0, μ and σ are multiplied by a too, and the output does not change:
# BN(Wu) = BN(aWu) (section 3.3 of the paper). Without ε this is exact except for rounding. With ε,
# x̂ is multiplied by :math:`1 / \sqrt{1 + \varepsilon / (a \sigma)^2}`. This factor is close to 1
# if :math:`a^2 \sigma^2` is much larger than ε, and approaches 0 with a.

x = pixels @ plain[0]
x_hat = BatchNormalizer(epsilon=0.0).normalize_batch(x)
factors = np.logspace(-8, 8, 50)
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for epsilon, style in ((1e-5, "o"), (0.0, "x")):
    normalizer = BatchNormalizer(epsilon=epsilon)
    changes = [np.abs(normalizer.normalize_batch(a * x) - x_hat).max() for a in factors]
    axes.plot(factors, changes, style, markersize=4, label=f"measured, ε = {epsilon:g}")
    print(f"ε = {epsilon:g}: x̂ changes by up to {max(changes):.0e}, {changes[24]:.0e} at a = 0.7")
factor_less_one = [np.expm1(-0.5 * np.log1p(1e-5 / (a**2 * x.var(axis=0)))) for a in factors]
formula = [np.abs(x_hat * change).max() for change in factor_less_one]
axes.plot(factors, formula, "k-", linewidth=1, label="formula, ε = 1e-05")
axes.set(xscale="log", yscale="log", xlabel="a", ylabel="largest change of x̂", ylim=(1e-17, 1e2))
_ = axes.legend()

# %%
# On the left of the figure, x̂ is almost 0, so that its change is as large as x̂ was: with ε, the
# output of a unit with very small weights vanishes. Columns of a table may have any unit, and could
# have such a small variance. ``BatchNormalizer`` therefore has ``epsilon=0`` by default. With
# another value, ``fit`` warns of columns whose variance is below it. Hidden layers have 1e-5.
#
# 3. The gradient is orthogonal to W, and W grows
# -----------------------------------------------
# The output does not change along the direction of W, so the gradient has no component in this
# direction. It also becomes smaller as W becomes larger (section 3.3 of the paper). For one unit
# with weights w:
#
# .. math::
#
#     w \cdot \frac{\partial \ell}{\partial w} = 0, \qquad
#     \frac{\partial \ell}{\partial (a w)} = \frac{1}{a} \frac{\partial \ell}{\partial w}

exact = partial(batch_norm, epsilon=0.0)
print("gradient of W1 at a·W1:    a × length, largest |cosine| with w of a unit")
for name, layer in (("affine", affine), ("BN, ε = 0", exact), ("BN, ε = 1e-5", batch_norm)):
    for a in (0.01, 1.0, 100.0):
        W = a * plain[0]
        g = loss_and_gradients(layer, [W, *plain[1:]], pixels, labels)[1][0]
        lengths = np.linalg.norm(W, axis=0) * np.linalg.norm(g, axis=0)
        cosine = np.abs((W * g).sum(axis=0) / lengths).max()
        print(f"{name:>12}, a = {a:<5g} {a * np.linalg.norm(g):12.6f}, {cosine:.0e}")

# %%
# A step that is orthogonal to w makes w longer, by the Pythagorean theorem: :math:`|w_{t+1}|^2 =
# |w_t|^2 + \eta^2 |\partial \ell / \partial w|^2`. The output depends only on the direction of w,
# which changes with the *effective learning rate* :math:`\eta / |w|^2`
# (`van Laarhoven 2017 <https://arxiv.org/abs/1706.05350>`__). One factor :math:`1 / |w|` is due to
# the smaller gradient, and the other to the smaller angle by which a step turns a longer w. With
# plain SGD, the effective learning rate therefore decreases during training, and most for a high η.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for rate, decay, style in ((0.3, 0.0, "-"), (1.0, 0.0, "--"), (3.0, 0.0, "-."), (1.0, 0.01, ":")):
    squares = [np.sum(plain[0] ** 2) / 32]
    by_pythagoras = squares[0]
    for params, gradients in sgd(batch_norm, plain, pixels, labels, rate, 30, decay):
        squares.append(np.sum(params[0] ** 2) / 32)
        by_pythagoras *= (1.0 - rate * decay) ** 2
        by_pythagoras += rate**2 * np.sum(gradients[0] ** 2) / 32
    norms, effective = np.sqrt(squares), rate / np.array(squares)
    label = f"η = {rate:g}" + f", weight decay {decay:g}" * (decay > 0)
    left.plot(norms, style, linewidth=1.8, label=label)
    right.plot(effective, style, linewidth=1.8, label=label)
    lengths = f"|w| {norms[0]:.3f} → {norms[-1]:.3f}, by Pythagoras {np.sqrt(by_pythagoras):.3f}"
    print(f"{label}: {lengths}; η/|w|² {effective[0]:.2f} → {effective[-1]:.2f}")
left.set(xlabel="step", ylabel="|w| in the first layer (root mean square)", ylim=(0, None))
right.set(xlabel="step", ylabel="effective learning rate η / |w|²", ylim=(0, None))
_ = figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)

# %%
# The theorem predicts the length to all printed digits, although ε is not 0. Learning rates that
# differ by a factor of 10 end at effective learning rates that differ by a factor of less than 2: a
# learning rate that is too high partly corrects itself. Weight decay does not make the function
# simpler, because the size of W has no effect on it. It prevents the decrease of the effective
# learning rate. (Steps with momentum, or of Adam, are not orthogonal to w, and the formula does not
# hold for them.)
#
# 4. Learning rates with BN and with the affine layer
# ---------------------------------------------------
# Both networks have the same initial weights and the same number of parameters. They are trained
# for 10 epochs of plain SGD on batches of about 64 rows, with five draws of initial weights, on
# pixels from 0 to 1, and on pixels standardized by ``StandardScaler``. For test rows, BN uses the
# statistics of all training rows, with which the network is *folded* (section 7).


def folding(x, gamma, beta):
    return BatchNormalizer(gamma=gamma, beta=beta, epsilon=1e-5).fit(x).fold()


def accuracy(params, X):
    return np.mean(forward(affine, params, X)[2].argmax(axis=1) == labels_test)


def loss_and_accuracy(layer, X, X_test, rate, seed):
    *_, (params, _) = sgd(layer, initial(seed), X, labels, rate)
    loss, _ = loss_and_gradients(layer, params, X, labels)
    if not np.isfinite(loss):
        return np.nan, 0.1  # diverged: no better than a guess
    folded = with_pairs(folding, layer, params, X) if layer is batch_norm else params
    return loss, accuracy(folded, X_test)


scaler = StandardScaler().fit(pixels)
standardized = scaler.transform(pixels), scaler.transform(pixels_test)
tables = {"pixels": (pixels, pixels_test), "standardized pixels": standardized}
rates = 10.0 ** np.arange(-2.0, 1.1, 0.5)
print("medians, learning rate" + 17 * " " + "".join(f"{rate:8.2g}" for rate in rates))
figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), sharex=True, sharey="row", layout="constrained")
for (table, rows), column in zip(tables.items(), axes.T, strict=True):
    for name, layer, style in (("affine", affine, "s--"), ("BN", batch_norm, "o-")):
        with np.errstate(all="ignore"):
            fits = [[loss_and_accuracy(layer, *rows, r, seed) for seed in range(5)] for r in rates]
        for ax, what, values in zip(column, ("loss", "acc."), np.moveaxis(fits, 2, 0), strict=True):
            middle = np.median(values, axis=1)
            spread = np.abs([values.min(axis=1), values.max(axis=1)] - middle)
            ax.errorbar(rates, middle, spread, fmt=style, capsize=4, label=name)
            numbers = "".join(f"{value:8.3f}" for value in middle)
            print(f"{f'{table}, {name}: {what}':<39}{numbers}")
    column[0].set(xscale="log", yscale="log", title=table)
    column[1].set(xlabel="learning rate η")
axes[0, 0].set_ylabel("training loss")
axes[1, 0].set_ylabel("test accuracy")
_ = axes[0, 0].legend()

# %%
# Points are medians, and bars range from the lowest to the highest of the five values. A fit that
# diverged has no loss, and the accuracy of a guess. If one of the five fits diverged, the median of
# the losses is nan.
#
# - On the original pixels, the best accuracy with BN is higher than the best with the affine layer.
#   Low learning rates reach a higher accuracy in the same ten epochs, and learning rates that are
#   ten times as high still work.
# - On standardized pixels, the best accuracies are almost equal, and at η = 0.1 and 0.32 the affine
#   layer has the lower training loss. For this network, ``StandardScaler`` has much of the effect
#   of BN. BN adds a wider range of learning rates.
# - At η = 10 neither network learns.
#
# On 13 real tables, with the defaults of skbn 0.1 (three layers of 192 units, AdamW, η = 0.006),
# the classification error without BN is 1.26 times that with BN. At η = 0.1, the error is 2.01
# times as large without BN, and 1.16 times with BN. If labels are noisy, BN has no effect, and on
# one table it increases the error (:doc:`/learning`).
#
# 5. The sign of γ
# ----------------
# For a = −1, the argument of section 2 gives −x̂ instead of x̂, which −γ compensates. For each
# unit, (w, γ) and (−w, −γ) are thus the same function, and the sign of γ alone has no meaning. In
# the next experiment a network is trained three times: from γ = 1, with random signs applied to
# both w and γ, and with these signs applied to γ only, which is another function from the start.

signs = np.random.default_rng(0).choice([-1.0, 1.0], (3, 32))
both = [factor for sign in signs for factor in (sign, sign, 1.0)] + [1.0, 1.0]
alone = [factor for sign in signs for factor in (1.0, sign, 1.0)] + [1.0, 1.0]
ends = {}
for name, start_signs in (("(w, 1)", [1.0] * 11), ("(±w, ±1)", both), ("(w, ±1)", alone)):
    start = [p * sign for p, sign in zip(plain, start_signs, strict=True)]
    *_, (params, _) = sgd(batch_norm, start, pixels, labels, 0.3, 30)
    score = accuracy(with_pairs(folding, batch_norm, params, pixels), pixels_test)
    ends[name] = [p * sign for p, sign in zip(params, start_signs, strict=True)]
    n_changed = np.sum(np.concatenate(ends[name][1:-2:3]) < 0.0)
    print(f"{name:>8}: accuracy {score:.3f}, {n_changed} of 96 γ changed sign in training")
difference = largest_difference(ends["(±w, ±1)"], ends["(w, 1)"])
print(f"(±w, ±1) with its signs removed differs from (w, 1) by {difference:g}")
assert difference == 0.0

figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for rate, fill in ((0.1, {"color": "lightgray"}), (0.006, {"histtype": "step", "color": "k"})):
    mlp = BatchNormMLPClassifier(learning_rate_init=rate, random_state=0, **without_pilots).fit(
        digits, labels
    )
    gamma = np.concatenate([norm.gamma_ for norm in mlp.batch_norms_])
    axes.hist(gamma, np.arange(-4.1, 4.2, 0.2), **fill, label=f"learning rate {rate:g}")
    score, n_negative = mlp.score(digits_test, labels_test), np.sum(gamma < 0.0)
    line = f"γ from {gamma.min():.2f} to {gamma.max():.2f}, {n_negative} of {gamma.size} below 0"
    print(f"skbn, learning rate {rate:g}: accuracy {score:.3f}, {line}")
axes.axvline(0.0, color="k", linestyle=":")
axes.set(yscale="log", xlabel="γ after training, from γ = 1", ylabel="units")
_ = axes.legend()

# %%
# In the NumPy network no γ changes its sign, and units with opposite signs learn bit-identical
# parameters. In skbn, no γ changes its sign at the default learning rate of 0.006, and some do at a
# learning rate that is 17 times as high. Signs thus mostly stay as they were initialized. This is
# no restriction: w and −w are equally likely as initial weights, so that γ = 1 for all units is
# equivalent to random signs.
#
# 6. One pair (γ, β) for all batches, and data that drift
# -------------------------------------------------------
# There is one pair (γ, β) for each feature, and not one for each batch. The pair can undo the
# normalization of all rows together, but not that of each batch. The remaining difference is noise:

std = np.sqrt(x.var(axis=0))
undo = BatchNormalizer(gamma=std, beta=x.mean(axis=0))
for size in (16, 64, 256, len(x)):
    parts = np.array_split(x, len(x) // size)
    rest = np.concatenate([(undo.normalize_batch(part) - part) / std for part in parts])
    print(f"batches of {size:>4}: {np.sqrt(np.mean(rest**2)):.0e} σ from x (root mean square)")

# %%
# A pair for each batch could undo this too, but would not be useful, because a row to predict does
# not belong to a batch. If the data drift, or come from another domain, μ and σ² no longer match
# them. New statistics can be computed without labels:
#
# - ``recalibrate(X)`` computes the statistics of the hidden layers of an MLP from new rows
#   (`AdaBN <https://arxiv.org/abs/1603.04779>`__);
# - ``BatchNormalizer(momentum=0.1)`` follows a stream, while ``momentum=None`` gives all rows equal
#   weight;
# - if this is not sufficient, each domain may have separate γ and β, which are learned from labels
#   (`Chang et al. 2019 <https://arxiv.org/abs/1906.03950>`__). In the example below they are known:
#   inverting the images turns x̂ of the first layer into −x̂, which −γ compensates.

mlp = BatchNormMLPClassifier(random_state=0, **without_pilots).fit(digits, labels)
negated = deepcopy(mlp)
negated.batch_norms_[0].gamma_ *= -1.0
models = {"as fitted": lambda _: mlp, "recalibrated": lambda rows: deepcopy(mlp).recalibrate(rows)}
models["recalibrated, −γ in layer 1"] = lambda rows: deepcopy(negated).recalibrate(rows)
print(f"{'test accuracy on digits':<28}  as trained  dim, x/4 + 8  inverted, 16 − x")
for name, model_for in models.items():
    scores = [
        model_for(change(digits)).score(change(digits_test), labels_test)
        for change in (lambda X: X, lambda X: X / 4 + 8, lambda X: 16 - X)
    ]
    print(f"{name:<28}  {scores[0]:10.3f}  {scores[1]:12.3f}  {scores[2]:16.3f}")

# %%
# Dim images only need new statistics, because the inputs of a unit are scaled and shifted as a
# whole. Inverted images also need the other pair (γ, β). With the wrong pair, the network is less
# accurate than a guess. The next experiment is a stream of batches that changes gradually from "as
# trained" to "dim":

scaler = BatchNormalizer().fit(digits)
mlp = BatchNormMLPClassifier(normalize_inputs=False, random_state=0, **without_pilots)
mlp.fit(scaler.transform(digits), labels)
streams = {f"momentum={m}": BatchNormalizer(momentum=m).fit(digits) for m in (0.1, None)}
scores, rng = {name: [] for name in (*streams, "as fitted")}, np.random.default_rng(0)
for share in np.linspace(0.0, 1.0, 60):
    rows = rng.integers(len(digits_test), size=64)
    batch = (1.0 - 0.75 * share) * digits_test[rows] + 8.0 * share
    scores["as fitted"].append(mlp.score(scaler.transform(batch), labels_test[rows]))
    for name, stream in streams.items():
        normalized = stream.partial_fit(batch).transform(batch)
        scores[name].append(mlp.score(normalized, labels_test[rows]))
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (name, values), style in zip(scores.items(), ("-", "--", ":"), strict=True):
    axes.plot(values, style, linewidth=1.8, label=name)
    print(f"stream, {name}: accuracy of the last ten batches {np.mean(values[-10:]):.3f}")
axes.set(xlabel="batch, from as trained to dim", ylabel="accuracy of the batch", ylim=(0, 1.05))
_ = axes.legend()

# %%
# 7. At inference, batch normalization is an affine layer
# -------------------------------------------------------
# After training, μ and σ² are constants, and the layer is equivalent to the affine layer:
#
# .. math::
#
#     y = \gamma^\prime x + \beta^\prime, \qquad
#     \gamma^\prime = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}, \qquad
#     \beta^\prime = \beta - \gamma^\prime \mu
#
# These are the values that ``fold`` returns. They can be combined with the dense layer before,
# whose weights become W·γ′ and whose biases become β′. In this way ``to_sklearn`` returns an
# ``MLPClassifier`` of scikit-learn. ``predict`` uses the same folded weights.

mlp = BatchNormMLPClassifier(dtype="float64", random_state=0, **without_pilots).fit(digits, labels)
norm = mlp.batch_norms_[0]
z = mlp.input_norm_.transform(digits) @ mlp.coefs_[0]
gamma_folded, beta_folded = norm.fold()
params = params_of(mlp, [norm.fold() for norm in mlp.batch_norms_])
log_p = forward(affine, params, mlp.input_norm_.transform(digits_test))[2]
stock, expected = mlp.to_sklearn(), mlp.predict_proba(digits_test)
for name, error in {
    "transform, and γ′x + β′": norm.transform(z) - (gamma_folded * z + beta_folded),
    "transform, and the StandardScaler": norm.transform(z) - norm.to_sklearn().transform(z),
    "predict_proba, and the affine network above": expected - np.exp(log_p),
    "predict_proba, and the MLPClassifier": expected - stock.predict_proba(digits_test),
}.items():
    print(f"{name}: differ by {np.abs(error).max():.0e}")
    assert np.abs(error).max() < 1e-10

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
in_training = BatchNormalizer(gamma=norm.gamma_, beta=norm.beta_, epsilon=norm.epsilon)
for batch in np.array_split(z, len(z) // 64):
    axes.plot(batch[:, 0], in_training.normalize_batch(batch)[:, 0], color="0.6", linewidth=0.8)
limits = np.array([z[:, 0].min(), z[:, 0].max()])
axes.plot(limits, gamma_folded[0] * limits + beta_folded[0], "k--", linewidth=2.5)
axes.legend(axes.lines[-2:], ["in training, a line for each batch", "at inference, γ′x + β′"])
_ = axes.set(xlabel="x, input of the first hidden unit", ylabel="y, its batch normalization")

# %%
# In training, each batch has a separate line, which depends on one pair (γ, β) and the statistics
# of the batch, and the gradient passes through these statistics. At inference there is one line.
#
# What is known, and what is not
# ------------------------------
# The algebra is known, up to ε: the functions are the same, the size of W has no effect, the
# gradient is orthogonal to W and proportional to 1/a, and the layer is affine at inference. Why
# batch normalization trains well is an open question:
#
# - The paper says that BN reduces *internal covariate shift*.
#   `Santurkar et al. 2018 <https://arxiv.org/abs/1805.11604>`__ dispute this: they add noise after
#   BN that restores such a shift, and it hardly affects training. They find that BN makes the loss
#   smoother. Section 1 shows one slice of one loss, which is consistent with this, but does not
#   prove it.
# - `Bjorck et al. 2018 <https://arxiv.org/abs/1806.02375>`__ find that BN mainly makes higher
#   learning rates possible. Section 4 agrees, but on standardized inputs higher learning rates do
#   not improve the accuracy.
# - The effective learning rate of section 3 explains how steps become smaller, but not why the
#   result is good.
# - The noise of section 6 is said to have a regularizing effect. This page does not measure it.
# - BN also has disadvantages. In deep networks without skip connections, gradients explode at
#   initialization (`Yang et al. 2019 <https://arxiv.org/abs/1902.08129>`__). Residual networks can
#   be trained without BN if they are initialized carefully
#   (`Fixup <https://arxiv.org/abs/1901.09321>`__).
# - All experiments use one small table, three small layers and plain SGD. On other data, include
#   ``batch_norm`` in a parameter search.
