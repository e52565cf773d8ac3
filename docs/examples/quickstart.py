"""
Quickstart: MLPs with batch normalization
=========================================

This example compares :class:`skbn.BatchNormMLPClassifier` and :class:`skbn.BatchNormMLPRegressor`
with scikit-learn's MLPs on data sets that scikit-learn bundles. It also trains on a stream, and
converts a model to scikit-learn. If matplotlib is installed, it draws the learning curves at the
end.
"""

import warnings
from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

# scikit-learn's MLPs warn that they have not converged after 200 epochs.
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# Cross-validation
# ----------------
# All models have their default parameters. The MLPs of skbn need no scaler. On small tables such as
# these, either library may have the better score. :doc:`/learning` compares them on 64 tables.

print("Compiling the kernels: about 10 s, only after an installation")
started = perf_counter()
BatchNormMLPClassifier(max_iter=1).fit(*load_wine(return_X_y=True))
print(f"   done in {perf_counter() - started:.1f} s")

print("1. Score and seconds of 5-fold cross-validation, default parameters")
MLPS = {
    load_digits: (MLPClassifier, BatchNormMLPClassifier, "accuracy"),
    load_breast_cancer: (MLPClassifier, BatchNormMLPClassifier, "accuracy"),
    load_diabetes: (MLPRegressor, BatchNormMLPRegressor, "R²"),
}
for load, (stock, ours, metric) in MLPS.items():
    X, y = load(return_X_y=True)
    models = {
        "scikit-learn": make_pipeline(StandardScaler(), stock(random_state=0)),
        "skbn": ours(random_state=0),
    }
    for name, model in models.items():
        result = cross_validate(model, X, y)
        score, seconds = result["test_score"].mean(), result["fit_time"].sum()
        print(f"   {load.__name__:>18} {name:>13}: {metric} {score:.3f}, {seconds:.1f} s")

print("   Small tables: most of skbn's time goes to pilots, which choose the number of epochs.")
print("   The targets of load_diabetes are not standardized, which scikit-learn's MLP needs.")

# %%
# Learning curves
# ---------------
# ``X_val`` and ``y_val`` are scored after every epoch, and do not stop training. scikit-learn's MLP
# is trained epoch by epoch on the same rows, with the same layers, and scored in the same way. All
# other parameters, such as learning rates and batch sizes, have their defaults.

print("2. Learning curves on validation rows, both with three layers of 192 units, mean of 3 seeds")
X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X, y, random_state=0)
scaler = StandardScaler().fit(X)
N_EPOCHS = 20


def curve_of_skbn(seed):
    model = BatchNormMLPClassifier(max_iter=N_EPOCHS, numeric_encoding=None, random_state=seed)
    return model.fit(X, y, X_val=X_val, y_val=y_val).validation_scores_


def curve_of_scikit_learn(seed):
    units = BatchNormMLPClassifier().hidden_layer_sizes
    model = MLPClassifier(units, max_iter=1, warm_start=True, random_state=seed)
    rows, rows_val = scaler.transform(X), scaler.transform(X_val)
    return [model.fit(rows, y).score(rows_val, y_val) for _ in range(N_EPOCHS)]


curves = {"skbn": curve_of_skbn, "scikit-learn": curve_of_scikit_learn}
curves = {name: np.array([curve(seed) for seed in range(3)]) for name, curve in curves.items()}
for name, scores in curves.items():
    mean = scores.mean(axis=0)
    print(f"   {name:>13}: {mean[0]:.3f} after 1 epoch, {mean[-1]:.3f} after {N_EPOCHS}")

# %%
# Learning from a stream
# ----------------------
# The model can predict after the first call of ``partial_fit``.

print("3. Learn from a stream, 100 rows at a time")
model = BatchNormMLPClassifier(random_state=0)
for _ in range(5):
    for part in np.array_split(np.arange(len(y)), len(y) // 100):
        model.partial_fit(X[part], y[part], classes=np.unique(y))
print(f"   accuracy on validation rows: {model.score(X_val, y_val):.3f}")

# %%
# Conversion to scikit-learn
# --------------------------
# γ, β and the statistics of batch normalization are folded into the weights of scikit-learn's MLP.

print("4. Serve without skbn: convert the model to a Pipeline of scikit-learn")
stock = model.to_sklearn()
difference = np.abs(stock.predict_proba(X_val) - model.predict_proba(X_val)).max()
print(f"   {type(stock).__name__}: largest difference of a probability {difference:.0e}")

# %%
# Figure
# ------
# With batch normalization and a higher learning rate, the accuracy is high after a few epochs.

print("5. Figure: the learning curves of step 2")
try:
    import matplotlib.pyplot as plt
except ImportError:
    print("   (no figure: matplotlib is not installed)")
else:
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    epochs = np.arange(1, N_EPOCHS + 1)
    for (label, scores), style in zip(curves.items(), ("-", "--"), strict=True):
        axes.plot(epochs, scores.mean(axis=0), style, label=label)
        axes.fill_between(epochs, scores.min(axis=0), scores.max(axis=0), alpha=0.2)
    axes.set(xlabel="epoch", ylabel="accuracy on validation rows", title="load_digits, 3 seeds")
    axes.legend(loc="lower right")
    figure.savefig("learning_curve.png", dpi=150)
    print("   drawn in learning_curve.png")

first, last = ([scores.mean(axis=0)[epoch] for scores in curves.values()] for epoch in (0, -1))
print(f"Summary: accuracy {first[0]:.3f} (skbn), {first[1]:.3f} (scikit-learn) after 1 epoch,")
print(f"{last[0]:.3f} and {last[1]:.3f} after {N_EPOCHS}. For 64 tables, see docs/learning.md.")
