"""Statistics of the hidden layers of a fitted estimator, on other rows."""

import numpy as np

from .._device import device_of
from .._network import MIN_BATCH_ROWS, Network
from .._rows import rows_of
from .._training import set_population_moments
from .state import load, mean_scale, network_attributes


def fitted_network(estimator):
    """The network that the fitted attributes tell."""
    coefs = estimator.coefs_
    network = Network(
        [*(coef.shape[0] for coef in coefs), coefs[-1].shape[1]],
        activation=estimator.activation,
        dtype=coefs[0].dtype,
        device=device_of(estimator.device),
        batch_norm=bool(estimator.batch_norms_),
        epsilon=estimator.batch_norm_epsilon,
    )
    load(network, estimator)
    return network


def recalibrated(estimator, X, sample_weight):
    """The ``batch_norms_`` of an estimator with the statistics of the rows of X."""
    if not estimator.batch_norms_:
        raise ValueError("recalibrate needs hidden layers fitted with batch_norm=True.")
    if X.shape[0] < MIN_BATCH_ROWS:
        raise ValueError(f"recalibrate needs at least 2 rows, got n_samples = {X.shape[0]}.")
    network = fitted_network(estimator)
    scale = mean_scale(estimator.input_norm_, X.shape[1])
    rows = rows_of(X, scale, network.dtype, network.device)
    set_population_moments(network, rows, np.arange(X.shape[0]), sample_weight)
    return network_attributes(network, estimator, sample_weight is not None)["batch_norms_"]
