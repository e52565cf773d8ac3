"""
Class weights on an imbalanced table
====================================

``class_weight="balanced"`` gives the rare class the same weight as the common one in the loss. More
rows are then predicted as positive, but the probabilities no longer match the frequencies of the
table, and in this example the rows are ranked less well. A lower decision threshold without weights
gives a better result.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPClassifier

# %%
# About 5 % of the rows are positive.

X, y = make_classification(
    24_000,
    n_informative=8,
    n_clusters_per_class=3,
    weights=[0.95],
    class_sep=0.7,
    random_state=0,
)
X, X_test, y, y_test = train_test_split(X, y, train_size=8000, stratify=y, random_state=0)
print(f"{y.sum()} of {len(y)} training rows are positive")

# %%
# "balanced" gives a positive row n₀/n₁ times the weight of a negative row, where n₀ and n₁ are the
# numbers of negative and positive rows. The predicted odds are too high by about this factor.
# Dividing them by n₀/n₁ corrects the probabilities approximately.


def probability_of_positives(class_weight):
    model = BatchNormMLPClassifier((64, 64), class_weight=class_weight, random_state=0)
    return model.fit(X, y).predict_proba(X_test)[:, 1].astype(float)


def with_odds_divided(p, ratio):
    return p / (p + (1 - p) * ratio)


predicted = {
    "no weights": probability_of_positives(None),
    '"balanced"': probability_of_positives("balanced"),
}
ratio = (y == 0).sum() / (y == 1).sum()
predicted['"balanced", odds divided'] = with_odds_divided(predicted['"balanced"'], ratio)

print(f"share of positives in the test rows: {y_test.mean():.3f}")
for name, p in predicted.items():
    print(f"{name}: mean of p {p.mean():.3f}, log-loss {metrics.log_loss(y_test, p):.3f}, ", end="")
    print(f"average precision {metrics.average_precision_score(y_test, p):.3f}")

# %%
# Without weights, a lower threshold gives the recall of "balanced" at a threshold of 0.5, with a
# higher precision. (In practice, choose the threshold on rows that are not test rows.)

recall = metrics.recall_score(y_test, predicted['"balanced"'] > 0.5)
low = np.quantile(predicted["no weights"][y_test == 1], 1 - recall)
for name, threshold in (("no weights", 0.5), ('"balanced"', 0.5), ("no weights", low)):
    called = predicted[name] >= threshold
    print(f"{name}, threshold {threshold:.3f}: ", end="")
    print(f"recall {metrics.recall_score(y_test, called):.3f}, ", end="")
    print(f"precision {metrics.precision_score(y_test, called):.3f}")

# %%

figure, (ranking, calibration) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for (name, p), style in zip(predicted.items(), ("o-", "s--", "^:"), strict=True):
    if "divided" not in name:  # ranks as "balanced" does
        precision, recall, _ = metrics.precision_recall_curve(y_test, p)
        ranking.plot(recall, precision, style[1:], label=name)
        i = np.abs(recall - metrics.recall_score(y_test, p > 0.5)).argmin()
        ranking.plot(recall[i], precision[i], "k" + style[0], label=f"{name}, p > 0.5")
    share, mean = calibration_curve(y_test, p, n_bins=10)
    calibration.plot(mean, share, style, label=name)
calibration.plot([0, 1], [0, 1], color="gray", linewidth=1)
ranking.set(xlabel="recall", ylabel="precision", title="Ranking")
ranking.legend()
calibration.set(xlabel="predicted probability", ylabel="share of positives", title="Calibration")
calibration.legend()
plt.show()
