"""The network: a list of layers over one flat buffer of parameters."""

from .activations import ACTIVATIONS, inference_value_of
from .batch import MIN_BATCH_ROWS, Workspace, near_equal_bounds
from .layers import fold
from .network import Network

__all__ = [
    "ACTIVATIONS",
    "MIN_BATCH_ROWS",
    "Network",
    "Workspace",
    "fold",
    "inference_value_of",
    "near_equal_bounds",
]
