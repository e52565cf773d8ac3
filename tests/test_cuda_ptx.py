"""Every CUDA kernel compiled for an H100 or H200, which needs no GPU."""

import importlib
import importlib.util
import re
import sys
from functools import cache
from types import ModuleType, SimpleNamespace

import numba
import numpy as np
import pytest
from numba import types

from skbn.kernels import formulas

MODULES = ["activations", "batch_norm", "layers", "losses", "optimizers", "statistics"]
MAX_SHARED_BYTES = 48 * 1024

# Arguments by their letters and, of arrays, the number of dimensions: x is of the dtype of the
# data, d float64, i int64, s int32 and u uint32.
ARGUMENTS = {
    "batch_norm._batch_statistics": "x2 x1 i1 d d x2 d2 x3 d2 u1",
    "batch_norm._normalize_batches": "x2 i1 x2 x3 x u u x2",
    "batch_norm._normalize_relu_dropout": "x2 i1 x2 x3 x u u x2",
    "batch_norm._batch_gradients": "x2 x1 i1 x3 x2 x x2 d2 u1 x3 x2",
    "batch_norm._batch_relu_dropout_gradients": "x2 x1 i1 x3 x2 x x2 d2 u1 x3 x2",
    "batch_norm._input_gradient": "x2 x1 i1 x3 x2 x x3 x2",
    "batch_norm._relu_dropout_input_gradient": "x2 x1 i1 x3 x2 x x3 x2",
    "layers._add_bias": "x1 x2",
    "layers._add_parts": "x2 x1",
    "layers._bias_backward": "x2 d2 u1 x1",
    "layers._dropout": "x2 x u u x2",
    "layers._embed_backward": "s2 i x2 x3",
    "layers._embed_forward": "s2 i x2 x2",
    "layers._encode_bins": "x2 i1 i1 d2 x2",
    "layers._gather_rows": "x2 i1 d2 x2",
    "layers._gather_sparse_rows": "x1 s1 s1 i1 d2 x2",
    "layers._one_hot_backward": "s2 x2 x3",
    "layers._one_hot_forward": "s2 x2 x2",
    "layers._relu_dropout": "x2 x u u",
    "layers._relu_dropout_backward": "x1 x x1",
    "layers._smooth_clip": "x1 x x1",
    "losses._binary_cross_entropy": "x2 x2 x1 d d1 d d d1 u1 d1 x2",
    "losses._poisson_deviance": "x2 x2 x1 d1 u1 d1 x2",
    "losses._softmax_cross_entropy": "x2 i1 x1 d d1 d d d1 u1 d1 x2",
    "losses._squared_error": "x2 x2 x1 d1 u1 d1 x2",
    "optimizers._adam_step": "x x x x x x x x1 x1 x1 x1 x1",
    "optimizers._add_scaled": "x1 x x1",
    "optimizers._count_non_finite": "x1 d1 u1 d1",
    "optimizers._nesterov_step": "x x x1 x1 x1",
    "optimizers._sgd_step": "x x x1 x1 x1",
    "statistics._column_moments": "x1 x1 i i d2 u1 d2",
    "statistics._normalize": "x1 d1 d1 d1 i i1 x1",
}

ACTIVATIONS = {f"activations.{name}.0": "x1" for name in formulas.ACTIVATIONS}
ACTIVATIONS |= {f"activations.{name}.1": "x1 x1" for name in formulas.ACTIVATIONS}
ARGUMENTS |= ACTIVATIONS

# Two or three operations beside the loads: float64 costs nothing, float32 would lose digits.
WITH_FLOAT64_CONSTANTS = {"gelu", "selu"}

# Of float32 these compute nothing in float64.
ELEMENTWISE = [
    "batch_norm._input_gradient",
    "batch_norm._normalize_batches",
    "batch_norm._normalize_relu_dropout",
    "batch_norm._relu_dropout_input_gradient",
    "layers._add_bias",
    "layers._add_parts",
    "layers._dropout",
    "layers._embed_backward",
    "layers._embed_forward",
    "layers._one_hot_backward",
    "layers._one_hot_forward",
    "layers._relu_dropout",
    "layers._relu_dropout_backward",
    "layers._smooth_clip",
    "optimizers._adam_step",
    "optimizers._add_scaled",
    "optimizers._nesterov_step",
    "optimizers._sgd_step",
    *(name for name in ACTIVATIONS if name.split(".")[1] not in WITH_FLOAT64_CONSTANTS),
]


def why_not():
    if numba.config.ENABLE_CUDASIM or numba.config.DISABLE_JIT:
        return "nothing is compiled"
    if importlib.util.find_spec("numba_cuda") is None:
        return "needs numba-cuda"
    from numba.cuda.cudadrv import nvvm

    try:
        nvvm.NVVM()
    except Exception as error:  # of several kinds, by what is missing
        return f"needs NVVM: {error}"
    return None


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def argument(token, dtype):
    scalars = {"x": dtype, "d": types.f8, "i": types.i8, "s": types.i4, "u": types.u4}
    scalar = scalars[token[0]]
    return types.Array(scalar, int(token[1:]), "C") if token[1:] else scalar


def key(token, dtype):
    """An argument as the launcher tells it from others."""
    scalars = {"x": np.dtype(str(dtype)).type, "d": float, "i": int, "s": np.int32, "u": np.uint32}
    scalar, n_dimensions = scalars[token[0]], token[1:]
    return (np.dtype(scalar), int(n_dimensions)) if n_dimensions else scalar


@pytest.fixture(scope="module")
def modules():
    """The modules of the kernels, on a device that is not there and, if need be, without CuPy."""
    patch = pytest.MonkeyPatch()
    if importlib.util.find_spec("cupy") is None:
        patch.setitem(sys.modules, "cupy", ModuleType("cupy"))
    from numba.cuda import dispatcher

    device = SimpleNamespace(compute_capability=(9, 0))
    patch.setattr(dispatcher, "get_current_device", lambda: device)
    yield {name: importlib.import_module(f"skbn.kernels.cuda.{name}") for name in MODULES}
    patch.undo()


@pytest.fixture(scope="module")
def ptx(modules):
    from numba import cuda

    @cache
    def compiled(name, dtype):
        signature = tuple(argument(token, dtype) for token in ARGUMENTS[name].split())
        kernel = dict(kernels(modules[name.split(".")[0]]))[name]
        return cuda.compile_ptx(kernel.py_func, signature, cc=(9, 0))[0]

    return compiled


def kernels(module):
    """The kernels of a module with their names: its globals, and those of each activation."""
    from numba.cuda.dispatcher import CUDADispatcher

    prefix = module.__name__.split(".")[-1]
    for name, value in vars(module).items():
        if isinstance(value, CUDADispatcher) and not value.targetoptions.get("device"):
            yield f"{prefix}.{name}", value
    for name, of_name in getattr(module, "KERNELS", {}).items():
        yield from ((f"{prefix}.{name}.{i}", kernel) for i, kernel in enumerate(of_name))


def test_no_kernel_is_left_out(modules):
    assert {name for module in modules.values() for name, _ in kernels(module)} == set(ARGUMENTS)


@pytest.mark.parametrize("dtype", [types.f4, types.f8], ids=str)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_kernels_compile_within_the_memory_they_share(name, dtype, ptx):
    code = ptx(name, dtype)
    assert ".visible .entry" in code
    shared = re.findall(r"\.shared .*?\[(\d+)\]", code)
    assert sum(map(int, shared)) < MAX_SHARED_BYTES


# How a launcher packs parameters of the types that the compiler gives them: unused bytes are x.
PACKED = {"u64": "q", "f64": "d", "f32": "f4x", "u32": "I4x"}


@pytest.mark.parametrize("dtype", [types.f4, types.f8], ids=str)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_parameters_are_packed_as_the_compiler_expects_them(name, dtype, ptx, modules):
    from skbn.kernels.cuda import driver

    header = ptx(name, dtype).split(".visible .entry")[1].split(")")[0]
    expected = "".join(PACKED[of] for of in re.findall(r"\.param \.(\w+)", header))
    keys = [key(token, dtype) for token in ARGUMENTS[name].split()]
    assert [driver.numba_type(k) for k in keys] == [
        argument(token, dtype) for token in ARGUMENTS[name].split()
    ]
    packed = "".join(map(driver.format_of, keys))
    assert re.sub(r"(\d+)q", lambda n: int(n[1]) * "q", packed) == expected


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_maps_of_float32_stay_in_float32(name, ptx):
    assert ".f64" not in ptx(name, types.f4)


@pytest.mark.parametrize("dtype", [types.f4, types.f8], ids=str)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_nothing_is_approximated(name, dtype, ptx):
    # libdevice's exp and tanh, which err by 2 units at the most, are made of ex2 and rcp.
    has_exp = name in {*ACTIVATIONS, "losses._softmax_cross_entropy"}
    exact = "div|lg2|sqrt|tanh" if has_exp else "div|ex2|lg2|rcp|sqrt|tanh"
    assert not re.findall(rf"\b(?:{exact})\.(?:approx|full)\S*f32", ptx(name, dtype))
