"""
Serving without skbn: scikit-learn and ONNX
===========================================

``to_sklearn()`` folds every normalization into the weights of a scikit-learn model, which can be
served without skbn. ``skl2onnx`` converts this model to ONNX, which can be served without Python.
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import skbn
from skbn import BatchNormalizer, BatchNormMLPClassifier

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
mlp = BatchNormMLPClassifier(random_state=0)
pipeline = make_pipeline(BatchNormalizer(), mlp).fit(X, y)
print(f"accuracy: {pipeline.score(X_test, y_test):.4f}")

# %%
# scikit-learn
# ------------
# ``skbn.to_sklearn`` converts every step of a Pipeline. The pickle does not refer to skbn.

served = skbn.to_sklearn(pipeline)
print("steps:", ", ".join(type(step).__name__ for _, step in served.steps))
pickled = pickle.dumps(served)
print(f"pickle: {len(pickled) / 1e6:.1f} MB, refers to skbn: {b'skbn' in pickled}")

# %%
# ONNX
# ----
# ONNX models of MLPs compute in float32, as skbn does by default.

onnx_model = to_onnx(served, X[:1].astype(np.float32), options={"zipmap": False})
session = onnxruntime.InferenceSession(
    onnx_model.SerializeToString(), providers=["CPUExecutionProvider"]
)
labels, onnx_probabilities = session.run(None, {"X": X_test.astype(np.float32)})
print(f"ONNX: {onnx_model.ByteSize() / 1e6:.1f} MB")

# %%
# Numerical differences
# ---------------------
# The labels are the same. The probabilities differ by rounding to float32.

exact = served.predict_proba(X_test)
differences = {
    "skbn (float32)": np.abs(pipeline.predict_proba(X_test) - exact),
    "ONNX (float32)": np.abs(onnx_probabilities - exact),
}
print("labels differ in", int((labels != pipeline.predict(X_test)).sum()), "rows")
for name, difference in differences.items():
    print(f"{name}: largest difference from to_sklearn() (float64) {difference.max():.0e}")

# %%

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
bins = np.logspace(-13, -6, 43)
for (name, difference), style in zip(differences.items(), ("-", "--"), strict=True):
    values = np.maximum(difference.ravel(), bins[0])
    axes.hist(values, bins, histtype="step", linestyle=style, linewidth=1.5, label=name)
axes.axvline(np.finfo(np.float32).eps, color="gray", linestyle=":", label="float32 epsilon")
axes.set(
    xscale="log",
    xlabel="difference of a probability from that of to_sklearn()",
    ylabel=f"probabilities, of {exact.size}",
)
axes.legend(loc="upper left")
plt.show()
