"""
Recalibration on shifted data
=============================

``recalibrate(X)`` sets the statistics of the hidden layers to those of other rows, without labels
and without touching a weight: adaptive batch normalization (Li et al.,
`arXiv:1603.04779 <https://arxiv.org/abs/1603.04779>`_). How much it brings back depends on the
shift, and it takes rows whose classes are mixed as in training.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skbn import BatchNormalizer, BatchNormMLPClassifier

# %%
# One half of the digits trains the model. Of the other half some rows, without their labels, are
# there to adapt to, and the rest to test. Inputs are normalized by a step of its own, so that its
# statistics can be exchanged too.

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
X_adapt, X_test, y_adapt, y_test = train_test_split(
    X_new, y_new, test_size=0.6, stratify=y_new, random_state=0
)
inputs = BatchNormalizer().fit(X)
fixed = {"max_iter": "scaled", "numeric_encoding": None}  # bins would be those of the first scanner
model = BatchNormMLPClassifier(normalize_inputs=False, **fixed, random_state=0)
model.fit(inputs.transform(X), y)
print(f"accuracy where nothing is shifted: {model.score(inputs.transform(X_test), y_test):.3f}")

# %%
# The second scanner has a brighter background, saturates, or is out of focus. Pixels are 0 to 16.


def blurred(X, width):
    return gaussian_filter(X.reshape(-1, 8, 8), (0, width, width)).reshape(X.shape)


SHIFTS = {
    "background added (of 16)": (lambda X, level: X + level, np.linspace(0, 4, 9)),
    "saturation level (of 16)": (np.minimum, np.linspace(16, 1, 9)),
    "blur (pixels)": (blurred, np.linspace(0, 1.2, 9)),
}


def accuracies(X_adapt, X_test):
    """Accuracy on the rows to test, by what was adapted."""
    new_inputs = BatchNormalizer().fit(X_adapt)
    new_layers = deepcopy(model).recalibrate(inputs.transform(X_adapt))
    both = deepcopy(model).recalibrate(new_inputs.transform(X_adapt))
    return {
        "as trained": model.score(inputs.transform(X_test), y_test),
        "recalibrated": new_layers.score(inputs.transform(X_test), y_test),
        "new input statistics": model.score(new_inputs.transform(X_test), y_test),
        "both": both.score(new_inputs.transform(X_test), y_test),
    }


results = {
    name: [accuracies(shift(X_adapt, by), shift(X_test, by)) for by in steps]
    for name, (shift, steps) in SHIFTS.items()
}
for name, scores in results.items():
    print(f"{name:>24} at its worst:", ", ".join(f"{k} {v:.3f}" for k, v in scores[-1].items()))

# %%
# What the rows are matters: adapted to zeros, ones and twos alone, without any shift, the model is
# worse than before.

few = deepcopy(model).recalibrate(inputs.transform(X_adapt[y_adapt < 3]))
print(f"recalibrated on three classes: {few.score(inputs.transform(X_test), y_test):.3f}")

# %%
# A constant that is added to the inputs is a constant in each hidden unit, and recalibration takes
# it out exactly. Of saturation it takes out most. A blur lights pixels at the border that were
# almost always 0 in training, so that the old statistics of the inputs blow them up until they
# drown the others. New statistics of the inputs put that right; without labels, the two together
# are as good as anything here.

figure, panels = plt.subplots(1, 3, figsize=(9, 4), sharey=True, layout="constrained")
STYLES = dict(zip(results["blur (pixels)"][0], ("k:", "s-", "^--", "o-."), strict=True))
for axes, (name, scores) in zip(panels, results.items(), strict=True):
    steps = SHIFTS[name][1]
    for label, style in STYLES.items():
        axes.plot(steps, [score[label] for score in scores], style, label=label, markersize=5)
    axes.set(xlabel=name, ylim=(0, 1.02))
panels[1].invert_xaxis()
panels[0].set_ylabel("accuracy on test rows")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()
