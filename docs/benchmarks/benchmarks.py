"""
Benchmark results: speed, memory and precision
==============================================

This page shows the latest benchmark results of skbn and of other libraries that compute the same.
All libraries get the same rows, dtype and number of threads. They are called once before they are
timed, and their results are checked first. Lower is better everywhere.

- The **tables** have medians, and in parentheses the ratio to the time of skbn: (4×) means that
  skbn is four times as fast. **◀ marks a library that takes less than 0.95 of skbn's time.** These
  cases are listed at the end of the page. Between runs on a shared machine, times differ by more
  than that.
- In the **figures**, skbn is the black diamond. Libraries to its left are faster.
- *pure read* and *copy* are lower bounds, not libraries: one pass over the rows by ``torch.sum``,
  and ``X.copy()``, which uses one thread.

This page is a script that reads the results of `asv <https://asv.readthedocs.io>`__ in
``benchmarks/results``. These commands update them:
"""

# sphinx_gallery_capture_repr = ("_repr_html_",)
import pandas as pd
from asv_results import COMMAND, failed, machines, medians
from comparison import Comparison, Measured, by_library, draw, losses

print(COMMAND)

# %%
# The machine and the versions:

machines()

# %%
# All libraries use two threads, unless ``SKBN_BENCHMARK_THREADS`` is set to another number. asv
# measures each library in a separate process, one after the other, while the speed of a shared
# machine changes. ``benchmarks/compare.py`` and ``compare_mlp.py`` measure them alternately in one
# process.
#
# Statistics and normalization of a table
# ---------------------------------------
#
# The table compares :class:`skbn.BatchNormalizer`, ``StandardScaler``, PyTorch (``var_mean`` and
# ``BatchNorm1d``) and the statistics of oneDAL, whose public interface is sklearnex, on float32
# values. skbn and scikit-learn sum float32 values in float64, and the others in float32. skbn,
# scikit-learn and sklearnex check for NaN and infinity.

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
# ``partial_fit`` of 256 × 100 float64 values and ``transform`` of one row. Most of this time is the
# overhead of a call. oneDAL computes the mean and variance in a later call, and the other libraries
# after each batch.

partial_fit = Comparison("normalizer.PartialFit.time_partial_fit", "partial_fit", "µs")
one_row = Comparison("normalizer.TransformOneRow.time_transform_one_row", "transform, 1 row", "µs")
draw(partial_fit, one_row)
partial_fit

# %%

one_row

# %%
# Precision of the variance
# -------------------------
#
# 2,000 rows with an offset from zero arrive in chunks. The table shows the relative error of
# ``var_`` compared with extended precision, as the largest value for chunks of 1, 7, 1,000 and all
# rows.

errors = medians("normalizer.VarianceError.track_variance_error")
errors = by_library(errors.groupby(["machine", "baseline", "offset"], sort=False).max())
draw(Measured(errors, "error of the variance, by offset", "relative error"))
errors.map("{:.0e}".format).replace("inf", "NaN")

# %%
# Batch normalization in training
# -------------------------------
#
# One layer of 1,024 units on 65,536 rows of float32 values. The layer of skbn's networks is
# compared with ``BatchNorm1d`` with autograd.

batch_norm = "batch_norm.BatchNormTraining.track_milliseconds"
batch_norm = Comparison(batch_norm, "batch normalization in training", "ms")
draw(batch_norm)
batch_norm

# %%
# MLPs
# ----
#
# All libraries train the same network with the same batches and epochs of Adam. skbn computes in
# float32, and scikit-learn in the dtype of the rows and without batch normalization. PyTorch runs
# in eager mode on float32 rows, with ``BatchNorm1d`` and fused Adam. The time is that of a fit of
# five epochs divided by five. It includes validation, and skbn's exact statistics of all rows at
# the end. The time of an epoch alone is the difference of two fits, which have to be measured
# alternately: it is in :doc:`/benchmarks`.

whole_fit = "mlp.MLPEpoch.track_fit_milliseconds_per_epoch"
whole_fit = Comparison(whole_fit, "fit of 5 epochs / 5", "ms")
draw(whole_fit)
whole_fit

# %%
# ``predict_proba`` of up to 20,000 rows and of one row. PyTorch does not validate its input.

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
# Increase of the memory of a process during ``fit``, in MB, without the rows: statistics of a
# memory map of 5,000,000 × 100 float32 values, and the MLP on 50,000 × 784.

pd.concat(
    {
        "statistics": by_library(medians("normalizer.FitMemory.track_anonymous_megabytes")),
        "MLP": by_library(medians("mlp.MLPMemory.track_anonymous_megabytes")),
    }
).map("{:.0f}".format, na_action="ignore").fillna("–")

# %%
# Time to start Python and import one library, in ms:

medians("libraries.Start.track_milliseconds").round().astype(int).to_frame("ms")

# %%
# The first fit after an installation compiles. The machine code is kept on disk, and later
# processes load it. The times are in seconds:

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
print(f"skbn is slower than another library in {len(lost)} of {n_compared} comparisons.")
print(f"Benchmarks that failed: {', '.join(failed()) or 'none'}.")
lost
