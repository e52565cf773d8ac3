"""The passes over rows of a device."""

from functools import cache

from .host import HostPasses

_HOST = HostPasses()


def passes_of(device):
    """The HostPasses or DevicePasses of a Device."""
    return _HOST if device.is_host else _device_passes()


@cache
def _device_passes():
    from .device import DevicePasses

    return DevicePasses()
