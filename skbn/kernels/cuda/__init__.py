"""Launchers of loops over CuPy's arrays, with the names and arguments of ``cpu``'s; outputs last.

Arrays are C-contiguous. ``constants`` stay on the host, as scalars do. Nothing waits for the GPU.
"""

from ..layout import COUNT, M2, MEAN, MEAN_ERROR, WEIGHT
from .activations import ACTIVATIONS
from .batch_norm import batch_norm_backward, batch_norm_forward
from .layers import (
    add_bias,
    bias_backward,
    dropout,
    gather_rows,
    gather_sparse_rows,
    smooth_clip,
)
from .losses import (
    binary_cross_entropy,
    poisson_deviance,
    shift_to_max,
    softmax_cross_entropy,
    squared_error,
)
from .optimizers import adam_step, add_scaled, nesterov_step, sgd_step
from .statistics import column_moments, normalize, weighted_column_moments

__all__ = [
    "ACTIVATIONS",
    "COUNT",
    "M2",
    "MEAN",
    "MEAN_ERROR",
    "WEIGHT",
    "adam_step",
    "add_bias",
    "add_scaled",
    "batch_norm_backward",
    "batch_norm_forward",
    "bias_backward",
    "binary_cross_entropy",
    "column_moments",
    "dropout",
    "gather_rows",
    "gather_sparse_rows",
    "nesterov_step",
    "normalize",
    "poisson_deviance",
    "sgd_step",
    "shift_to_max",
    "smooth_clip",
    "softmax_cross_entropy",
    "squared_error",
    "weighted_column_moments",
]
