"""The training loop: epochs, batches, schedule, early stopping, callbacks."""

from .data import TrainingRows
from .history import History
from .lbfgs import LBFGSTrainer
from .options import TrainOptions
from .population import layer_moments, set_population_moments
from .solvers import optimizer_of
from .steps import Steps
from .tasks import EpochTasks
from .trainer import Trainer, TrainingDivergedError
from .validation import Validation

__all__ = [
    "EpochTasks",
    "History",
    "LBFGSTrainer",
    "Steps",
    "TrainOptions",
    "Trainer",
    "TrainingDivergedError",
    "TrainingRows",
    "Validation",
    "layer_moments",
    "optimizer_of",
    "set_population_moments",
]
