"""
Scaling a stream that drifts
============================

Statistics of all rows are suitable for a stream whose distribution does not change. For a stream
that drifts, ``BatchNormalizer(momentum=0.1)`` gives recent batches more weight. 0.1 is the weight
of the newest batch.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer

# %%
# The stream has one feature, the values of a sensor, in batches of 32 rows with a standard
# deviation of 1. Its mean stays at 0, rises to 5, stays there, and drops to −2 at once.

N_BATCHES, N_ROWS = 400, 32
true_mean = np.interp(np.arange(N_BATCHES), [100, 200, 299, 300], [0, 5, 5, -2])
rng = np.random.default_rng(0)
batches = [rng.normal(mean, 1.0, size=(N_ROWS, 1)) for mean in true_mean]

# %%
# As in a service, each batch is first transformed by the statistics of the previous batches, and
# then used to update the statistics.

scalers = {
    "StandardScaler": StandardScaler(),
    "BatchNormalizer()": BatchNormalizer(),
    "BatchNormalizer(momentum=0.1)": BatchNormalizer(momentum=0.1),
}
tracked = {name: np.empty(N_BATCHES) for name in scalers}
served = {name: np.full(N_BATCHES, np.nan) for name in scalers}
for name, scaler in scalers.items():
    for i, batch in enumerate(batches):
        if i > 0:
            served[name][i] = scaler.transform(batch).mean()
        scaler.partial_fit(batch)
        tracked[name][i] = scaler.mean_[0]

# %%
# Without momentum, BatchNormalizer gives the results of StandardScaler. Momentum also has a
# disadvantage: while the stream is steady, an average over fewer rows has more noise.

PHASES = {"steady": slice(50, 100), "climbing": slice(100, 200), "after the drop": slice(350, 400)}
print(f"{'error of the mean (RMS)':<32}" + "".join(f"{phase:>16}" for phase in PHASES))
for name, mean in tracked.items():
    errors = [np.sqrt(np.mean((mean - true_mean)[rows] ** 2)) for rows in PHASES.values()]
    print(f"{name:<32}" + "".join(f"{error:>16.3f}" for error in errors))

# %%
# The lower panel of the figure shows the mean of the transformed batches, which should be 0:

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
STYLES = dict(zip(scalers, ((5, "-", 0.35), (1.5, "--", 1), (1.5, "-", 1)), strict=True))
for name, (width, line, alpha) in STYLES.items():
    style = {"linewidth": width, "linestyle": line, "alpha": alpha, "label": name}
    top.plot(tracked[name], **style)
    bottom.plot(served[name], **style)
top.plot(true_mean, "k:", label="true mean")
top.set(ylabel="mean_ (units of the sensor)")
bottom.axhline(0, color="k", linestyle=":")
bottom.set(xlabel="batch", ylabel="mean of the transformed batch\n(standard deviations)")
figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=2)
plt.show()
