"""
Merging the statistics of workers
=================================

Each worker fits a ``BatchNormalizer`` to a part of the rows. ``first.merge(*others)`` returns the
statistics of all rows, exact except for rounding in float64, as if one worker had read all of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed

from skbn import BatchNormalizer

# %%
# The table has 20,000 rows. The mean of its features changes with the rows, so that the workers
# have different values. The parts have different sizes.

rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 5)) + 1e6 + np.linspace(0, 3, 20_000)[:, None]
exact = X.var(axis=0, dtype=np.longdouble)


def parts(n):
    """X in n parts of different sizes."""
    cuts = np.sort(np.random.default_rng(n).choice(np.arange(1, len(X)), n - 1, replace=False))
    return np.split(X, cuts)


def relative_error(var):
    return float(np.abs(var / exact - 1).max())


# %%
# Two processes of joblib process four parts. A fitted normalizer has only a few small arrays, so
# that little data is transferred.

workers = Parallel(n_jobs=2)(delayed(BatchNormalizer().fit)(part) for part in parts(4))
merged = workers[0].merge(*workers[1:])
print(f"rows of the workers: {[int(worker.n_samples_seen_) for worker in workers]}")
print(f"rows merged: {merged.n_samples_seen_}")
print(f"relative error of var_: {relative_error(merged.var_):.0e}")

# %%
# The merged normalizer can transform, be updated with more rows, and be merged again.

merged.partial_fit(X[:5000])
print(f"rows after another batch: {merged.n_samples_seen_}")
late = BatchNormalizer().fit(X[:1000])
print(f"rows after another worker: {merged.merge(late).n_samples_seen_}")

# %%
# Two simpler methods are not exact. The average of the variances of the parts does not include the
# variance between the parts. Adding the sums of x and x² and computing E[x²] − E[x]² loses digits
# by cancellation: here the mean is about a million times the standard deviation.

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
