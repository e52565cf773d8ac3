"""
Tables and pictures
===================

How long skbn takes, and how long those who compute the same: the same rows, dtype and number of
threads for all, everything warm, and nothing is timed before its result is found to be right.
Less is better everywhere.

- A **table** has medians, and in brackets how many times skbn's that is: at (4×) skbn is four
  times as fast. **◀ marks a peer that takes less than 0.95 of skbn's time**; all of these are
  counted at the end of the page. Between runs on a shared machine times differ by more than that.
- In a **picture** skbn is the black diamond. What is on its left is faster.
- *pure read* and *copy* are for orientation, no peers: one bare pass over the rows by
  ``torch.sum``, and ``X.copy()``, which has one thread.

This page is a script that reads what `asv <https://asv.readthedocs.io>`__ has saved in
``benchmarks/results``. The command that makes it:
"""

# sphinx_gallery_capture_repr = ("_repr_html_",)
import pandas as pd
from asv_results import COMMAND, failed, machines, medians
from comparison import Comparison, Measured, by_library, draw, losses

print(COMMAND)

# %%
# Where it was run, and of what:

machines()

# %%
# Everyone gets two threads, unless ``SKBN_BENCHMARK_THREADS`` says another number. asv measures
# each library in a process of its own, one after the other, while the speed of a shared machine
# changes; ``benchmarks/compare.py`` and ``compare_mlp.py`` measure them in turns, in one process.
#
# Statistics of a table, and its normalization
# --------------------------------------------
#
# :class:`skbn.BatchNormalizer`, ``StandardScaler``, PyTorch (``var_mean`` and ``BatchNorm1d``) and
# the statistics of oneDAL, whose public face is sklearnex, on float32. skbn and scikit-learn sum
# float32 in float64, the others in float32; skbn, scikit-learn and sklearnex look for NaN and
# infinity.

fit = Comparison("normalizer.Fit.time_fit", "fit", "ms")
transform = Comparison("normalizer.Transform.time_transform", "transform", "ms")
draw(fit, transform)
fit

# %%

transform

# %%
# Small batches and single rows
# -----------------------------
#
# ``partial_fit`` of 256 × 100 float64 and ``transform`` of one row, where most of the time is
# what a library does around its arithmetic. oneDAL leaves mean and variance to a later call, the
# others have them after each batch.

partial_fit = Comparison("normalizer.PartialFit.time_partial_fit", "partial_fit", "µs")
one_row = Comparison("normalizer.TransformOneRow.time_transform_one_row", "transform, 1 row", "µs")
draw(partial_fit, one_row)
partial_fit

# %%

one_row

# %%
# Digits of the variance
# ----------------------
#
# 2,000 rows that arrive in chunks, at an offset from zero: the largest relative error of ``var_``
# against extended precision, of chunks of 1, 7, 1,000 and all rows the worst.

errors = medians("normalizer.VarianceError.track_variance_error")
errors = by_library(errors.groupby(["machine", "baseline", "offset"], sort=False).max())
draw(Measured(errors, "error of the variance, by offset", "relative error"))
errors.map("{:.0e}".format).replace("inf", "NaN")

# %%
# Batch normalization in training
# -------------------------------
#
# One layer of 1,024 units on 65,536 rows of float32: the layer of skbn's networks and
# ``BatchNorm1d`` with autograd.

batch_norm = "batch_norm.BatchNormTraining.track_milliseconds"
batch_norm = Comparison(batch_norm, "batch normalization in training", "ms")
draw(batch_norm)
batch_norm

# %%
# MLPs
# ----
#
# The same network, batches and epochs of Adam. skbn computes in float32, and scikit-learn in the
# dtype of the rows and without batch normalization. PyTorch is eager, with ``BatchNorm1d`` and
# fused Adam, for rows of float32. Five epochs, by five, with what ``fit`` does before and after:
# skbn validates, and ends with exact statistics of all rows. An epoch alone is a difference of
# two fits, which wants them measured in turns: :doc:`/benchmarks` has it, and its losses.

whole_fit = "mlp.MLPEpoch.track_fit_milliseconds_per_epoch"
whole_fit = Comparison(whole_fit, "fit of 5 epochs / 5", "ms")
draw(whole_fit)
whole_fit

# %%
# ``predict_proba`` of up to 20,000 rows and of one. PyTorch validates nothing.

many = Comparison("mlp.MLPPredictProba.time_predict_proba", "predict_proba", "ms")
one = "mlp.MLPPredictProbaOneRow.time_predict_proba_one_row"
one = Comparison(one, "predict_proba, 1 row", "µs")
draw(many, one)
many

# %%

one

# %%
# Memory, imports and compilation
# -------------------------------
#
# How far the memory of a process rises during ``fit``, in MB beyond the rows: statistics of a
# memory map of 5,000,000 × 100 float32, and the MLP on 50,000 × 784.

pd.concat(
    {
        "statistics": by_library(medians("normalizer.FitMemory.track_anonymous_megabytes")),
        "MLP": by_library(medians("mlp.MLPMemory.track_anonymous_megabytes")),
    }
).map("{:.0f}".format, na_action="ignore").fillna("–")

# %%
# Start of Python and import of one library, in ms.

medians("libraries.Start.track_milliseconds").round().astype(int).to_frame("ms")

# %%
# The first fit of a new installation compiles. Its machine code is kept on disk, and later
# processes load it. In seconds:

pd.concat(
    {
        "BatchNormalizer": medians("normalizer.Compilation.track_compile_seconds"),
        "BatchNormMLPClassifier": medians("mlp.MLPCompilation.track_compile_seconds"),
    }
).round(2).to_frame("s")

# %%
# Where skbn is slower
# --------------------

comparisons = [fit, transform, partial_fit, one_row, batch_norm, whole_fit, many, one]
lost = losses(*comparisons)
n_compared = sum(comparison.n_compared for comparison in comparisons)
print(f"skbn is slower than a peer in {len(lost)} of {n_compared} comparisons.")
print(f"Benchmarks that failed: {', '.join(failed()) or 'none'}.")
lost
