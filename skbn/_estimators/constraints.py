"""What the parameters of both MLPs may be."""

from numbers import Integral, Real

import numpy as np

from .._model import ACTIVATIONS
from .._model.optimizers import OPTIMIZERS
from .._model.schedules import SCHEDULES
from .validation import Interval, Options, StrOptions

CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({*ACTIVATIONS})],
    "solver": [StrOptions({"lbfgs", *OPTIMIZERS})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto", "scaled"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({*SCHEDULES})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [StrOptions({"auto", "scaled"}), Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "batch_norm": ["boolean"],
    "batch_norm_momentum": [Interval(Real, 0, 1, closed="right")],
    "batch_norm_epsilon": [Interval(Real, 0, None, closed="neither")],
    "virtual_batch_size": [None, Interval(Integral, 2, None, closed="left")],
    "normalize_inputs": ["boolean"],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
    "clip_inputs": ["boolean"],
    "smooth_clip": [Interval(Real, 0, None, closed="neither"), None],
    "numeric_encoding": [StrOptions({"auto", "piecewise"}), None],
    "n_bins": [Interval(Integral, 2, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "dtype": [StrOptions({"float32", "float64", "input"})],
    "device": [StrOptions({"cpu", "cuda", "auto"})],
}
