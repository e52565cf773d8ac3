"""From the parameters of an estimator to its optimizer and schedule."""

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


def schedule_of(settings, n_steps):
    """The schedule of the learning rate; ``n_steps`` are those of the whole fit, or None.

    "adam" keeps to a constant rate where scikit-learn's does. Steps of ``partial_fit`` have no
    known end, and a cosine none to go to.
    """
    rate, name = settings.learning_rate_init, settings.learning_rate
    if name == "cosine":
        return InverseTime(rate) if n_steps is None else Cosine(rate, n_steps)
    if name == "invscaling" and settings.solver != "adam":
        return InverseScaling(rate, settings.power_t)
    if name == "adaptive" and settings.solver != "adam":
        return Adaptive(rate)
    return Constant(rate)


def optimizer_of(settings, network, n_steps):
    """The optimizer that the parameters of an estimator name."""
    schedule = schedule_of(settings, n_steps)
    if settings.solver == "sgd":
        method = NesterovSGD if settings.nesterovs_momentum else SGD
        return method(network, schedule, settings.momentum)
    moments = settings.beta_1, settings.beta_2, settings.epsilon
    if settings.solver == "adam":
        return Adam(network, schedule, *moments)
    return AdamW(network, schedule, *moments, weight_decay=settings.weight_decay)
