"""What a launch gives to the driver."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest
from kernels.kernel_problems import on_cuda

pytestmark = list(on_cuda)
GRID, BLOCK = (3, 2, 1), (32, 8, 1)


class Kernel:
    """A kernel whose compilation is recorded, and whose code is at the address 1234."""

    def __init__(self):
        self.signatures = []

    def compile(self, signature):
        self.signatures.append(signature)
        cufunc = SimpleNamespace(handle=1234)
        return SimpleNamespace(_codelibrary=SimpleNamespace(get_cufunc=lambda: cufunc))


def parameter(pointers, i, kind):
    """Parameter i, as the driver reads it."""
    address = ctypes.c_void_p.from_address(pointers + 8 * i).value
    return kind.from_address(address).value


@pytest.fixture
def launches(monkeypatch):
    """Calls of the driver: their arguments, and the parameters of the kernel."""
    import cupy

    calls = []

    def launch_kernel(*arguments):
        *_, pointers, _extra = arguments
        kinds = [ctypes.c_int64] * 9 + [ctypes.c_float, ctypes.c_uint32, ctypes.c_double]
        values = [parameter(pointers, i, kind) for i, kind in enumerate(kinds)]
        calls.append((arguments[:-2], values))

    driver = SimpleNamespace(launchKernel=launch_kernel)
    monkeypatch.setattr(cupy.cuda, "driver", driver, raising=False)
    return calls


def test_arrays_and_scalars_are_packed_as_the_compiler_reads_them(launches):
    import cupy

    from skbn.kernels.cuda import driver

    kernel, x = Kernel(), cupy.asarray(np.zeros((5, 7), np.float32))
    scalars = np.float32(0.1), np.uint32(3_000_000_000), 2.5
    driver.launch(kernel, GRID, BLOCK, (x, *scalars))
    (call, values), stream = launches[0], cupy.cuda.get_current_stream().ptr
    assert call == (1234, *GRID, *BLOCK, 0, stream)
    assert values == [0, 0, 35, 4, x.data.ptr, 5, 7, 28, 4, *map(float, scalars)]
    assert [str(of) for of in kernel.signatures[0]][1:] == ["float32", "uint32", "float64"]


def test_a_kernel_is_compiled_once_for_each_type_of_arguments(launches):
    import cupy

    from skbn.kernels.cuda import driver

    kernel, scalars = Kernel(), (np.float32(0.5), np.uint32(7), 2.5)
    for shape, dtype in (((5, 7), "f4"), ((3, 2), "f4"), ((5, 7), "f8"), ((5, 7), "f4")):
        driver.launch(kernel, GRID, BLOCK, (cupy.asarray(np.zeros(shape, dtype)), *scalars))
    assert len(kernel.signatures) == 2
    assert [values[5:7] for _, values in launches] == [[5, 7], [3, 2], [5, 7], [5, 7]]
