"""A stand-in for CuPy over NumPy, for Numba's CUDA simulator; as strict as CuPy or stricter.

Arrays of the host and of the device do not mix, and none becomes the other unless it is asked to.
``cuda_simulator.install`` puts it where ``import cupy`` finds it.
"""

import ctypes
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np


def _host(x):
    """The NumPy array behind an array of the device; scalars pass, arrays of the host do not."""
    if isinstance(x, ndarray):
        return x._host
    if isinstance(x, np.ndarray) and x.ndim:
        raise TypeError(f"Unsupported type {type(x)}: an array of the host")
    if isinstance(x, (tuple, list)):
        return type(x)(_host(item) for item in x)
    return x


def _device(x):
    """What NumPy gave, as an array of the device where it is one: CuPy gives no scalars."""
    return ndarray(np.asarray(x)) if isinstance(x, (np.ndarray, np.generic)) else x


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the device."""

    def __init__(self, host):
        self._host = host

    def __array__(self, *_args, **_kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_function__(self, function, *_):
        raise TypeError(f"numpy.{function.__name__} of an array of the device")

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        raise TypeError(f"numpy.{ufunc.__name__} of an array of the device")

    @property
    def data(self):
        return SimpleNamespace(ptr=self._host.ctypes.data)

    device = SimpleNamespace(id=0)

    @property
    def __cuda_array_interface__(self):
        interface = self._host.__array_interface__
        return {name: interface[name] for name in ("shape", "typestr", "data")} | {
            "version": 3,
            "strides": self._host.strides,
        }

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: ndarray(self._host.T))

    def __len__(self):
        return len(self._host)

    def __getitem__(self, index):
        return ndarray(np.asarray(self._host[_host(index)]))

    def __setitem__(self, index, value):
        self._host[_host(index)] = _host(value)

    def __bool__(self):
        return bool(self._host)

    def __float__(self):
        return float(self._host)

    def __int__(self):
        return int(self._host)

    def __dlpack__(self):
        return self

    def __dlpack_device__(self):
        return 2, 0

    def get(self, stream=None, order="C", out=None, blocking=True):
        if out is None:
            (stream or NULL_STREAM).synchronize()
            return np.array(self._host, order=order)
        assert out.flags.c_contiguous or out.flags.f_contiguous
        assert out.dtype == self.dtype
        assert out.shape == self.shape
        stream.later(lambda: np.copyto(poisoned(out), self._host))
        if blocking:
            stream.synchronize()
        return out

    def set(self, array, stream=None):
        assert isinstance(array, np.ndarray)
        assert array.dtype == self.dtype
        assert array.shape == self.shape
        assert self.flags.c_contiguous or self.flags.f_contiguous
        if stream is None:
            self._host[...] = array
        else:
            stream.later(lambda: np.copyto(self._host, array))


def _operator(ufunc):
    def operate(self, *others):
        return _device(ufunc(self._host, *map(_host, others)))

    def reflected(self, other):
        return _device(ufunc(_host(other), self._host))

    def in_place(self, other):
        ufunc(self._host, _host(other), out=self._host)
        return self

    return operate, reflected, in_place


for _name in (
    *("add", "subtract", "multiply", "true_divide", "power", "matmul"),
    *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    *("bitwise_and", "bitwise_or", "negative", "absolute", "invert"),
):
    _dunder = {
        "subtract": "sub",
        "multiply": "mul",
        "true_divide": "truediv",
        "power": "pow",
        "less": "lt",
        "less_equal": "le",
        "greater": "gt",
        "greater_equal": "ge",
        "equal": "eq",
        "not_equal": "ne",
        "bitwise_and": "and",
        "bitwise_or": "or",
        "negative": "neg",
        "absolute": "abs",
    }.get(_name, _name)
    for _prefix, _method in zip(("", "r", "i"), _operator(getattr(np, _name)), strict=True):
        setattr(ndarray, f"__{_prefix}{_dunder}__", _method)

ndarray.__hash__ = object.__hash__


def _method(name):
    def call(self, *args, **kwargs):
        kwargs = {key: _host(value) for key, value in kwargs.items()}
        return _device(getattr(self._host, name)(*map(_host, args), **kwargs))

    return call


for _name in ("all", "any", "astype", "copy", "max", "min", "ravel", "reshape", "sum", "take"):
    setattr(ndarray, _name, _method(_name))


def _fill(self, value):
    self._host.fill(value)


ndarray.fill = _fill


def _function(name):
    def call(*args, **kwargs):
        out = kwargs.get("out")
        kwargs = {key: _host(value) for key, value in kwargs.items()}
        result = getattr(np, name)(*map(_host, args), **kwargs)
        return _device(result) if out is None else out

    return call


def asnumpy(array, stream=None, order="C", out=None, *, blocking=True):
    return array.get(out=out) if isinstance(array, ndarray) else np.asarray(array)


def array_over(interface):
    """The array over memory that another owns."""
    pointer, shape, strides = interface["data"][0], interface["shape"], interface["strides"]
    dtype = np.dtype(interface["typestr"])
    if 0 in shape:
        return np.empty(shape, dtype)
    n_bytes = dtype.itemsize + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    buffer = (ctypes.c_char * n_bytes).from_address(pointer)
    return np.ndarray(shape, dtype, buffer, strides=strides)


def asarray(array, dtype=None, order=None):
    """An upload copies; an array of the device stays."""
    if isinstance(array, ndarray):
        return array if dtype in (None, array.dtype) else array.astype(dtype)
    if hasattr(array, "__cuda_array_interface__"):
        return ndarray(array_over(array.__cuda_array_interface__))
    return ndarray(np.array(array, dtype=dtype, order=order or "C"))


def array(values, dtype=None):
    host = values._host if isinstance(values, ndarray) else values
    return ndarray(np.array(host, dtype=dtype))


def poisoned(array):
    """The array with NaN, or −1, where nothing has been written yet."""
    array.reshape(-1).view(np.uint8)[...] = 0xFF
    return array


def empty(shape, dtype=float):
    return ndarray(poisoned(np.empty(shape, dtype)))


def empty_like(array, dtype=None):
    like = np.empty_like(array._host, dtype=dtype)
    poisoned(like.T if like.flags.f_contiguous else like)
    return ndarray(like)


class OutOfMemoryError(MemoryError):
    def __init__(self, size, total):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,})")


class Stream:
    """What a stream is given is done in its order, and no sooner than it has to be.

    A copy waits until something in the stream needs it: a launch, another copy, or the host, which
    waits for the stream. What is read of it before that is wrong.
    """

    entered = []

    def __init__(self, null=False, non_blocking=False):
        self.waiting = []
        self.ptr = 0 if null else id(self)

    def __enter__(self):
        Stream.entered.append(self)
        return self

    def __exit__(self, *_):
        Stream.entered.pop()

    def later(self, copy):
        self.waiting.append(copy)

    def synchronize(self):
        while self.waiting:
            self.waiting.pop(0)()


NULL_STREAM = Stream(null=True)


def get_current_stream():
    """Asked for by a launch, before which comes what the stream was given."""
    stream = Stream.entered[-1] if Stream.entered else NULL_STREAM
    stream.synchronize()
    return stream


def alloc_pinned_memory(n_bytes):
    return np.empty(n_bytes, np.uint8)


def _column_major(pointer, shape, stride, dtype):
    """The matrix at an address as cuBLAS reads it, with ``stride`` values from column to column."""
    assert stride >= max(shape[0], 1)
    itemsize = np.dtype(dtype).itemsize
    return array_over(
        {
            "data": (pointer, False),
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "strides": (itemsize, stride * itemsize),
        }
    )


def _gemm(dtype):
    """cuBLAS's product of matrices of a dtype."""

    def gemm(_handle, op_a, op_b, m, n, k, alpha, a, stride_a, b, stride_b, beta, c, stride_c):
        factors = [
            ctypes.cast(p, ctypes.POINTER(np.ctypeslib.as_ctypes_type(dtype)))[0]
            for p in (alpha, beta)
        ]
        assert factors == [1.0, 0.0]
        left = _column_major(a, (k, m) if op_a else (m, k), stride_a, dtype)
        right = _column_major(b, (n, k) if op_b else (k, n), stride_b, dtype)
        product = (left.T if op_a else left) @ (right.T if op_b else right)
        _column_major(c, (m, n), stride_c, dtype)[...] = product

    return gemm


def from_dlpack(array):
    return array.__dlpack__()


def module():
    """The stand-in, as modules of the names that CuPy's have."""
    cupy = ModuleType("cupy")
    cupy.__spec__ = ModuleSpec("cupy", None)
    names = "arange zeros ones full exp tanh maximum isfinite dot sqrt"
    names += " zeros_like ascontiguousarray clip add minimum"
    vars(cupy).update({name: _function(name) for name in names.split()})
    own = (ndarray, asnumpy, asarray, array, empty, empty_like, from_dlpack)
    vars(cupy).update({function.__name__: function for function in own})
    cupy.__version__ = "0+stand.in"  # xarray parses it
    memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
    pool = SimpleNamespace(free_all_blocks=lambda: None)
    cupy.get_default_memory_pool = lambda: pool
    cupy.cuda = SimpleNamespace(
        Stream=Stream,
        get_current_stream=get_current_stream,
        alloc_pinned_memory=alloc_pinned_memory,
        memory=memory,
        device=SimpleNamespace(get_cublas_handle=lambda: 0),
        runtime=SimpleNamespace(
            getDevice=lambda: 0,
            getDeviceProperties=lambda _device: {"name": b"simulator"},
            memGetInfo=lambda: (1 << 30, 1 << 31),
            runtimeGetVersion=lambda: 13_000,
        ),
    )
    cupy.cublas = ModuleType("cupy.cublas")
    return cupy


def submodules(cupy):
    """The modules of CuPy that are imported beside it, by name."""
    cublas = SimpleNamespace(
        CUBLAS_OP_N=0, CUBLAS_OP_T=1, sgemm=_gemm(np.float32), dgemm=_gemm(np.float64)
    )
    packages = {name: ModuleType(name) for name in ("cupy_backends", "cupy_backends.cuda")}
    libs = packages["cupy_backends.cuda.libs"] = ModuleType("cupy_backends.cuda.libs")
    libs.cublas = cublas
    return {"cupy.cublas": cupy.cublas, **packages}
