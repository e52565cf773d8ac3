"""
Quickstart: an MLP with batch normalization in a Pipeline
=========================================================

:class:`skbn.BatchNormMLPClassifier` beside scikit-learn's ``MLPClassifier``, on tables that
scikit-learn bundles: cross-validated, trained on a stream, and turned into a stock scikit-learn
model. The learning curves are drawn at the end, where matplotlib is installed.
"""

import warnings
from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormMLPClassifier

# scikit-learn's MLP says that 200 epochs were not enough for it.
warnings.simplefilter("ignore", ConvergenceWarning)
MODELS = {
    "scikit-learn": make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
    "skbn": make_pipeline(StandardScaler(), BatchNormMLPClassifier(random_state=0)),
}

# %%
# Change an import
# ----------------
# Both models have their defaults. On these small tables they are within a point of each other;
# :doc:`/learning` compares them on 64 others. The first fit of a new installation compiles,
# which is why a fit of one epoch comes first.

print("1. Change an import: 5-fold accuracy and seconds of all fits, defaults on both sides")
started = perf_counter()
BatchNormMLPClassifier(max_iter=1).fit(*load_wine(return_X_y=True))
print(f"   (compiled or loaded from cache in {perf_counter() - started:.1f} s)")
for load in (load_digits, load_breast_cancer, load_wine):
    X, y = load(return_X_y=True)
    for name, model in MODELS.items():
        result = cross_validate(model, X, y)
        accuracy, seconds = result["test_score"].mean(), result["fit_time"].sum()
        print(f"   {load.__name__:>20} {name:>13}: accuracy {accuracy:.4f}, {seconds:.2f} s")

# %%
# Rows of your own to validate on
# -------------------------------
# ``X_val`` and ``y_val`` are scored after every epoch and stop nothing.

print("2. Learning curves, on rows that are validated and not trained on")
X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X, y, random_state=0)
curves = {}
for batch_norm in (True, False):
    fixed = {"max_iter": 30, "numeric_encoding": None}  # no pilots
    model = BatchNormMLPClassifier(batch_norm=batch_norm, **fixed, random_state=0)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    curves[f"batch_norm={batch_norm}"] = model.validation_scores_
    n_epochs = sum(score < 0.95 for score in model.validation_scores_)
    print(f"   batch_norm={batch_norm!s:>5}: {n_epochs} of 30 epochs below an accuracy of 0.95")

# %%
# A stream
# --------
# The model is usable after the first call of ``partial_fit``.

print("3. Learn from a stream, 100 rows at a time")
model = BatchNormMLPClassifier(random_state=0)
for _ in range(5):
    for rows in np.array_split(np.arange(len(y)), len(y) // 100):
        model.partial_fit(X[rows], y[rows], classes=np.unique(y))
print(f"   accuracy on other rows: {model.score(X_val, y_val):.4f}")

# %%
# Serve without skbn
# ------------------

print("4. Serve without skbn: γ, β and the statistics folded into scikit-learn's own MLP")
stock = model.to_sklearn()
difference = np.abs(stock.predict_proba(X_val) - model.predict_proba(X_val)).max()
print(f"   {type(stock).__name__}: largest difference of a probability {difference:.0e}")

# %%
# A picture
# ---------
# Digits are easy: the network with batch normalization is ahead after one epoch, and from then on
# there is little between the two. On other tables it is worth more, or nothing: see
# :ref:`sphx_glr_gallery_grid_search.py` and :doc:`/learning`.

print("5. A picture: the learning curves of 2")
try:
    import matplotlib.pyplot as plt
except ImportError:
    print("   (no picture: matplotlib is not installed)")
else:
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for (label, scores), style in zip(curves.items(), ("-", "--"), strict=True):
        axes.plot(range(1, len(scores) + 1), scores, style, label=label)
    axes.set(xlabel="epoch", ylabel="accuracy on validation rows", title="load_digits")
    axes.legend()
    figure.savefig("learning_curve.png", dpi=150)
    print("   drawn in learning_curve.png")
