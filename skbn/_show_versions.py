"""Information about the machine for bug reports."""

import platform
import sys

import numba
import numpy as np
import scipy
import sklearn

from . import __version__
from ._backends.cuda import describe_cuda
from ._backends.threads import n_threads
from .kernels.compile import cache_folder


def versions():
    """Return the versions and settings that affect results and speed.

    Returns
    -------
    dict of str to str
        Version or setting by name.
    """
    return {
        "skbn": __version__,
        "python": sys.version.replace("\n", " "),
        "platform": platform.platform(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "numba": numba.__version__,
        "threads": str(n_threads()),
        "cache folder": cache_folder() or "none (no folder is writable)",
        "CUDA device": describe_cuda(),
    }


def show_versions():
    """Print the versions and settings that affect results and speed, for bug reports.

    Examples
    --------
    >>> from skbn import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    skbn: ...
    python: ...
    """
    sys.stdout.writelines(f"{name}: {value}\n" for name, value in versions().items())
