"""What a bug report should say of the machine."""

import platform
import sys

import numba
import numpy as np
import scipy
import sklearn

from . import __version__, _chunks, _device
from .kernels.compile import cache_folder


def versions():
    """The versions and settings that results and speed depend on, by name.

    Returns
    -------
    dict of str to str
    """
    return {
        "skbn": __version__,
        "python": sys.version.replace("\n", " "),
        "platform": platform.platform(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "numba": numba.__version__,
        "threads": str(_chunks.n_threads()),
        "cache folder": cache_folder() or "none (no folder is writable)",
        "CUDA device": _device.describe_cuda(),
    }


def show_versions():
    """Print the versions and settings that results and speed depend on, for a bug report.

    Examples
    --------
    >>> from skbn import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    skbn: ...
    python: ...
    """
    sys.stdout.writelines(f"{name}: {value}\n" for name, value in versions().items())
