"""
Permutation importance of a pandas table
========================================

Permutation importance shows which columns a model uses: the values of one column are shuffled among
the test rows, and the decrease of the score is measured. This example computes it for a Pipeline on
a DataFrame with a category and numbers. A column of noise is added for comparison.
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
# The diabetes data set, not scaled, has 442 patients. The target is the progression of the disease
# after a year. ``sex`` is converted to a category, and ``noise`` is drawn at random.

table, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
table["sex"] = table["sex"].map({1: "1", 2: "2"})
table["noise"] = np.random.default_rng(0).normal(size=len(table))
X, X_test, y, y_test = train_test_split(table, y, test_size=0.4, random_state=0)

# %%
# For a small noisy table, use a small network, few epochs and a high dropout. A linear model has
# about the same score on this table.

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
# The importance of a column is the decrease of R² when its values are shuffled among the test rows.

result = permutation_importance(model, X_test, y_test, n_repeats=50, random_state=0)
order = np.argsort(result.importances_mean)
for i in order[::-1]:
    mean, std = result.importances_mean[i], result.importances_std[i]
    print(f"{table.columns[i]:>6} {mean:>7.3f} ± {std:.3f}")

# %%
# A column whose importance is similar to that of ``noise`` may be of no use, or may be correlated
# with other columns. The blood values ``s1`` to ``s6`` are correlated, so that the model can use
# one of them if another is shuffled.

figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
axes.boxplot(
    result.importances[order].T,
    orientation="horizontal",
    tick_labels=table.columns[order],
    medianprops={"color": "black"},
)
axes.axvline(0, color="gray", linestyle=":")
axes.set(xlabel="decrease of R² on test rows when the column is shuffled", ylabel="column")
plt.show()
