"""The fit loop: epochs, batches, schedule, early stopping, callbacks."""

from .epochs import EpochLoop, TrainingRows
from .history import History
from .lbfgs import LBFGSLoop
from .population import set_population_moments
from .tasks import EpochTasks
from .validation import Validation

__all__ = [
    "EpochLoop",
    "EpochTasks",
    "History",
    "LBFGSLoop",
    "TrainingRows",
    "Validation",
    "set_population_moments",
]
