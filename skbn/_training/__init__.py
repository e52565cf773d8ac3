"""The fit loop: epochs, batches, schedule, early stopping, callbacks."""

from .epochs import EpochLoop, TrainingDivergedError
from .history import History
from .lbfgs import LBFGSLoop
from .population import layer_moments, set_population_moments
from .steps import Steps, TrainingRows
from .tasks import EpochTasks
from .validation import Validation

__all__ = [
    "EpochLoop",
    "EpochTasks",
    "History",
    "LBFGSLoop",
    "Steps",
    "TrainingDivergedError",
    "TrainingRows",
    "Validation",
    "layer_moments",
    "set_population_moments",
]
