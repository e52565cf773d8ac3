"""
Dates and free text with skrub
==============================

Columns of dates, and text in which nearly every value is different, cannot be treated as
categories. `skrub <https://skrub-data.org>`_ converts them to numbers: ``tabular_pipeline`` puts a
``TableVectorizer`` before any estimator with the interface of scikit-learn.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import skrub
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skbn import BatchNormMLPClassifier

# %%
# Orders with a date and a description
# ------------------------------------
# The target is whether an order is returned. This is more likely in January, for expensive orders,
# for lamps, and for orders paid by invoice.

rng = np.random.default_rng(0)
n = 1600
colours, things = ["red", "blue", "green", "white"], ["lamp", "chair", "table", "shelf", "rug"]
words = [rng.choice(values, n) for values in (colours, things)]
orders = pd.DataFrame(
    {
        "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
        "description": [
            f"{colour} {thing} no. {number}"
            for colour, thing, number in zip(*words, rng.integers(0, 10**6, n), strict=True)
        ],
        "price": rng.gamma(2.0, 40.0, n),
        "paid by": rng.choice(["card", "invoice", "transfer"], n),
    }
)
score = (
    2.0 * (orders["day"].dt.month == 1)
    + 2.0 * (words[1] == "lamp")
    + 1.5 * (orders["paid by"] == "invoice")
    + orders["price"] / 80
)
is_returned = score + rng.logistic(0.0, 0.5, n) > 3.0
orders.loc[rng.random(n) < 0.1, "price"] = np.nan

# %%
# Pipeline
# --------
# ``tabular_pipeline`` needs one line:

X, X_test, y, y_test = train_test_split(orders, is_returned, random_state=0)
model = skrub.tabular_pipeline(BatchNormMLPClassifier(random_state=0)).fit(X, y)
print(model)

# %%
# Effect of the columns
# ---------------------
# Without the dates or the descriptions, which skrub encodes, the area under the ROC curve is
# smaller.

columns = {
    "all columns": list(orders),
    "no dates": ["description", "price", "paid by"],
    "no descriptions": ["day", "price", "paid by"],
}
areas = {}
for name, kept in columns.items():
    part = skrub.tabular_pipeline(BatchNormMLPClassifier(random_state=0)).fit(X[kept], y)
    areas[name] = roc_auc_score(y_test, part.predict_proba(X_test[kept])[:, 1])

figure, axes = plt.subplots(figsize=(6.5, 2.5), layout="constrained")
bars = axes.barh(list(areas), list(areas.values()))
axes.bar_label(bars, fmt="%.3f", padding=3)
axes.set(xlabel="area under the ROC curve, test rows", xlim=(0.5, 1.05))
axes.invert_yaxis()
plt.show()
