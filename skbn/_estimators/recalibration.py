"""Recompute the statistics of the hidden layers of a fitted estimator on other rows."""

import numpy as np
from scipy import sparse

from .._backends.selection import device_of_fitted
from .._model import Network
from .._model.inputs import rows_of
from .._model.tables import numbers_of, with_numbers
from .._training import set_population_moments
from .far_values import without_far_rows
from .state import (
    check_rows_to_normalize_by,
    fitted_units,
    input_norm_of,
    load,
    network_attributes,
)


def fitted_network(estimator):
    """The batch-normalized network with the fitted attributes of an estimator."""
    network = Network(
        fitted_units(estimator),
        activation=estimator.activation,
        dtype=estimator.coefs_[0].dtype,
        device=device_of_fitted(estimator.device),
        epsilon=estimator.batch_norms_[0].epsilon,
    )
    load(network, estimator)
    return network


def recalibrated(estimator, X, sample_weight):
    """The ``batch_norms_`` of an estimator, with statistics of the rows of X."""
    if not estimator.batch_norms_:
        raise ValueError("recalibrate needs hidden layers fitted with batch_norm=True.")
    check_rows_to_normalize_by(X.shape[0] if sample_weight is None else sample_weight)
    network = fitted_network(estimator)
    X, input_norm = _in_rows(X), input_norm_of(estimator)
    X = X if sample_weight is None else without_far_rows(X, sample_weight, input_norm)
    rows = rows_of(X, input_norm._replace(limits=None), network.dtype, network.device)
    set_population_moments(network, rows, np.arange(X.shape[0]), sample_weight)
    return network_attributes(network, estimator, sample_weight is not None)["batch_norms_"]


def _in_rows(X):
    """X in C order."""
    numbers = numbers_of(X)
    return X if sparse.issparse(X) else with_numbers(X, np.ascontiguousarray(numbers))
