"""
Permutation importance of a pandas table
========================================

Which columns does a model use? A Pipeline of a table with names, categories and numbers is asked
by shuffling one column of test rows after the other. A column of noise is there to compare with.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skbn import BatchNormalizer, BatchNormMLPRegressor

# %%
# The diabetes table in its own units: 442 patients, and the progression of the disease after a
# year. ``sex`` is made a category, ``noise`` is drawn at random.

table, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
table["sex"] = table["sex"].map({1: "1", 2: "2"})
table["noise"] = np.random.default_rng(0).normal(size=len(table))
X, X_test, y, y_test = train_test_split(table, y, test_size=0.4, random_state=0)

# %%
# A small noisy table takes a small network, few epochs and much dropout. A linear model does as
# well on this one.

numbers = [name for name in table if name != "sex"]
columns = make_column_transformer(
    (OneHotEncoder(drop="first", sparse_output=False), ["sex"]),
    (BatchNormalizer(), numbers),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
fixed = {"max_iter": 10, "numeric_encoding": None}
mlp = BatchNormMLPRegressor(hidden_layer_sizes=(64,), dropout=0.5, **fixed, random_state=0)
model = make_pipeline(columns, mlp).fit(X, y)
linear = make_pipeline(columns, Ridge()).fit(X, y)
print("columns of the MLP:", ", ".join(mlp.feature_names_in_))
print(f"R² of test rows: MLP {model.score(X_test, y_test):.3f}, ", end="")
print(f"linear {linear.score(X_test, y_test):.3f}")

# %%
# The importance of a column is how far R² falls when its values are shuffled among the test rows.

result = permutation_importance(model, X_test, y_test, n_repeats=50, random_state=0)
order = np.argsort(result.importances_mean)
for i in order[::-1]:
    mean, std = result.importances_mean[i], result.importances_std[i]
    print(f"{table.columns[i]:>6} {mean:>7.3f} ± {std:.3f}")

# %%
# What is not told from ``noise`` may be of no use, or share what it tells with others: the blood
# values ``s1`` to ``s6`` are correlated, and the model can take from one what is shuffled in
# another.

figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
axes.boxplot(
    result.importances[order].T,
    orientation="horizontal",
    tick_labels=table.columns[order],
    medianprops={"color": "black"},
)
axes.axvline(0, color="gray", linestyle=":")
axes.set(xlabel="fall of R² on test rows when the column is shuffled", ylabel="column")
plt.show()
