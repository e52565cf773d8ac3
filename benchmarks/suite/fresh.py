"""Measurements in fresh processes: of imports, compilation and memory.

The module is not named processes, which is an attribute that asv looks for.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .problems import normal_matrix

IMPORT_SECONDS = """
import numba, sklearn.preprocessing
from time import perf_counter
start = perf_counter()
import skbn
print(perf_counter() - start)
"""

FIRST_FIT_SECONDS = """
import numpy as np
from time import perf_counter
from skbn import BatchNormalizer
X = np.arange(32, dtype=np.float32).reshape(8, 4)
start = perf_counter()
BatchNormalizer().fit(X)
print(perf_counter() - start)
"""

MLP_FIRST_FIT_SECONDS = """
import numpy as np, warnings
from time import perf_counter
from skbn import BatchNormMLPClassifier
warnings.simplefilter("ignore")
X = np.arange(256, dtype=np.float32).reshape(64, 4)
y = np.arange(64) % 2
start = perf_counter()
BatchNormMLPClassifier(max_iter=2).fit(X, y)
print(perf_counter() - start)
"""


def command(*arguments, **variables):
    """What subprocess takes to run Python on the arguments with the path of this process."""
    # asv imports the suite without having it in the path.
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = os.environ | {"PYTHONPATH": path} | variables
    return {"args": [sys.executable, *arguments], "env": environment}


def number_printed(script, **variables):
    """Run the script in a fresh process, and read the number that it prints."""
    return float(subprocess.check_output(**command("-c", script, **variables)))


def write_matrix(path, shape):
    """Write a float32 matrix (n, c) of normally distributed values, without holding it."""
    n, c = shape
    block = normal_matrix((min(n, 10_000), c))
    with Path(path).open("wb") as file:
        for start in range(0, n, len(block)):
            block[: n - start].tofile(file)


def memory_map(path, n_columns):
    """The matrix of ``write_matrix``, read from its file where it is needed."""
    # Mode "r" makes PyTorch warn. In "c" a page stays the file's as long as nobody writes to it.
    return np.memmap(path, np.float32, mode="c").reshape(-1, n_columns)


def anonymous_bytes(pid):
    """Memory of a process that is no file's; 0 when it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next((line for line in status.splitlines() if line.startswith("RssAnon")), "RssAnon: 0")
    return 1024 * int(line.split()[1])


def peak_anonymous_megabytes(module, *arguments):
    """How far the anonymous memory of a process rises after its module has said that it is warm."""
    run = command("-m", f"{__package__}.{module}", *map(str, arguments))
    pipe = subprocess.PIPE
    with subprocess.Popen(**run, stdin=pipe, stdout=pipe, text=True) as process:
        if not process.stdout.readline():
            raise ChildProcessError(f"{process.args} failed")
        peak = before = anonymous_bytes(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(0.001)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return (peak - before) / 1e6
