"""
Recalibration on shifted data
=============================

``recalibrate(X)`` sets the statistics of the hidden layers to those of other rows, without labels
and without changing a weight. This is adaptive batch normalization (Li et al.,
`arXiv:1603.04779 <https://arxiv.org/abs/1603.04779>`_). How much accuracy it restores depends on
the shift. The rows need the class frequencies of the training rows.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skbn import BatchNormalizer, BatchNormMLPClassifier

# %%
# The model is trained on one half of the digits. Some rows of the other half, without their labels,
# are used for adaptation, and the rest are test rows. Inputs are normalized in a separate step, so
# that its statistics can be replaced too.

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
X_adapt, X_test, y_adapt, y_test = train_test_split(
    X_new, y_new, test_size=0.6, stratify=y_new, random_state=0
)
inputs = BatchNormalizer().fit(X)
model = BatchNormMLPClassifier(
    normalize_inputs=False, numeric_encoding=None, clip_inputs=False, random_state=0
)
model.fit(inputs.transform(X), y)
print(f"accuracy without a shift: {model.score(inputs.transform(X_test), y_test):.3f}")

# %%
# Three shifts are simulated: a second scanner has a brighter background, saturates, or is out of
# focus. Pixel values range from 0 to 16.


def blurred(X, width):
    return gaussian_filter(X.reshape(-1, 8, 8), (0, width, width)).reshape(X.shape)


SHIFTS = {
    "background added (of 16)": (lambda X, level: X + level, np.linspace(0, 4, 9)),
    "saturation level (of 16)": (np.minimum, np.linspace(16, 1, 9)),
    "blur (pixels)": (blurred, np.linspace(0, 1.2, 9)),
}


def accuracies(X_adapt, X_test):
    """Accuracy on the test rows for each adaptation."""
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
    print(f"{name:>24}, largest shift:", ", ".join(f"{k} {v:.3f}" for k, v in scores[-1].items()))

# %%
# The class frequencies of the rows matter. If the model is recalibrated on zeros, ones and twos
# only, its accuracy decreases, even without a shift.

few = deepcopy(model).recalibrate(inputs.transform(X_adapt[y_adapt < 3]))
print(f"recalibrated on three classes: {few.score(inputs.transform(X_test), y_test):.3f}")

# %%
# A constant that is added to the inputs adds a constant to each hidden unit, and recalibration
# removes it exactly. It removes most of the effect of saturation. A blur brightens pixels at the
# border, which were almost always 0 in training, so that the old statistics of the inputs amplify
# them much more than the other pixels. New statistics of the inputs correct this. Replacing both
# statistics gives the best accuracy here, or is close to it.

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
