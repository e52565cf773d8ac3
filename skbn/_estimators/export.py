"""Conversion to scikit-learn estimators with every normalization folded in."""

from copy import deepcopy

import numpy as np
from sklearn.pipeline import Pipeline

from .categories import Categories
from .state import FITTED, fitted_attributes, folded_layers, folded_targets
from .stock_inputs import StockInputs
from .validation import feature_names, identity

SCIKIT_LEARNS_ACTIVATIONS = "identity", "logistic", "tanh", "relu"

# For these the result has scikit-learn's defaults, because the learning rate is too high for
# further training without batch normalization, weight decay and a cosine schedule.
TRAINING_PARAMETERS = ("solver", "learning_rate", "learning_rate_init", "beta_2", "alpha")
OURS = {"coefs_", "intercepts_", "batch_norms_", "input_norm_", "target_norm_", "smooth_clip_"}
OURS |= {"input_range_"}
OURS |= {"numeric_encoding_", "bin_edges_", "max_iter_", "pilots_", "temperature_"}
OURS |= {"input_means_", "categories_", "is_ordered_", "_is_exportable", "_has_missing"}
OURS |= {"_column_moments", "_is_embedded", "_factors"}
OURS |= {"_label_totals", "_best_validation", "_largest_loss", "_optimizer"}
COPIED = [name for name in FITTED if name not in OURS]


def stock_parameters(estimator, defaults):
    """Parameters of the estimator, with the ``defaults`` for values scikit-learn lacks."""
    parameters = estimator.get_params(deep=False)
    is_ours = parameters["solver"] == "adamw" or parameters["learning_rate"] == "cosine"
    replaced = {*(TRAINING_PARAMETERS if is_ours else ())}
    replaced |= {"batch_size"} if parameters["batch_size"] == "scaled" else set()
    parameters["max_iter"] = _max_iter(estimator) or defaults["max_iter"]
    if parameters["activation"] not in SCIKIT_LEARNS_ACTIVATIONS:
        replaced |= {"activation"}
    kept = {name: parameters[name] for name in defaults.keys() - replaced}
    return defaults | kept


def _max_iter(estimator):
    """The number of epochs of the last fit, or else the parameter; None if it is a rule."""
    given = estimator.max_iter
    return vars(estimator).get("max_iter_") or (None if isinstance(given, str) else given)


def check_exportable(estimator, stock_class):
    """Raise if ``stock_class`` cannot compute the predictions of the estimator."""
    if estimator.smooth_clip_ is not None:
        raise ValueError(
            f"{stock_class.__name__} cannot clip its inputs: smooth_clip must be None, got "
            f"{estimator.smooth_clip_}. Clip them in a previous step, or fit without smooth_clip."
        )
    categories = Categories.of(estimator)
    if categories is not None and not categories.is_exportable.all():
        names = feature_names(identity(estimator), estimator.n_features_in_)
        raise ValueError(
            "OneHotEncoder cannot hold the categories of column "
            f"{str(names[~categories.is_exportable][0])!r} of X. They must be text alone or "
            "numbers alone, without pandas.NA, and numbers without None. Fill missing values, for "
            'example with X.fillna("missing"), or convert the column, and fit again.'
        )
    if estimator.activation not in SCIKIT_LEARNS_ACTIVATIONS:
        raise ValueError(
            f"{stock_class.__name__} has no activation {estimator.activation!r}: to_sklearn needs "
            f"an estimator fitted with one of {SCIKIT_LEARNS_ACTIVATIONS}."
        )


def to_stock(estimator, stock_class):
    """A fitted ``stock_class`` with the predictions of the estimator.

    If columns are limited or encoded, it is the last step of a Pipeline, whose first steps do it.
    """
    check_exportable(estimator, stock_class)
    *layers, last = folded_layers(estimator, np.float64, folds_inputs=True)
    layers.append(folded_targets(last, getattr(estimator, "target_norm_", None)))
    inputs = StockInputs(estimator, *layers[0])
    layers[0] = inputs.weight, inputs.bias
    stock = _stock_mlp(estimator, stock_class, layers)
    if not inputs.steps:
        return stock
    stock.n_features_in_ = len(inputs.weight)
    vars(stock).pop("feature_names_in_", None)
    return Pipeline([*inputs.steps, ("mlp", stock)])


def _stock_mlp(estimator, stock_class, layers):
    """A fitted ``stock_class`` with these layers (weight, bias)."""
    stock = stock_class(**stock_parameters(estimator, stock_class().get_params()))
    vars(stock).update(deepcopy(fitted_attributes(estimator, COPIED)))
    stock.coefs_ = [weight.copy() for weight, _ in layers]
    stock.intercepts_ = [bias.copy() for _, bias in layers]
    stock._best_coefs, stock._best_intercepts = deepcopy((stock.coefs_, stock.intercepts_))
    return stock
