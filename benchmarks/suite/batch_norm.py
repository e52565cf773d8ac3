"""asv benchmarks of batch normalization in training."""

from functools import cache

from .batch_norm_baselines import BASELINES, PASSES, SHAPE, Problem, checked
from .devices import DEVICES, array_module, copy_bandwidth, seconds_of
from .problems import shrunk


@cache
def problem():
    return Problem(shrunk(SHAPE))


class BatchNormTraining:
    """Without activation. Calls that are launched one after the other, and waited for at the end.

    Bytes are those that have to be read or written: a baseline that does more is slower by it.
    """

    params = (tuple(BASELINES), DEVICES, tuple(PASSES))
    param_names = ("baseline", "device", "passes")
    timeout = 300

    def setup(self, baseline, device, passes):
        array_module(device)  # skips what is not there before it takes time
        self.call = getattr(checked(baseline, problem(), device), passes)

    def bytes_per_second(self, device, passes):
        return PASSES[passes] * problem().x.nbytes / seconds_of(self.call, device)

    def track_milliseconds(self, _baseline, device, _passes):
        return 1e3 * seconds_of(self.call, device)

    def track_gigabytes_per_second(self, _baseline, device, passes):
        return self.bytes_per_second(device, passes) / 1e9

    def track_share_of_copy_bandwidth(self, _baseline, device, passes):
        return self.bytes_per_second(device, passes) / copy_bandwidth(problem().x.nbytes, device)

    track_milliseconds.unit = "ms"
    track_gigabytes_per_second.unit = "GB/s"
    track_share_of_copy_bandwidth.unit = "of a copy's"
