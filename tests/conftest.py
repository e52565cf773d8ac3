import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent

# Numba's cache does not see that a function called from another file has changed (numba #1833):
# each version of the kernels has a cache of its own.
_SOURCES = b"".join(path.read_bytes() for path in sorted(ROOT.glob("skbn/kernels/**/*.py")))
_CACHE = ROOT / ".cache" / f"numba-{hashlib.sha256(_SOURCES).hexdigest()[:12]}"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_CACHE))

import cuda_simulator  # noqa: E402
import numba  # noqa: E402
from threadpoolctl import ThreadpoolController  # noqa: E402

from skbn._backends.cuda_setup import missing  # noqa: E402

if numba.config.ENABLE_CUDASIM:
    cuda_simulator.install()


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda") and (lacking := missing()):
        pytest.skip(f"NUMBA_ENABLE_CUDASIM=1 simulates what is missing: {'; '.join(lacking)}")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def run_python():
    """Run code in a fresh interpreter, warnings as errors; gives what it printed."""

    def run(code, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def blas():
    return ThreadpoolController().select(user_api="blas")


@pytest.fixture(autouse=True)
def blas_keeps_its_threads(blas):
    """A limit that a test leaves behind gives later tests other roundings."""
    before = [library.num_threads for library in blas.lib_controllers]
    yield
    assert [library.num_threads for library in blas.lib_controllers] == before


@pytest.fixture
def sigint_raises():
    """SIGINT raises KeyboardInterrupt, here and in processes that are started from here.

    Python installs no handler where SIGINT is ignored when it starts, as it is in a background job
    of a shell script; and a process inherits that a signal is ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def strided(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def misaligned(X):
    buffer = np.empty(X.nbytes + 1, np.uint8)
    view = buffer[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    return view


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": strided,
    "reversed": lambda X: X[::-1, ::-1],
    "read-only": read_only,
    "misaligned": misaligned,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
}


@pytest.fixture(params=LAYOUTS)
def layout(request):
    """A function that lays a matrix out in memory in one of the ways users have them."""
    return LAYOUTS[request.param]


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param
