"""
Merging the statistics of workers
=================================

Each worker learns the statistics of the rows that it has; ``first.merge(*others)`` gives those of
all rows, exact but for the rounding of float64, as if one worker had read them all.
"""

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed

from skbn import BatchNormalizer

# %%
# The table has 20,000 rows, and the mean of its features moves with the rows, so that every
# worker sees other values. The parts have unequal sizes.

rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 5)) + 1e6 + np.linspace(0, 3, 20_000)[:, None]
exact = X.var(axis=0, dtype=np.longdouble)


def parts(n):
    """X in n parts of unequal sizes."""
    cuts = np.sort(np.random.default_rng(n).choice(np.arange(1, len(X)), n - 1, replace=False))
    return np.split(X, cuts)


def relative_error(var):
    return float(np.abs(var / exact - 1).max())


# %%
# Two processes of joblib, four parts. What is learned is a few arrays, so that little travels.

workers = Parallel(n_jobs=2)(delayed(BatchNormalizer().fit)(part) for part in parts(4))
merged = workers[0].merge(*workers[1:])
print(f"rows of the workers: {[int(worker.n_samples_seen_) for worker in workers]}")
print(f"rows merged: {merged.n_samples_seen_}")
print(f"relative error of var_: {relative_error(merged.var_):.0e}")

# %%
# The merged normalizer goes on learning, transforms, and can be merged again.

merged.partial_fit(X[:5000])
print(f"rows after another batch: {merged.n_samples_seen_}")
late = BatchNormalizer().fit(X[:1000])
print(f"rows after another worker: {merged.merge(late).n_samples_seen_}")

# %%
# Two things that are done instead lose something. The average of the variances of the parts leaves
# out how far the parts are from each other. The sums of x and x² are cheap to add up, and
# E[x²] − E[x]² cancels: here the mean is some million times the standard deviation.

N_PARTS = (1, 2, 4, 8, 16, 32, 64, 128)
errors = {"merge": [], "average of var_": [], "E[x²] − E[x]²": []}
for n in N_PARTS:
    first, *others = fitted = [BatchNormalizer().fit(part) for part in parts(n)]
    weights = [normalizer.n_samples_seen_ for normalizer in fitted]
    average = np.average([normalizer.var_ for normalizer in fitted], axis=0, weights=weights)
    sums = np.sum([(part.sum(axis=0), (part**2).sum(axis=0)) for part in parts(n)], axis=0)
    mean, mean_of_squares = sums / len(X)
    errors["merge"].append(relative_error(first.merge(*others).var_))
    errors["average of var_"].append(relative_error(average))
    errors["E[x²] − E[x]²"].append(relative_error(mean_of_squares - mean**2))
for name, values in errors.items():
    print(f"{name:>16}: largest relative error of the variance {max(values):.0e}")

# %%

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, values), style in zip(errors.items(), ("o-", "s--", "^:"), strict=True):
    axes.loglog(N_PARTS, np.maximum(values, 1e-17), style, label=name)
axes.axhline(np.finfo(float).eps, color="gray", linestyle="-.", label="float64 epsilon")
axes.set_xscale("log", base=2)
axes.set_xticks(N_PARTS, N_PARTS)
axes.set(xlabel="parts", ylabel="relative error of the variance (floor 1e-17)")
axes.legend(loc="center right")
plt.show()
