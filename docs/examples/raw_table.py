"""
From a DataFrame with categories to ONNX
========================================

This example trains a regressor on a table of flats with text, ordered categories, boolean values
and missing values, without any preprocessing. It compares the regressor with scikit-learn's MLP
with the usual preprocessing and with gradient boosting, shows the effect of the district on the
predictions, and converts the model to ONNX.
"""

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import mean_absolute_percentage_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skbn

# %%
# The table
# ---------
# The rent of a flat depends on its area, its year of construction, its district, and its state,
# which is an ordered category. Some areas and districts are missing.

rng = np.random.default_rng(0)
n = 3000
districts = [f"district {number:02d}" for number in range(80)]
states = ["to renovate", "kept", "new"]
district, state = rng.integers(0, 80, n), rng.integers(0, 3, n)
flats = pd.DataFrame(
    {
        "area": rng.gamma(9.0, 8.0, n),
        "year": rng.integers(1890, 2026, n),
        "district": np.array(districts)[district],
        "state": pd.Categorical.from_codes(state, states, ordered=True),
        "balcony": rng.random(n) < 0.4,
    }
)
level = rng.normal(0.0, 0.25, 80)
price = 9.0 * np.exp(level[district] + 0.12 * state + 0.05 * flats["balcony"])
old = 0.1 * np.cos((flats["year"] - 1890) / 20)
rent = flats["area"] ** 0.9 * price * np.exp(old + rng.normal(0.0, 0.05, n))
flats.loc[rng.random(n) < 0.03, "area"] = np.nan
flats.loc[rng.random(n) < 0.03, "district"] = np.nan
flats["district"] = flats["district"].astype(object)
print(flats.head())

# %%
# Comparison of three models
# --------------------------
# Rents are positive, and their errors are relative. All three models therefore predict the
# logarithm.

X, X_test, y, y_test = train_test_split(flats, rent, random_state=0)


def of_logarithm(model):
    return TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp)


encoder = make_column_transformer(
    (
        make_pipeline(SimpleImputer(), StandardScaler()),
        make_column_selector(dtype_include=["number", "bool"]),
    ),
    (
        OneHotEncoder(handle_unknown="ignore"),
        make_column_selector(dtype_exclude=["number", "bool"]),
    ),
)
models = {
    "MLPRegressor, encoded": make_pipeline(encoder, of_logarithm(MLPRegressor(random_state=0))),
    "HistGradientBoosting": of_logarithm(HistGradientBoostingRegressor(random_state=0)),
    "skbn": of_logarithm(skbn.BatchNormMLPRegressor(random_state=0)),
}
for name, model in models.items():
    table = X if name != "HistGradientBoosting" else X.astype({"district": "category"})
    rows = X_test if name != "HistGradientBoosting" else X_test.astype({"district": "category"})
    error = mean_absolute_percentage_error(y_test, model.fit(table, y).predict(rows))
    print(f"{name:22s} error of the rent: {error:.1%}")

# %%
# Effect of the district
# ----------------------
# The figure shows the mean predicted rent if all flats were in one district, for each district.
# Missing districts are a separate category. A district that does not occur in the training rows
# contributes nothing.

model = models["skbn"]
mean_rents = [model.predict(X_test.assign(district=name)).mean() for name in districts]
unknown = model.predict(X_test.assign(district=np.nan)).mean()

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
axes.scatter(np.exp(level), mean_rents, label="districts")
axes.axhline(unknown, linestyle="--", color="gray", label="district unknown")
axes.set(xlabel="price level of the district (true)", ylabel="mean predicted rent", xscale="log")
axes.xaxis.set_major_formatter("{x:.1f}")
axes.xaxis.set_minor_formatter("{x:.1f}")
axes.legend()
plt.show()

# %%
# Conversion to ONNX
# ------------------
# ``skbn.to_sklearn`` converts every part of an estimator. The result is a Pipeline of an imputer,
# encoders and an MLPRegressor, which skl2onnx can convert. In ONNX, missing text is passed as the
# string "nan", and all numbers are float32.

served = skbn.to_sklearn(model.regressor_)
print(served)
types = {
    "area": FloatTensorType([None, 1]),
    "year": FloatTensorType([None, 1]),
    "district": StringTensorType([None, 1]),
    "state": StringTensorType([None, 1]),
    "balcony": FloatTensorType([None, 1]),
}
onnx_model = to_onnx(served, initial_types=list(types.items()))
session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
feed = {
    "area": X_test[["area"]].to_numpy(np.float32),
    "year": X_test[["year"]].to_numpy(np.float32),
    "district": X_test[["district"]].fillna("nan").to_numpy(object),
    "state": X_test[["state"]].astype(object).to_numpy(),
    "balcony": X_test[["balcony"]].to_numpy(np.float32),
}
(of_onnx,) = session.run(None, feed)
difference = np.abs(of_onnx.ravel() - model.regressor_.predict(X_test)).max()
assert difference < 1e-4
print(f"largest difference from skbn: {difference:.0e} of the logarithm")
