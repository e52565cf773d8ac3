"""What the scripts that compare baselines in one process have in common."""

import time
import timeit
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from statistics import median

import numpy as np

import skbn

from . import N_THREADS

LIBRARIES = ("numpy", "numba", "scikit-learn", "torch", "scikit-learn-intelex")

# PyTorch's threads and oneDAL's spin for a while after a call: what came next on 1,000,000x100,
# skbn or oneDAL, took 20 ms instead of 15.
REST_SECONDS = 0.02

# OpenBLAS's spin for a tenth of a second: PyTorch's predict_proba of 20,000 rows, after
# scikit-learn's, took 54 ms instead of 5.
REST_SECONDS_AFTER_BLAS = 0.2


def rounded(number, digits):
    return np.format_float_positional(number, digits, fractional=False, trim="-")


def interleaved_samples(calls, number, repeat, rest=REST_SECONDS):
    """Seconds of each call, taken in turns so that noise hits all alike."""
    samples = {name: [] for name in calls}
    for _ in range(repeat):
        for name, call in calls.items():
            time.sleep(rest)
            samples[name].append(timeit.timeit(call, number=number) / number)
    return samples


def interleaved_medians(calls, number, repeat, rest=REST_SECONDS):
    samples = interleaved_samples(calls, number, repeat, rest)
    return {name: median(seconds) for name, seconds in samples.items()}


def is_installed(baseline):
    try:
        baseline()
    except NotImplementedError:
        return False
    return True


def print_header(*names):
    print("|", *(f"{name} |" for name in names))
    print("|---" * 2 + "|", "---:|" * (len(names) - 2), sep="")


def print_row(*texts):
    print("|", *(f"{text} |" for text in texts), flush=True)


def _versions():
    for library in LIBRARIES:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            yield f"no {library}"


def print_footer():
    python = f"Python {python_version()}, skbn {skbn.__version__}"
    print(f"\n{N_THREADS} threads; {python}, {', '.join(_versions())}")
