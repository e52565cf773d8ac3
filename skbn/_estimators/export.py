"""Conversion to scikit-learn estimators with every normalization folded in."""

from copy import deepcopy

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, SplineTransformer

from .encoders import bins_of
from .state import FITTED, fitted_attributes, folded_layers, folded_targets

SCIKIT_LEARNS_ACTIVATIONS = "identity", "logistic", "tanh", "relu"

# For these the result has scikit-learn's defaults, because the learning rate is too high for
# further training without batch normalization, weight decay and a cosine schedule.
TRAINING_PARAMETERS = ("solver", "learning_rate", "learning_rate_init", "beta_2", "alpha")
OURS = {"coefs_", "intercepts_", "batch_norms_", "input_norm_", "target_norm_", "smooth_clip_"}
OURS |= {"input_range_"}
OURS |= {"numeric_encoding_", "bin_edges_", "max_iter_", "pilots_", "temperature_"}
OURS |= {"_label_totals", "_best_validation", "_largest_loss", "_optimizer"}
COPIED = [name for name in FITTED if name not in OURS]


def stock_parameters(estimator, defaults):
    """Parameters of the estimator, with the ``defaults`` for values scikit-learn lacks."""
    parameters = estimator.get_params(deep=False)
    is_ours = parameters["solver"] == "adamw" or parameters["learning_rate"] == "cosine"
    replaced = {*(TRAINING_PARAMETERS if is_ours else ())}
    replaced |= {"batch_size"} if parameters["batch_size"] == "scaled" else set()
    parameters["max_iter"] = vars(estimator).get("max_iter_") or defaults["max_iter"]
    kept = {name: parameters[name] for name in defaults.keys() - replaced}
    return defaults | kept


def check_exportable(estimator, stock_class):
    """Raise if ``stock_class`` cannot compute the predictions of the estimator."""
    if estimator.smooth_clip_ is not None:
        raise ValueError(
            f"{stock_class.__name__} cannot clip its inputs: smooth_clip must be None, got "
            f"{estimator.smooth_clip_}. Clip them in a previous step, or fit without smooth_clip."
        )
    if estimator.activation not in SCIKIT_LEARNS_ACTIVATIONS:
        raise ValueError(
            f"{stock_class.__name__} has no activation {estimator.activation!r}: to_sklearn needs "
            f"an estimator fitted with one of {SCIKIT_LEARNS_ACTIVATIONS}."
        )


def to_stock(estimator, stock_class):
    """A fitted ``stock_class`` with the predictions of the estimator.

    If columns are limited or encoded, it is the last step of a Pipeline, whose first step does it.
    """
    check_exportable(estimator, stock_class)
    stock = _stock_mlp(estimator, stock_class)
    if bins_of(estimator.bin_edges_) is None and estimator.input_range_ is None:
        return stock
    stock.n_features_in_ = len(stock.coefs_[0])
    vars(stock).pop("feature_names_in_", None)
    return Pipeline([("encoder", _stock_encoder(estimator)), ("mlp", stock)])


def _stock_mlp(estimator, stock_class):
    """A fitted ``stock_class``, whose inputs are the columns of X and the splines of their bins."""
    stock = stock_class(**stock_parameters(estimator, stock_class().get_params()))
    *layers, last = folded_layers(estimator, np.float64, folds_inputs=True)
    layers.append(folded_targets(last, getattr(estimator, "target_norm_", None)))
    weight, bias = layers[0]
    layers[0] = _ranged_weights(_spline_weights(weight, estimator), bias, estimator)
    vars(stock).update(deepcopy(fitted_attributes(estimator, COPIED)))
    stock.coefs_ = [weight.copy() for weight, _ in layers]
    stock.intercepts_ = [bias.copy() for _, bias in layers]
    stock._best_coefs, stock._best_intercepts = deepcopy((stock.coefs_, stock.intercepts_))
    return stock


def _columns_by_n_edges(estimator):
    """The columns that have bins, by their number of edges: a dict of lists."""
    groups = {}
    for column, edges in enumerate(estimator.bin_edges_ or []):
        if len(edges):
            groups.setdefault(len(edges), []).append(column)
    return groups


def _ranged_columns(estimator):
    """The columns that the first step takes: those that vary, or all where it can take all.

    MinMaxScaler takes constants for a range of 1, and their weights are 0.
    """
    limits = estimator.input_range_
    if limits is None or _fits_scaler(limits):
        return list(range(estimator.n_features_in_))
    return np.flatnonzero(limits[0] < limits[1]).tolist()


def _stock_encoder(estimator):
    """A fitted first step: columns within their range, then the splines of their bins.

    Without bins it is a MinMaxScaler if possible, because skl2onnx cannot convert a
    ColumnTransformer that is the second step of a Pipeline.
    """
    edges, limits = estimator.bin_edges_, estimator.input_range_
    columns = _ranged_columns(estimator)
    rows = np.zeros((2, estimator.n_features_in_)) if limits is None else limits.astype(np.float64)
    if bins_of(edges) is None and _fits_scaler(limits):
        return _with_feature_names(MinMaxScaler(clip=True).fit(rows), estimator)
    steps = [("columns", _stock_range(estimator, columns), columns)] if columns else []
    for n_edges, encoded in _columns_by_n_edges(estimator).items():
        knots = np.stack([edges[column] for column in encoded], axis=1)
        steps.append((f"bins_{n_edges - 1}", _splines(knots), encoded))
    return _with_feature_names(ColumnTransformer(steps).fit(rows), estimator)


def _stock_range(estimator, columns):
    """The step that limits columns to their range.

    skl2onnx converts MinMaxScaler, but not SplineTransformer. SplineTransformer computes in
    float64; MinMaxScaler loses digits of float32 columns that are far from zero relative to their
    range, and takes small ranges for constants.
    """
    limits = estimator.input_range_
    if limits is None:
        return "passthrough"
    if _fits_scaler(limits):
        return MinMaxScaler(clip=True)
    return _splines(limits[:, columns], include_bias=False)


def _fits_scaler(limits):
    """Whether MinMaxScaler keeps all digits but two of float32, in columns that vary."""
    span = (limits[1] - limits[0]).astype(np.float64)
    is_wide = (abs(limits).max(axis=0) <= 100.0 * span) & (span > 1e-12)
    return bool((is_wide | (span == 0.0)).all())


def _splines(knots, **options):
    """The linear splines with these knots (n_knots, n_columns), constant beyond the last ones."""
    knots = knots.astype(np.float64)
    return SplineTransformer(degree=1, knots=knots, extrapolation="constant", **options)


def _ranged_weights(weight, bias, estimator):
    """The first layer for columns within their range, each from 0 to 1.

    MinMaxScaler gives 0 for the least value, and the spline gives 1 for it.
    """
    if estimator.input_range_ is None:
        return weight, bias
    least, largest = estimator.input_range_.astype(np.float64)
    columns, bins = np.split(weight, [len(least)])
    kept, zero, one = _ranged_columns(estimator), least, largest
    if not _fits_scaler(estimator.input_range_):
        zero, one = largest, least
    scaled = (columns * (one - zero)[:, None])[kept]
    return np.vstack([scaled, bins]), bias + zero @ columns


def _with_feature_names(encoder, estimator):
    """The encoder, and each of its steps, with the names of features that the estimator has."""
    names = fitted_attributes(estimator, ("feature_names_in_",)).get("feature_names_in_")
    if names is not None:
        encoder.feature_names_in_ = names
        for _, step, columns in getattr(encoder, "transformers_", ()):
            step.feature_names_in_ = names[columns]
    return encoder


def _spline_weights(weight, estimator):
    """The weight (d + k, h) of a first layer, for the splines of the bins instead of the bins.

    The encoding of bin t is the sum of the linear splines that peak at edge t or above. The weight
    of the spline at an edge is therefore the sum of the weights of all bins up to that edge.
    """
    columns = weight[: estimator.n_features_in_]
    n_bins = [max(len(edges) - 1, 0) for edges in estimator.bin_edges_ or []]
    of_column = np.split(weight[len(columns) :], np.cumsum(n_bins)[:-1])
    order = [column for group in _columns_by_n_edges(estimator).values() for column in group]
    splines = [np.vstack([np.zeros_like(weight[:1]), of_column[j].cumsum(axis=0)]) for j in order]
    return np.vstack([columns, *splines])
