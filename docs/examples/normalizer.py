"""
BatchNormalizer compared with StandardScaler
============================================

This example uses :class:`skbn.BatchNormalizer` instead of ``StandardScaler`` on a stream and in a
Pipeline, and compares the time on a large table and the precision on values far from zero.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer

X, y = load_breast_cancer(return_X_y=True)

# %%
# A stream
# --------
# The statistics do not depend on the split of the rows into batches.

normalizer = BatchNormalizer()
for start in range(0, len(X), 64):
    normalizer.partial_fit(X[start : start + 64])
difference = np.abs(normalizer.transform(X) - StandardScaler().fit_transform(X)).max()
print(f"{normalizer.n_samples_seen_} rows of {normalizer.n_features_in_} features seen")
print(f"largest difference from StandardScaler fitted on all rows: {difference:.1e}")

# %%
# A Pipeline
# ----------

for scaler in (StandardScaler(), BatchNormalizer()):
    scores = cross_val_score(make_pipeline(scaler, LogisticRegression()), X, y)
    print(f"{type(scaler).__name__:>15} + LogisticRegression: accuracy {scores.mean():.4f}")

# %%
# Time
# ----
# The table has 1,000,000 rows of 20 float32 features. The times are those of the machine that runs
# this example. :doc:`/benchmarks` has more careful measurements, and compares other libraries.

table = np.random.default_rng(0).normal(size=(1_000_000, 20)).astype(np.float32)
BatchNormalizer().fit(table[:1000]).transform(table[:1000])  # compiles
for method in ("fit", "transform"):
    seconds = {}
    for scaler in (StandardScaler(), BatchNormalizer()):
        scaler.fit(table)
        runs = []
        for _ in range(5):
            start = perf_counter()
            getattr(scaler, method)(table)
            runs.append(perf_counter() - start)
        seconds[type(scaler).__name__] = np.median(runs)
    ratio = seconds["StandardScaler"] / seconds["BatchNormalizer"]
    times = ", ".join(f"{name} {1e3 * s:.1f} ms" for name, s in seconds.items())
    print(f"{method:>9}: {times}: {ratio:.0f} times as fast")

# %%
# Precision with large offsets
# ----------------------------
# Timestamps, coordinates and counters have a mean that is much larger than their standard
# deviation. Here the standard deviation is 1, the rows arrive one at a time, and the variance is
# compared with that of the same numbers in extended precision.

OFFSETS = (1e0, 1e3, 1e6, 1e9, 1e12)
noise = np.random.default_rng(0).normal(size=(1000, 1))
errors = {"StandardScaler": [], "BatchNormalizer": []}
for offset in OFFSETS:
    column = noise + offset
    exact = column.var(dtype=np.longdouble)
    for scaler in (StandardScaler(), BatchNormalizer()):
        for row in column:
            scaler.partial_fit(row[None])
        errors[type(scaler).__name__].append(float(abs(scaler.var_[0] / exact - 1)))
print("offset          " + "".join(f"{offset:>9.0e}" for offset in OFFSETS))
for name, values in errors.items():
    print(f"{name:<16}" + "".join(f"{error:>9.0e}" for error in values))

# %%
# At small offsets both have the precision of float64. From an offset of some thousands on,
# StandardScaler loses digits. BatchNormalizer does not, because it sums deviations from a reference
# near the mean.

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, values), style in zip(errors.items(), ("s--", "o-"), strict=True):
    # An error of exactly 0 has no place on a logarithmic axis.
    axes.loglog(OFFSETS, np.maximum(values, 1e-17), style, label=name)
axes.axhline(np.finfo(float).eps, color="gray", linestyle=":", label="float64 epsilon")
axes.set(
    xlabel="offset of the column, in standard deviations",
    ylabel="relative error of var_ (floor 1e-17)",
)
axes.legend()
plt.show()
