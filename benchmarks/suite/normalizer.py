"""asv benchmarks of BatchNormalizer and its baselines."""

import tempfile
import timeit
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np

from . import fresh, measures, problems
from .baselines import BASELINES, able_to
from .devices import DEVICES, copy_bandwidth

# Once in asv's fork server, instead of in each of the processes that it forks. None of them begins
# to use CUDA by it, or those that are forked could not.
for _library in ("torch", "onedal.basic_statistics", "daal4py"):
    with suppress(ImportError):
        import_module(_library)

SHAPES = [problems.shrunk(shape) for shape in problems.SHAPES]
MEMORY_MAP_SHAPE = problems.shrunk(problems.MEMORY_MAP_SHAPE)


@cache
def prepared(measure, baseline, device, shape, dtype=np.float32):
    """The call to time. Cached, because asv calls ``setup`` again before every sample."""
    BASELINES[baseline](device)  # skips what is not there before it takes time
    problem = problems.Problem(problems.normal_matrix(shape, dtype))
    return measure(baseline, problem, device).call


def n_bytes(shape):
    """Of a float32 matrix."""
    return int(np.prod(shape)) * np.dtype(np.float32).itemsize


class _Large:
    """Calls of up to a few seconds, warm already."""

    param_names = ("baseline", "device", "shape")
    number = 1
    repeat = (3, 20, 10.0)
    warmup_time = 0
    timeout = 300


class _Fit(_Large):
    def setup(self, baseline, device, shape):
        self.call = prepared(measures.fit, baseline, device, shape)

    def bytes_per_second(self, shape):
        seconds = median(timeit.repeat(self.call, number=1, repeat=5))
        return n_bytes(shape) / seconds


class Fit(_Fit):
    params = (able_to("fit"), DEVICES, SHAPES)

    def time_fit(self, *_):
        self.call()

    def track_gigabytes_per_second(self, _baseline, _device, shape):
        return self.bytes_per_second(shape) / 1e9

    track_gigabytes_per_second.unit = "GB/s"


class FitOnGPU(_Fit):
    """Bytes read a second, as a share of those that a copy on the GPU reads and writes then."""

    params = (able_to("fit"), ("cuda",), SHAPES)

    def track_share_of_copy_bandwidth(self, _baseline, device, shape):
        return self.bytes_per_second(shape) / copy_bandwidth(n_bytes(shape), device)

    track_share_of_copy_bandwidth.unit = "of a copy's"


class Transform(_Large):
    params = (able_to("transform"), DEVICES, SHAPES)

    def setup(self, baseline, device, shape):
        self.call = prepared(measures.transform, baseline, device, shape)

    def time_transform(self, *_):
        self.call()


class _Small:
    """Calls of microseconds, one a sample because asv calls ``setup`` before each."""

    param_names = ("baseline", "device")
    number = 1
    repeat = (100, 5000, 2.0)
    warmup_time = 0.1


class PartialFit(_Small):
    params = (able_to("partial_fit"), DEVICES)

    def setup(self, baseline, device):
        shape = problems.STREAM_SHAPE
        self.call = prepared(measures.partial_fit, baseline, device, shape, np.float64)

    def time_partial_fit(self, *_):
        self.call()


class TransformOneRow(_Small):
    params = (able_to("transform"), DEVICES)

    def setup(self, baseline, device):
        shape = problems.STREAM_SHAPE
        self.call = prepared(measures.transform_one_row, baseline, device, shape, np.float64)

    def time_transform_one_row(self, *_):
        self.call()


class VarianceError:
    """Relative error of the variance of a stream in chunks, far from zero."""

    n_rows = 2000
    params = (able_to("partial_fit"), (0.0, 1e3, 1e6, 1e9), (1, 7, 1000, n_rows))
    param_names = ("baseline", "offset", "chunk")
    timeout = 300

    def setup(self, baseline, offset, _chunk):
        self.baseline = BASELINES[baseline]()
        self.X = problems.normal_matrix((self.n_rows, 10), np.float64) + offset

    def track_variance_error(self, _baseline, _offset, chunk):
        for start in range(0, self.n_rows, chunk):
            self.baseline.partial_fit(self.X[start : start + chunk])
        exact = self.X.astype(np.longdouble).var(axis=0)
        error = np.abs(self.baseline.statistics()[1] / exact - 1).max()
        return np.inf if np.isnan(error) else float(error)  # asv takes NaN for skipped

    track_variance_error.unit = "relative error"


class _MemoryMap:
    """On a float32 memory map of 2 GB."""

    param_names = ("baseline",)
    timeout = 300

    def setup(self, baseline):
        # First, because asv calls teardown even where a baseline is not installed.
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "X"
        n_columns = MEMORY_MAP_SHAPE[1]
        self.baseline = BASELINES[baseline]()
        self.baseline.learn(self.baseline.load(problems.normal_matrix((1000, n_columns))))
        fresh.write_matrix(self.path, MEMORY_MAP_SHAPE)

    def teardown(self, _):
        self.folder.cleanup()

    def load(self):
        return self.baseline.load(fresh.memory_map(self.path, MEMORY_MAP_SHAPE[1]))


class FitMemory(_MemoryMap):
    params = (able_to("fit"),)

    def peakmem_fit(self, _):
        self.baseline.fit(self.load())

    def track_anonymous_megabytes(self, baseline):
        arguments = "fit", baseline, self.path, MEMORY_MAP_SHAPE[1]
        return fresh.peak_anonymous_megabytes("memory", *arguments)

    track_anonymous_megabytes.unit = "MB"


class TransformMemory(_MemoryMap):
    params = (able_to("transform"),)

    def peakmem_transform(self, _):
        self.baseline.transform(self.load())


class Import:
    timeout = 300

    def track_import_milliseconds(self):
        """Import of skbn where scikit-learn and Numba are imported already."""
        return 1e3 * median(fresh.number_printed(fresh.IMPORT_SECONDS) for _ in range(5))

    track_import_milliseconds.unit = "ms"


class Compilation:
    """First fit of a process, without and with the machine code of an earlier process."""

    params = (("cold", "cached"),)
    param_names = ("cache",)
    timeout = 300

    def setup_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            script = fresh.FIRST_FIT_SECONDS
            return {c: fresh.number_printed(script, NUMBA_CACHE_DIR=folder) for c in self.params[0]}

    def track_compile_seconds(self, seconds, cache):
        return seconds[cache]

    track_compile_seconds.unit = "s"
