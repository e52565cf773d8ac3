"""From the options of training to its optimizer and schedule."""

from .._optimizers import (
    SGD,
    Adam,
    AdamW,
    Adaptive,
    Constant,
    Cosine,
    InverseScaling,
    InverseTime,
    NesterovSGD,
)


def schedule_of(options, n_steps):
    """The schedule of the learning rate; ``n_steps`` are those of the whole fit, or None.

    "adam" keeps to a constant rate where scikit-learn's does. Steps of ``partial_fit`` have no
    known end, and a cosine none to go to.
    """
    rate, name = options.learning_rate_init, options.learning_rate
    if name == "cosine":
        return InverseTime(rate) if n_steps is None else Cosine(rate, n_steps)
    if name == "invscaling" and options.solver != "adam":
        return InverseScaling(rate, options.power_t)
    if name == "adaptive" and options.solver != "adam":
        return Adaptive(rate)
    return Constant(rate)


def optimizer_of(options, network, n_steps):
    """The optimizer that the options name."""
    schedule = schedule_of(options, n_steps)
    if options.solver == "sgd":
        method = NesterovSGD if options.nesterovs_momentum else SGD
        return method(network, schedule, options.momentum)
    moments = options.beta_1, options.beta_2, options.epsilon
    if options.solver == "adam":
        return Adam(network, schedule, *moments)
    return AdamW(network, schedule, *moments, weight_decay=options.weight_decay)
