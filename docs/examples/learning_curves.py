"""
Learning curves and callbacks
=============================

This example plots the training loss and the validation loss after every epoch. The training loss is
recorded by a callback of scikit-learn (``sklearn.callback``), and the validation loss by
``fit(X, y, X_val=..., y_val=...)``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ScoringMonitor
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPClassifier

# %%
# A tenth of the labels are drawn at random.

X, y = make_classification(
    3000, 20, n_informative=10, n_classes=3, n_clusters_per_class=3, flip_y=0.1, random_state=0
)
X, X_val, y, y_val = train_test_split(X, y, random_state=0)

# %%
# The number of epochs and the encoding are set, so that no pilots run. They would choose fewer
# epochs on this table (:ref:`sphx_glr_gallery_pilots.py`).
#
# ``ScoringMonitor`` scores the training rows after every epoch, with one or several scorers. The
# model records the losses and scores of ``X_val`` in ``validation_loss_curve_`` and
# ``validation_scores_``. A progress bar is another callback, which needs the package ``rich``:
#
# .. code-block:: python
#
#     from sklearn.callback import ProgressBar
#
#     model.set_callbacks(ProgressBar(), ScoringMonitor(scoring="neg_log_loss"))

SETTINGS = {
    "no regularization": {"dropout": 0, "weight_decay": 0},
    "defaults": {},
    "dropout=0.3": {"dropout": 0.3},
}
curves = {}
for name, params in SETTINGS.items():
    monitor = ScoringMonitor(scoring="neg_log_loss")
    model = BatchNormMLPClassifier(max_iter=40, numeric_encoding=None, random_state=0, **params)
    model.set_callbacks(monitor).fit(X, y, X_val=X_val, y_val=y_val)
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    losses = model.validation_loss_curve_
    curves[name] = [-row["neg_log_loss"] for row in epochs], losses
    print(f"{name}: validation loss {min(losses):.3f} in epoch {1 + np.argmin(losses)}, ", end="")
    print(f"{losses[-1]:.3f} in the last; accuracy {model.validation_scores_[-1]:.3f}")

# %%
# Where the two curves of a model diverge, the model overfits the training rows, including their
# noise. The validation loss then rises, because wrong predictions become more confident. More
# dropout reduces this here: the loss is lower, but the accuracy is not higher.

figure, panels = plt.subplots(1, 3, figsize=(9, 4), sharey=True, layout="constrained")
for axes, (name, (train, validation)) in zip(panels, curves.items(), strict=True):
    epoch = np.arange(1, len(train) + 1)
    axes.plot(epoch, train, "--", label="training rows")
    axes.plot(epoch, validation, "-", label="validation rows")
    best = np.argmin(validation)
    axes.plot(epoch[best], validation[best], "ko", label="lowest validation loss")
    axes.set(title=name, xlabel="epoch", ylim=(0, None))
panels[0].set_ylabel("log-loss (nats per row)")
panels[0].legend()
plt.show()
