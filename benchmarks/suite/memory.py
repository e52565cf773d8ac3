"""One call on a memory map, in a process of its own: ``python -m suite.memory fit skbn FILE 100``.

Prints a line when it is warm, and calls when it reads one.
"""

import sys

import numpy as np

from .contenders import CONTENDERS
from .fresh import memory_map

N_WARM_ROWS = 1000


def main(method, name, path, n_columns):
    contender = CONTENDERS[name]()
    X = memory_map(path, int(n_columns))
    warm = contender.load(np.array(X[:N_WARM_ROWS]))
    contender.learn(warm)
    call = getattr(contender, method)
    call(warm)
    print("warm", flush=True)
    sys.stdin.readline()
    call(contender.load(X))


if __name__ == "__main__":
    main(*sys.argv[1:])
