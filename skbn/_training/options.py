"""The parameters of an estimator that training reads."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class TrainOptions:
    """The parameters that training reads; the docstring of the estimator describes them."""

    solver: str
    alpha: float
    weight_decay: float
    learning_rate: str
    learning_rate_init: float
    power_t: float
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    shuffle: bool
    virtual_batch_size: int | None
    tol: float
    n_iter_no_change: int
    early_stopping: bool
    max_fun: int
    verbose: bool

    @classmethod
    def of(cls, parameters):
        """Select the options from a dict of parameters."""
        return cls(**{field.name: parameters[field.name] for field in fields(cls)})
