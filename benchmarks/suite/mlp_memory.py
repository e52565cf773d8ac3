"""One fit of an MLP on a memory map, in a process of its own.

``python -m suite.mlp_memory "skbn float32" FILE``

Prints a line when it is warm, and fits when it reads one.
"""

import sys

import numpy as np

from .fresh import memory_map
from .mlp_baselines import BASELINES
from .mlp_problems import MEMORY_SHAPE, SHAPES, SHORT_FIT


def main(name, path):
    shape = SHAPES[MEMORY_SHAPE]
    baseline = BASELINES[name](shape)
    X = memory_map(path, shape.units[0])
    y = np.arange(len(X)) % shape.units[-1]
    n_warm = 2 * shape.batch_size
    baseline.fit(*baseline.load(np.array(X[:n_warm]), y[:n_warm]), SHORT_FIT)
    print("warm", flush=True)
    sys.stdin.readline()
    baseline.fit(*baseline.load(X, y), SHORT_FIT)


if __name__ == "__main__":
    main(*sys.argv[1:])
