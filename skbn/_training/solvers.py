"""The optimizer and the schedule that the options of training describe."""

from .._model.optimizers import OPTIMIZERS
from .._model.schedules import SCHEDULES


def schedule_of(options, n_steps):
    """The schedule of the learning rate.

    ``n_steps`` is the number of steps of the whole fit, or None. As in scikit-learn, "adam" has a
    constant rate, except with "cosine".
    """
    name = options.learning_rate
    if options.solver == "adam" and name != "cosine":
        name = "constant"
    return SCHEDULES[name].of(options, n_steps)


def optimizer_of(options, network, n_steps):
    """The optimizer of the solver that the options name."""
    return OPTIMIZERS[options.solver].of(network, schedule_of(options, n_steps), options)
