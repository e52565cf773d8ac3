"""How often a training step calls the GPU."""

from contextlib import contextmanager
from importlib import import_module
from unittest.mock import patch

import numpy as np

from .mlp_baselines import SkbnFloat32
from .mlp_problems import Shape

BATCH_SIZE = 8


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function, self.count = function, 0

    def __call__(self, *arguments, **options):
        self.count += 1
        return self.function(*arguments, **options)


@contextmanager
def counting():
    """Count skbn's launches and its matrix products."""
    driver, cuda = map(import_module, ("skbn.kernels.cuda.driver", "skbn._backends.cuda"))
    selection = import_module("skbn._backends.selection")
    launches, device = Counted(driver.launch), cuda.cuda_device()
    gemms = Counted(device.dot)
    with (
        patch.object(driver, "launch", launches),
        patch.object(selection, "cuda_device", lambda: device._replace(dot=gemms)),
    ):
        yield launches, gemms


def of_an_epoch(units, n_steps):
    """Launches and matrix products of a fit of one epoch."""
    shape = Shape(n_steps * BATCH_SIZE, units, BATCH_SIZE, None)
    X = np.random.default_rng(0).standard_normal((shape.n_rows, units[0]), dtype=np.float32)
    baseline = SkbnFloat32(shape, "cuda")
    with counting() as counts:
        baseline.fit(X, np.arange(shape.n_rows) % units[-1], 1)
    return np.array([counted.count for counted in counts])


def of_a_step(units):
    """Launches and matrix products of one more step; they do not depend on how many rows it has."""
    return of_an_epoch(units, 3) - of_an_epoch(units, 2)
