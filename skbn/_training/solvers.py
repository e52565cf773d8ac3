"""From the options of training to its optimizer and schedule."""

from .._optimizers import OPTIMIZERS, SCHEDULES


def schedule_of(options, n_steps):
    """The schedule of the learning rate; ``n_steps`` are those of the whole fit, or None.

    "adam" keeps to a constant rate where scikit-learn's does.
    """
    name = options.learning_rate
    if options.solver == "adam" and name != "cosine":
        name = "constant"
    return SCHEDULES[name].of(options, n_steps)


def optimizer_of(options, network, n_steps):
    """The optimizer that the options name."""
    return OPTIMIZERS[options.solver].of(network, schedule_of(options, n_steps), options)
