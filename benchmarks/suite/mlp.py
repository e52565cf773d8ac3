"""asv benchmarks of BatchNormMLPClassifier and its baselines."""

import tempfile
from functools import cache
from pathlib import Path

from . import fresh, mlp_measures
from .devices import DEVICES
from .mlp_baselines import BASELINES
from .mlp_problems import GPU_SHAPES, MEMORY_SHAPE, N_MEMORY_ROWS, SHAPES, problem, shrunk
from .problems import ROWS_DIVISOR

# A smoke test makes do with little: each of the combinations costs it a process.
if ROWS_DIVISOR == 1:
    SHAPE_NAMES, REPEAT = (*SHAPES, *GPU_SHAPES), 3
    STEP_SHAPES = "20-32-2", "100-512-512-512-10", *GPU_SHAPES
else:
    SHAPE_NAMES, REPEAT = ("20-32-2", "10-64-64-4"), 1
    STEP_SHAPES = ("20-32-2",)


@cache
def fitted(name, device, shape):
    """Cached, because asv calls ``setup`` again before every sample."""
    if device == "cpu" and shape in GPU_SHAPES:
        raise NotImplementedError("takes minutes on the CPU")
    BASELINES[name](None, device)  # skips what is not there before it takes time
    return mlp_measures.fitted(name, problem(shape), device)


class _Shapes:
    params = (tuple(BASELINES), DEVICES, SHAPE_NAMES)
    param_names = ("baseline", "device", "shape")
    timeout = 600

    def setup(self, baseline, device, shape):
        self.baseline = fitted(baseline, device, shape)
        self.problem = problem(shape)


class _Training(_Shapes):
    def epoch(self, name):
        return mlp_measures.epochs({name: self.baseline}, self.problem, REPEAT)[name]


class MLPEpoch(_Training):
    """The fit by its epochs, and an epoch without what a fit does before and after."""

    def track_fit_milliseconds_per_epoch(self, baseline, *_):
        return 1e3 * self.epoch(baseline).fit

    def track_epoch_milliseconds(self, baseline, *_):
        return 1e3 * self.epoch(baseline).alone

    track_fit_milliseconds_per_epoch.unit = track_epoch_milliseconds.unit = "ms"


class MLPStep(_Training):
    """A step without its matrix products: of a small network, and as a share of a large one."""

    params = (tuple(BASELINES), DEVICES, STEP_SHAPES)

    def track_microseconds_outside_gemms(self, baseline, *_):
        return 1e6 * self.epoch(baseline).outside_gemms / self.problem.shape.n_steps

    track_microseconds_outside_gemms.unit = "µs"

    def track_share_outside_gemms(self, baseline, *_):
        epoch = self.epoch(baseline)
        return epoch.outside_gemms / epoch.alone

    track_share_outside_gemms.unit = "of the step"


class MLPPredictProba(_Shapes):
    number = 1
    repeat = (3, 100, 5.0)
    warmup_time = 0.1

    def setup(self, baseline, device, shape):
        super().setup(baseline, device, shape)
        self.call = mlp_measures.predict_proba(self.baseline, self.problem)

    def time_predict_proba(self, *_):
        self.call()


class MLPPredictProbaOneRow(_Shapes):
    number = 1
    repeat = (100, 5000, 2.0)
    warmup_time = 0.1

    def setup(self, baseline, device, shape):
        super().setup(baseline, device, shape)
        self.call = mlp_measures.predict_proba_one_row(self.baseline, self.problem)

    def time_predict_proba_one_row(self, *_):
        self.call()


class MLPMemory:
    """Anonymous memory of a fit on a float32 memory map of 157 MB, whose pages do not count."""

    params = (tuple(name for name in BASELINES if name.endswith("float32")),)
    param_names = ("baseline",)
    timeout = 300

    def setup(self, baseline):
        # asv skips what is not installed here, and calls it a failure there.
        BASELINES[baseline](SHAPES[MEMORY_SHAPE])

    def track_anonymous_megabytes(self, baseline):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "X"
            shape = shrunk(SHAPES[MEMORY_SHAPE]._replace(n_rows=N_MEMORY_ROWS))
            fresh.write_matrix(path, (shape.n_rows, shape.units[0]))
            return fresh.peak_anonymous_megabytes("mlp_memory", baseline, path)

    track_anonymous_megabytes.unit = "MB"


class MLPCompilation:
    """First fit of a process, without and with the machine code of an earlier process."""

    params = (("cold", "cached"),)
    param_names = ("cache",)
    timeout = 300

    def setup_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            script = fresh.MLP_FIRST_FIT_SECONDS
            return {c: fresh.number_printed(script, NUMBA_CACHE_DIR=folder) for c in self.params[0]}

    def track_compile_seconds(self, seconds, cache):
        return seconds[cache]

    track_compile_seconds.unit = "s"
