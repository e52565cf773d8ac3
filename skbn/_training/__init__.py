"""The training loop: epochs, batches, schedule, early stopping, callbacks."""

from .epochs import EpochLoop, TrainingDivergedError
from .history import History
from .lbfgs import LBFGSLoop
from .options import TrainOptions
from .population import layer_moments, set_population_moments
from .solvers import optimizer_of
from .steps import Steps, TrainingRows
from .tasks import EpochTasks
from .validation import Validation

__all__ = [
    "EpochLoop",
    "EpochTasks",
    "History",
    "LBFGSLoop",
    "Steps",
    "TrainOptions",
    "TrainingDivergedError",
    "TrainingRows",
    "Validation",
    "layer_moments",
    "optimizer_of",
    "set_population_moments",
]
