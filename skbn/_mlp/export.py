"""Stock scikit-learn estimators with every normalization folded in."""

from copy import deepcopy

import numpy as np

from .._training.history import ATTRIBUTES
from .state import folded_layers, folded_targets

# What scikit-learn's estimators do not know, and what comes nearest for going on to train.
NEAREST = {
    "solver": {"adamw": "adam"},
    "learning_rate": {"cosine": "constant"},
    "batch_size": {"scaled": "auto"},
    "max_iter": {"scaled": 200},
}
COPIED = ("classes_", "n_features_in_", "feature_names_in_", "n_layers_", "n_outputs_")
COPIED += ("out_activation_", "_label_binarizer", "_random_state", *ATTRIBUTES.values())


def to_stock(estimator, stock_class):
    """A fitted ``stock_class`` whose predictions are those of the estimator."""
    if estimator.smooth_clip is not None:
        raise ValueError(
            f"{stock_class.__name__} cannot clip its inputs: smooth_clip must be None, got "
            f"{estimator.smooth_clip}. Clip them in a step before it, or fit without."
        )
    known = stock_class().get_params()
    parameters = {k: v for k, v in estimator.get_params(deep=False).items() if k in known}
    for name, nearest in NEAREST.items():
        parameters[name] = nearest.get(parameters[name], parameters[name])
    stock = stock_class(**parameters)
    *layers, last = folded_layers(estimator, np.float64, folds_inputs=True)
    layers.append(folded_targets(last, getattr(estimator, "target_norm_", None)))
    fitted = vars(estimator)
    vars(stock).update({name: deepcopy(fitted[name]) for name in COPIED if name in fitted})
    stock.coefs_ = [weight.copy() for weight, _ in layers]
    stock.intercepts_ = [bias.copy() for _, bias in layers]
    stock._best_coefs, stock._best_intercepts = deepcopy((stock.coefs_, stock.intercepts_))
    return stock
