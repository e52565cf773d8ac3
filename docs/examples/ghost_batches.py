"""
Ghost batches
=============

With ``virtual_batch_size``, parts of a batch, called ghost batches, are normalized separately
(Hoffer et al., `arXiv:1705.08741 <https://arxiv.org/abs/1705.08741>`_). The statistics of large
batches then have the noise of small ones. This noise has a regularizing effect, which helps a
network that overfits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPClassifier

# %%
# The table has noisy labels. There are 2,048 training rows, which are two batches of 1,024.

X, y = make_classification(
    6000,
    20,
    n_informative=10,
    n_redundant=5,
    n_classes=4,
    n_clusters_per_class=3,
    flip_y=0.1,
    random_state=0,
)


# Without pilots, all models have the same number of epochs and the same inputs.
FIXED = {"max_iter": "scaled", "numeric_encoding": None}


def accuracies(**params):
    """Accuracy on training and test rows, the means of two splits."""
    scores = []
    for seed in range(2):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=2048, random_state=seed
        )
        model = BatchNormMLPClassifier((64, 64), random_state=seed, **(FIXED | params))
        model.fit(X_train, y_train)
        scores.append([model.score(X_train, y_train), model.score(X_test, y_test)])
    return np.mean(scores, axis=0)


# %%
# The networks are trained without any other regularization, and with the defaults, which are a
# dropout of 0.1 and weight decay. Small batches take more steps in an epoch, and therefore have
# fewer epochs.

GHOSTS = (8, 16, 32, 64, 128, 256, 1024)
SETTINGS = {
    "no other regularization": {"dropout": 0, "weight_decay": 0},
    "defaults": {},
}
results, small = {}, {}
for name, params in SETTINGS.items():
    results[name] = np.array(
        [
            accuracies(batch_size=1024, virtual_batch_size=rows, max_iter=150, **params)
            for rows in GHOSTS
        ]
    )
    small[name] = accuracies(batch_size=64, max_iter=30, **params)
    print(f"{name}, accuracy on training and test rows:")
    for rows, (train, test) in zip(GHOSTS, results[name], strict=True):
        print(f"   batches of 1024, ghost batches of {rows:>4}: {train:.3f} {test:.3f}")
    print(f"   batches of   64, none:                  {small[name][0]:.3f} {small[name][1]:.3f}")

# %%
# A ghost batch of 1,024 rows is the whole batch. With smaller ghost batches, the network overfits
# less. With dropout and weight decay the improvement is smaller than without. On real tables, with
# batches of the default size, ghost batches of 64 rows gave no improvement (:doc:`/learning`).

figure, panels = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
for axes, name in zip(panels, SETTINGS, strict=True):
    train, test = results[name].T
    axes.semilogx(GHOSTS, train, "s--", base=2, label="training rows")
    axes.semilogx(GHOSTS, test, "o-", base=2, label="test rows")
    axes.axhline(small[name][1], color="k", linestyle=":", label="test rows, batches of 64")
    axes.set(title=name, xlabel="virtual_batch_size (rows)")
    axes.set_xticks(GHOSTS, [str(rows) for rows in GHOSTS])
panels[0].set_ylabel("accuracy, mean of two splits")
panels[0].legend()
plt.show()
