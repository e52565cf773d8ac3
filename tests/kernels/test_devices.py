"""Every kernel of a device against that of the host, and against itself."""

from importlib import import_module
from types import FunctionType

import numpy as np
import pytest
from kernels.kernel_problems import (
    DEVICES,
    EPSILON,
    MOMENTUM,
    dyadic,
    kernels_of,
    normal,
    wraps_around,
)

from skbn.kernels import cpu
from skbn.kernels.formulas import ACTIVATIONS
from skbn.kernels.layout import MEAN, MEAN_ERROR
from skbn.kernels.registry import OF_BOTH_DEVICES, OF_CUDA

pytestmark = wraps_around

# Where float32 may round otherwise: a product and a sum may be one instruction.
TOLERANCES = {np.float32: 1e-6, np.float64: 1e-12}


def shape_of_several_blocks():
    """Several tiles of columns and several parts of rows, the last of each half empty."""
    from skbn.kernels.cuda import launch

    shape = 2 * launch.ROWS * launch.MIN_ROWS_PER_THREAD + 5, 2 * launch.COLUMNS - 1
    assert min(launch.column_grid(*shape)[:2]) == 2
    return shape


def bins(rng, n_columns):
    """Column and edges of three bins."""
    return rng.integers(0, n_columns, 3), rng.uniform([[-0.5], [0.5]], [[0.5], [2.0]], (2, 3))


def category_codes(rng, n, n_columns):
    """Codes (n, n_columns) of columns of four categories, some of them unknown."""
    codes = rng.integers(0, 4, (n, n_columns)) + 4 * np.arange(n_columns)
    return np.where(rng.random(codes.shape) < 0.2, -1, codes).astype(np.int32)


def layers(rng, shape, dtype):
    out, delta = normal(rng, shape, dtype), normal(rng, shape, dtype)
    empty = np.empty(shape, dtype)
    index, vector = rng.permutation(shape[0]), normal(rng, shape[1], dtype)
    mean_scale = rng.normal(size=(2, shape[1]))
    codes, weight = category_codes(rng, shape[0], 3), normal(rng, (12, shape[1]), dtype)
    return {
        "gather_rows": (out, index, mean_scale, empty),
        "encode_bins": (
            out,
            index,
            *bins(rng, shape[1]),
            np.zeros((shape[0], shape[1] + 3), dtype),
        ),
        "one_hot_forward": (codes, weight, out),
        "one_hot_backward": (codes, delta, weight),
        "embed_forward": (codes, 4, weight[4:], np.hstack([out, out])),
        "embed_backward": (codes, 4, np.hstack([delta, out]), weight[4:]),
        "smooth_clip": (out, dtype(1.5), empty),
        "add_bias": (vector, out),
        "bias_backward": (delta, vector),
        "dropout": (out, dtype(0.25), np.uint32(7), empty),
        "relu_dropout": (out, dtype(0.25), np.uint32(7)),
        "relu_dropout_backward": (out, dtype(0.25), delta),
    }


def losses(rng, shape, dtype):
    (n, k), eps = shape, float(np.finfo(dtype).eps)
    x, share = normal(rng, shape, dtype), (dyadic(rng, n) / 32 / n).astype(dtype)
    label, binary = rng.integers(0, k, n), rng.integers(0, 2, shape).astype(dtype)
    smoothed, loss, out = (0.25, np.full(k, 1 / k), eps), np.full(1, np.nan), np.empty_like(x)
    counts = rng.poisson(1.0, shape).astype(dtype)
    return {
        "softmax_cross_entropy": (x.copy(), label, share, *smoothed, loss, out),
        "binary_cross_entropy": (x, binary, share, *smoothed, loss, out),
        "squared_error": (x, normal(rng, shape, dtype), share, loss, out),
        "poisson_deviance": (np.exp(x), counts, share, loss, out),
    }


def optimizers(rng, shape, dtype):
    grads, state, params = normal(rng, (3, shape[0] * shape[1]), dtype)
    second, momentum = state**2, np.array([0.1, 0.9], dtype)
    adam = np.array([0.1, 0.9, 0.1, 0.99, 0.01, 1e-8, 0.5], dtype)
    return {
        "add_scaled": (grads, dtype(0.3), params),
        "sgd_step": (momentum, grads, state, params),
        "nesterov_step": (momentum, grads, state, params),
        "adam_step": (adam, params[: len(params) // 3], grads, state, second, params),
        "count_non_finite": (np.where(params > 1.0, np.nan, params), np.zeros(1)),
    }


def statistics(rng, shape, dtype):
    x, table, out = normal(rng, shape, dtype, 1.0, 3.0), np.empty((5, shape[1])), np.zeros(shape)
    x[rng.random(shape) < 0.1] = np.nan
    vectors, infinite = rng.normal(size=(3, shape[1])), np.zeros(1, np.int64)
    return {
        "column_moments": (x, table),
        "weighted_column_moments": (x, rng.random(shape[0]), table),
        "normalize": (x, *vectors, infinite, out.astype(dtype)),
    }


def batch_norm(rng, shape, dtype):
    """Three ghost batches, of which the first has one row of weight."""
    (n, c), weight = shape, dyadic(rng, shape[0]).astype(dtype)
    weight[1 : n // 5] = 0.0
    bounds, constants = np.array([0, n // 5, n // 2, n]), np.array([EPSILON, MOMENTUM], dtype)
    z, gamma_beta = normal(rng, shape, dtype), normal(rng, (2, c), dtype)
    running, statistics = np.ones((5, c)), np.empty((3, 3, c), dtype)
    batch, delta = (z, weight, bounds, constants, gamma_beta), normal(rng, shape, dtype)
    cpu.batch_norm_forward(*batch, running.copy(), statistics, np.empty_like(z))
    new, out, rate = np.empty_like(statistics), np.empty_like(z), dtype(0.25)
    dropped, grads = (
        np.where(rng.random(shape) < 0.5, 0.0, z).astype(dtype),
        np.empty_like(gamma_beta),
    )
    return {
        "batch_norm_forward": (*batch, running, new, out),
        "batch_norm_backward": (*batch[:3], statistics, grads, delta),
        "batch_norm_relu_dropout_forward": (*batch, running, new, rate, np.uint32(7), out),
        "batch_norm_relu_dropout_backward": (*batch[:3], statistics, dropped, rate, grads, delta),
    }


def activations(rng, shape, dtype):
    """The value and the gradient of each activation, by its name and which of both."""
    x, delta = normal(rng, shape, dtype), normal(rng, shape, dtype)
    return {f"{name} {i}": (x, delta)[: i + 1] for name in ACTIVATIONS for i in range(2)}


PROBLEMS = [layers, losses, optimizers, statistics, batch_norm]
CASES = [(problem, name) for problem in PROBLEMS for name in OF_BOTH_DEVICES[problem.__name__]]
CASES += [(activations, f"{name} {i}") for name in ACTIVATIONS for i in range(2)]


def kernel_of(kernels, name):
    """The kernel of a name, which for activations is the name of one and which of its formulas."""
    if " " not in name:
        return getattr(kernels, name)
    activation, i = name.split()
    return kernels.ACTIVATIONS[activation][int(i)]


def results(kernels, problem, name, dtype):
    """The arrays of a call after it; the means of moments with what they lack."""
    rng = np.random.default_rng(0)
    arguments = problem(rng, shape_of_several_blocks(), dtype)[name]
    kernel_of(kernels, name)(*arguments)
    arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
    for table in arrays:
        if table.dtype == np.float64 and table.ndim == 2 and len(table) == 5:
            table[MEAN] += table[MEAN_ERROR]
            table[MEAN_ERROR] = 0.0
    return arrays


@pytest.mark.parametrize("device", DEVICES[1:])
@pytest.mark.parametrize(("problem", "name"), CASES, ids=[name for _, name in CASES])
def test_a_device_agrees_with_the_host(device, problem, name, dtype):
    host, ours = (results(kernels_of(d), problem, name, dtype) for d in ("cpu", device))
    rtol = TOLERANCES[dtype]
    for expected, value in zip(host, ours, strict=True):
        atol = rtol * np.nanmax(np.abs(expected))
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("device", DEVICES[1:])
@pytest.mark.parametrize(("problem", "name"), CASES, ids=[name for _, name in CASES])
def test_a_device_repeats_itself_to_the_bit(device, problem, name, dtype):
    twice = [results(kernels_of(device), problem, name, dtype) for _ in range(2)]
    assert [array.tobytes() for array in twice[0]] == [array.tobytes() for array in twice[1]]


def is_cut(argument, last):
    """Whether a kernel reads an argument to an end that another argument tells.

    Codes of categories, which are int32, may have any number of columns, and a view of the last
    argument any part of it.
    """
    if not isinstance(argument, np.ndarray) or argument.size < 2 or argument.dtype == np.int32:
        return False
    return argument is last or not np.may_share_memory(argument, last)


OF_ONE_ARRAY = (" 0", "relu_dropout", "count_non_finite")
OF_SEVERAL_ARRAYS = [case for case in CASES if not case[1].endswith(OF_ONE_ARRAY)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("problem", "name"), OF_SEVERAL_ARRAYS, ids=[name for _, name in OF_SEVERAL_ARRAYS]
)
def test_arrays_of_unequal_width_are_an_error(device, problem, name, dtype):
    arguments = problem(np.random.default_rng(0), (70, 7), dtype)[name]
    cut = [i for i, argument in enumerate(arguments) if is_cut(argument, arguments[-1])]
    assert cut
    for i in cut:
        narrow = np.ascontiguousarray(arguments[i][..., :-1])
        with pytest.raises(ValueError, match=r"shapes|unpack"):
            kernel_of(kernels_of(device), name)(*arguments[:i], narrow, *arguments[i + 1 :])


@pytest.mark.parametrize("device", DEVICES[1:])
@pytest.mark.parametrize("file", [problem.__name__ for problem in PROBLEMS])
def test_the_registry_has_every_launcher_of_a_file(device, file):
    module = import_module(f"{kernels_of(device).launchers.__name__}.{file}")
    launchers = {
        name
        for name, value in vars(module).items()
        if isinstance(value, FunctionType)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert launchers == {*OF_BOTH_DEVICES[file], *OF_CUDA.get(file, ())}


@pytest.mark.parametrize("device", DEVICES[1:])
def test_kernels_compile_where_no_folder_is_writeable(device, monkeypatch):
    launch = kernels_of(device).launchers.launch

    def jit(function=None, cache=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return "compiled", function

    monkeypatch.setattr(launch.cuda, "jit", jit)
    assert launch.kernel(print) == ("compiled", print)


@pytest.mark.parametrize("device", DEVICES[1:])
def test_more_ghost_batches_than_a_grid_takes_are_refused_in_words(device):
    launch = kernels_of(device).launchers.launch
    assert launch.column_grid(131_070, 3, 65_535)[2] == 65_535
    with pytest.raises(
        ValueError, match="at most 65535 ghost batches on a GPU, got 65536: virtual"
    ):
        launch.column_grid(131_072, 3, 65_536)


@pytest.mark.parametrize("device", DEVICES[1:])
def test_small_scratch_memory_is_kept_and_large_is_not(device):
    launch = kernels_of(device).launchers.launch
    assert launch.scratch((2, 3)) is launch.scratch((2, 3))
    assert launch.scratch((2, 3)) is not launch.scratch((2, 3), np.float32)
    large = (launch.MAX_SCRATCH_VALUES + 1,)
    assert launch.scratch(large) is not launch.scratch(large)
