"""One call on a memory map, in a process of its own: ``python -m suite.memory fit skbn FILE 100``.

Prints a line when it is warm, and calls when it reads one.
"""

import sys

import numpy as np

from .baselines import BASELINES
from .fresh import memory_map

N_WARM_ROWS = 1000


def main(method, name, path, n_columns):
    baseline = BASELINES[name]()
    X = memory_map(path, int(n_columns))
    warm = baseline.load(np.array(X[:N_WARM_ROWS]))
    baseline.learn(warm)
    call = getattr(baseline, method)
    call(warm)
    print("warm", flush=True)
    sys.stdin.readline()
    call(baseline.load(X))


if __name__ == "__main__":
    main(*sys.argv[1:])
