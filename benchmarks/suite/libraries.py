"""asv benchmark of what libraries cost a process before they compute anything."""

import subprocess
import timeit
from importlib import metadata
from platform import python_version
from statistics import median

import skbn

from . import fresh

MODULES = {
    "Python": "sys",
    "numpy": "numpy",
    "numba": "numba",
    "scikit-learn": "sklearn.neural_network",
    "skbn": "skbn",
    "torch": "torch",
    "scikit-learn-intelex": "sklearnex",
}


def version_of(library):
    """The version that is installed, or None."""
    own = {"Python": python_version(), "skbn": skbn.__version__}
    try:
        return own.get(library) or metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


class Start:
    """Start of Python and import of one library, in a process of its own.

    The versions are parameters because asv's results tell none of what it has not installed.
    """

    params = ([f"{name} {version_of(name)}" for name in MODULES if version_of(name)],)
    param_names = ("library",)
    timeout = 300

    def track_milliseconds(self, library):
        command = fresh.command("-c", f"import {MODULES[library.split()[0]]}")
        seconds = timeit.repeat(lambda: subprocess.check_call(**command), number=1, repeat=5)
        return 1e3 * median(seconds)

    track_milliseconds.unit = "ms"
