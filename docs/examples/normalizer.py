"""Normalize a stream of batches, and compare with StandardScaler.

The stream is scikit-learn's breast cancer table, in batches of 64 rows.
"""

from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer

X, y = load_breast_cancer(return_X_y=True)

print("1. Running statistics over a stream are those of the whole table")
normalizer = BatchNormalizer()
for start in range(0, len(X), 64):
    normalizer.partial_fit(X[start : start + 64])
difference = np.abs(normalizer.transform(X) - StandardScaler().fit_transform(X)).max()
print(f"   {normalizer.n_samples_seen_} rows of {normalizer.n_features_in_} features seen")
print(f"   largest difference from StandardScaler fitted on all rows: {difference:.1e}")

print("2. A step of a Pipeline")
for scaler in (StandardScaler(), BatchNormalizer()):
    scores = cross_val_score(make_pipeline(scaler, LogisticRegression()), X, y)
    print(f"   {type(scaler).__name__:>15} + LogisticRegression: accuracy {scores.mean():.4f}")

print("3. Digits that survive a large offset, one row at a time")
column = np.random.default_rng(0).normal(size=(2000, 1)) + 1e9
for scaler in (StandardScaler(), BatchNormalizer()):
    for row in column:
        scaler.partial_fit(row[None])
    error = abs(scaler.var_[0] / column.var(dtype=np.longdouble) - 1)
    print(f"   {type(scaler).__name__:>15}: relative error of the variance {error:.0e}")

print("4. Time, 1,000,000 rows x 20 features, float32")
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
    print(f"   {method:>9}: {times}: {ratio:.0f} times as fast")
