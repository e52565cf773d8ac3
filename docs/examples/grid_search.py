"""
Grid search over batch normalization and dropout
================================================

This example searches over ``batch_norm`` and ``dropout`` with scikit-learn's ``GridSearchCV``. On
many tables batch normalization lowers the error, on noisy ones it has no effect, and on a few it
increases the error (:doc:`/learning`).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skbn import BatchNormMLPClassifier

X, y = make_classification(
    2000,
    20,
    n_informative=12,
    n_classes=5,
    n_clusters_per_class=2,
    flip_y=0.05,
    random_state=0,
)

# %%
# The grid has two times five candidates, which are fitted on five folds. With the final fit of the
# best candidate on all rows, these are 51 fits.

GRID = {"batch_norm": [True, False], "dropout": [0.0, 0.1, 0.2, 0.4, 0.6]}
fixed = {"max_iter": 25, "numeric_encoding": None}  # otherwise pilots run in each fit
model = BatchNormMLPClassifier((64, 64), **fixed, random_state=0)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
search = GridSearchCV(model, GRID, cv=folds).fit(X, y)
print("best:", search.best_params_)

# %%
# Candidates whose scores differ by less than their standard errors cannot be distinguished by these
# folds.

shape = [len(values) for values in GRID.values()]
mean = search.cv_results_["mean_test_score"].reshape(shape)
error = search.cv_results_["std_test_score"].reshape(shape) / np.sqrt(folds.get_n_splits() - 1)
for batch_norm, scores in zip(GRID["batch_norm"], mean, strict=True):
    best = scores.argmax()
    print(f"batch_norm={batch_norm}: {scores[best]:.3f} at dropout={GRID['dropout'][best]}")

# %%

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
image = axes.imshow(mean, cmap="gray", aspect="auto")
for (row, column), score in np.ndenumerate(mean):
    axes.text(
        column,
        row,
        f"{score:.3f}\n± {error[row, column]:.3f}",
        ha="center",
        va="center",
        color="black" if score > (mean.min() + mean.max()) / 2 else "white",
    )
axes.set_xticks(range(shape[1]), GRID["dropout"])
axes.set_yticks(range(shape[0]), GRID["batch_norm"])
axes.set(xlabel="dropout", ylabel="batch_norm")
figure.colorbar(image, label="accuracy, mean of five folds")
plt.show()
