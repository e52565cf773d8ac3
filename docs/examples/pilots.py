"""
Pilots: choosing the number of epochs and the encoding
======================================================

With ``max_iter="auto"`` and ``numeric_encoding="auto"``, the defaults, ``fit`` runs pilots. These
are short fits on a part of the rows, whose loss on the other rows determines both settings.
``pilots_`` records them.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPRegressor

# %%
# There are a noisy table and a clean one. The targets of ``load_diabetes`` (442 rows) depend on
# much that is not in the columns. Those of ``make_friedman1`` without noise are a function of the
# columns.

TABLES = {
    "noisy: load_diabetes": load_diabetes(return_X_y=True),
    "clean: make_friedman1": make_friedman1(1500, noise=0.0, random_state=0),
}
SPLITS = {name: train_test_split(*table, random_state=0) for name, table in TABLES.items()}

# %%
# The settings and the validation loss of each pilot are in ``pilots_``, and the choice is in
# ``max_iter_`` and ``numeric_encoding_``. ``verbose=True`` prints the same while ``fit`` runs.

models = {}
for name, (X, _, y, _) in SPLITS.items():
    models[name] = model = BatchNormMLPRegressor(random_state=0).fit(X, y)
    print(name)
    for pilot in model.pilots_:
        print("  {max_iter} epochs, encoding {numeric_encoding}: loss {loss:.4f}".format(**pilot))
    print(f"  chosen: {model.max_iter_} epochs, encoding {model.numeric_encoding_}")

# %%
# To check the choice, the models are fitted with several numbers of epochs, with and without the
# encoding, and evaluated on the test rows. These fits run no pilots, because both settings are
# given.

LENGTHS = 5, 10, 20, 30, 50
STYLES = {None: ("tab:blue", "not encoded"), "piecewise": ("tab:orange", "encoded")}


def test_losses(X, X_test, y, y_test, encoding):
    losses = []
    for length in LENGTHS:
        model = BatchNormMLPRegressor(max_iter=length, numeric_encoding=encoding, random_state=0)
        model.fit(X, y, X_val=X_test, y_val=y_test)
        losses.append(model.validation_loss_curve_[-1])
    return losses


losses = {
    name: {encoding: test_losses(*split, encoding) for encoding in STYLES}
    for name, split in SPLITS.items()
}

# %%
# Each point is a pilot. The lines are the possible fits, and the cross is the chosen one. On the
# noisy table, the loss rises with the number of epochs, and the pilots choose a short fit. On the
# clean table it falls, and they choose a long fit. Pilots are trained on fewer rows than the fits
# and evaluated on other rows, so their losses differ from the lines.

figure, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for axes, (name, model) in zip(panels, models.items(), strict=True):
    for encoding, (color, label) in STYLES.items():
        axes.plot(LENGTHS, losses[name][encoding], "-", color=color, label=f"fits, {label}")
        pilots = [pilot for pilot in model.pilots_ if pilot["numeric_encoding"] == encoding]
        epochs, loss = ([pilot[key] for pilot in pilots] for key in ("max_iter", "loss"))
        axes.plot(epochs, loss, "o", color=color, label=f"pilots, {label}")
    chosen = losses[name][model.numeric_encoding_][LENGTHS.index(model.max_iter_)]
    axes.plot(model.max_iter_, chosen, "kx", markersize=11, markeredgewidth=2, label="chosen")
    axes.set(title=name, xlabel="epochs", ylim=(0, None))
panels[0].set_ylabel("validation loss (0.5: predicting the mean)")
panels[1].legend()
plt.show()
