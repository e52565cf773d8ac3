"""
Learning curves and callbacks
=============================

Losses of the rows that are trained on and of rows that are not, after every epoch, with
scikit-learn's own callbacks (``sklearn.callback``) and ``fit(X, y, X_val=..., y_val=...)``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ScoringMonitor
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPClassifier

# %%
# A noisy table: a tenth of the labels are drawn at random.

X, y = make_classification(
    3000, 20, n_informative=10, n_classes=3, n_clusters_per_class=3, flip_y=0.1, random_state=0
)
X, X_val, y, y_val = train_test_split(X, y, random_state=0)

# %%
# The number of epochs is given, and columns are not encoded, so that no pilots run: they would
# choose fewer epochs on this table. See :ref:`sphx_glr_gallery_pilots.py`.
#
# ``ScoringMonitor`` scores the training rows after every epoch, with any scorer or several;
# ``validation_loss_curve_`` and ``validation_scores_`` are the model's own record of ``X_val``. A
# progress bar is one callback more, and needs the package ``rich``:
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
# Where the two curves of a model part, it learns its training rows by heart, noise included. The
# loss of other rows then rises, for wrong predictions become confident. More dropout holds that
# back here: the loss is lower for it, the accuracy is not higher.

figure, panels = plt.subplots(1, 3, figsize=(9, 4), sharey=True, layout="constrained")
for axes, (name, (train, validation)) in zip(panels, curves.items(), strict=True):
    epoch = np.arange(1, len(train) + 1)
    axes.plot(epoch, train, "--", label="rows trained on")
    axes.plot(epoch, validation, "-", label="rows validated")
    best = np.argmin(validation)
    axes.plot(epoch[best], validation[best], "ko", label="least validation loss")
    axes.set(title=name, xlabel="epoch", ylim=(0, None))
panels[0].set_ylabel("log-loss (nats per row)")
panels[0].legend()
plt.show()
