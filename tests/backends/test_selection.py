"""What is said where there is no GPU, or not all that it takes; and that none is needed."""

import pickle
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._backends import cuda, cuda_setup, selection
from skbn._backends.cuda_setup import Driver

X = np.arange(24.0).reshape(12, 2) % 7
SMALL = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
SMALL["numeric_encoding"] = None
Y = X[:, 0] > 3
# Estimators, and their calls that learn.
LEARNERS = {
    "normalizer": (BatchNormalizer(), lambda n: n.fit(X), lambda n: n.partial_fit(X)),
    "classifier": (
        BatchNormMLPClassifier(**SMALL),
        lambda m: m.fit(X, Y),
        lambda m: m.partial_fit(X, Y, [False, True]),
    ),
    "regressor": (
        BatchNormMLPRegressor(**SMALL),
        lambda m: m.fit(X, Y),
        lambda m: m.partial_fit(X, Y),
    ),
}

CUPYS = ["cupy-cuda13x"]
NOTHING = {"driver": Driver(), "packages": ()}
CUDA_12 = Driver(12_080, 1)
# What the machine has, and what the error says of it and what not.
LACKS = {
    "driver": ({"driver": Driver()}, ["libcuda is not found", "ubuntu-drivers"], ["pip install"]),
    "driver of our time": ({"driver": Driver(11_080, 1)}, ["newer NVIDIA driver"], ["pip install"]),
    "GPU": ({"driver": Driver(13_000, 0)}, ["it finds none", "nvidia-smi"], ["pip install"]),
    "GPU that starts": ({"driver": Driver(13_000, 0, 999)}, ["cuInit fails with error 999"], []),
    "CuPy": (
        {"packages": ("numba_cuda",)},
        ['CuPy, not installed (python -m pip install -e ".[cuda13]" in a clone of skbn)'],
        ["driver", "numba-cuda"],
    ),
    "CuPy of an old driver": (
        {"driver": CUDA_12, "packages": ("numba_cuda",)},
        ['python -m pip install -e ".[cuda12]" in a clone of skbn'],
        ["NVIDIA"],
    ),
    "CuPy of another CUDA": (
        {"driver": CUDA_12},
        ["a driver of CUDA 13, for which CuPy was built, not 12", "uninstall cupy-cuda13x, then"],
        [],
    ),
    "a single CuPy": (
        {"cupys": ["cupy-cuda12x", "cupy-cuda13x"]},
        ["one CuPy, not cupy-cuda12x and cupy-cuda13x: uninstall all of them, then python -m pip"],
        [],
    ),
    "cuBLAS": (
        {"loads": "libcublas.so.13: cannot open\nlistdir: x\n"},
        ["which CuPy cannot load: libcublas.so.13: cannot open."],
        ["listdir"],
    ),
    "all": (NOTHING, ["NVIDIA driver", "numba-cuda and CuPy", 'install -e ".[cuda13]"'], []),
}


class CuPy(ModuleType):
    """One that is built for CUDA 13, and loads or says why not."""

    def __init__(self, loads):
        super().__init__("cupy")
        self.loads = loads
        self.cuda = SimpleNamespace(runtime=SimpleNamespace(runtimeGetVersion=lambda: 13_020))

    @property
    def cublas(self):
        if self.loads:
            raise ImportError(self.loads)


@pytest.fixture
def machine(monkeypatch):
    """Let the machine have what is named, and all else that CUDA takes."""

    def be(driver=Driver(13_000, 1), packages=("numba_cuda", "cupy"), cupys=CUPYS, loads=""):  # noqa: B008
        monkeypatch.setattr(cuda_setup, "driver", lambda: driver)
        monkeypatch.setattr(cuda_setup, "find_spec", lambda name: name in packages)
        monkeypatch.setattr(cuda_setup, "_cupys", lambda: cupys)
        monkeypatch.setitem(sys.modules, "cupy", CuPy(loads))
        cuda.cuda_device.cache_clear()

    yield be
    cuda.cuda_device.cache_clear()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("lack", LACKS)
def test_learning_says_what_is_missing_and_what_installs_it(lack, learner, machine):
    has, said, unsaid = LACKS[lack]
    machine(**has)
    estimator, *calls = LEARNERS[learner]
    for learn in calls:
        with pytest.raises(RuntimeError, match=r"^device='cuda' needs ") as raised:
            learn(estimator := clone(estimator).set_params(device="cuda"))
        assert all(part in str(raised.value) for part in said)
        assert not any(part in str(raised.value) for part in unsaid)
        assert not hasattr(estimator, "n_features_in_")


def test_auto_takes_the_cpu_where_there_is_no_gpu(machine):
    machine(**NOTHING)
    assert selection.device_of("auto") is selection.device_of("cpu")
    auto, cpu = (BatchNormalizer(device=device).fit(X) for device in ("auto", "cpu"))
    assert (auto.transform(X) == cpu.transform(X)).all()


SERVING = {"transform", "inverse_transform", "normalize_batch", "predict", "recalibrate"}


@pytest.mark.parametrize("learner", LEARNERS)
def test_what_was_fitted_on_a_gpu_serves_without_one(learner, machine):
    machine(**NOTHING)
    estimator, fit, _ = LEARNERS[learner]
    fitted = fit(clone(estimator))
    elsewhere = pickle.loads(pickle.dumps(clone(fitted).set_params(device="cuda")))
    vars(elsewhere).update({k: v for k, v in vars(fitted).items() if k != "device"})
    for method in sorted(SERVING & {*dir(fitted)}):
        result, expected = (getattr(model, method)(X) for model in (elsewhere, fitted))
        if method != "recalibrate":
            np.testing.assert_array_equal(result, expected)


def test_auto_warns_where_there_is_a_gpu_that_it_cannot_take(machine):
    machine(driver=CUDA_12)
    with pytest.warns(UserWarning, match=r"device='auto' computes on the CPU: .*\[cuda12\]"):
        BatchNormalizer(device="auto").fit(X)


def test_what_was_installed_meanwhile_is_found(machine):
    machine(packages=())
    with pytest.raises(RuntimeError, match="packages numba-cuda and CuPy"):
        selection.device_of("cuda")
    machine(loads="no libraries")
    with pytest.raises(RuntimeError, match="cannot load: no libraries"):
        selection.device_of("cuda")


def test_a_device_of_no_such_name_is_refused_on_fitted_estimators_too():
    normalizer = BatchNormalizer().fit(X).set_params(device="cuda:0")
    model = BatchNormMLPClassifier(**SMALL).fit(X, Y).set_params(device="cpuu")
    for use in (normalizer.transform, normalizer.inverse_transform, model.recalibrate):
        with pytest.raises(ValueError, match="'device' parameter must be 'cpu', 'cuda' or 'auto'"):
            use(X)


@pytest.mark.parametrize("lack", LACKS)
def test_the_report_says_what_cuda_lacks(lack, machine):
    has, said, _ = LACKS[lack]
    machine(**has)
    report = cuda.describe_cuda()
    assert report.startswith("none (missing: ")
    assert all(part in f"{report}." for part in said if not part.endswith("."))


class LibCuda:
    """The library of a driver, which starts or gives an error."""

    def __init__(self, error):
        self.error = error

    def cuInit(self, _flags):
        return self.error

    def cuDriverGetVersion(self, version):
        version._obj.value = 13_000

    def cuDeviceGetCount(self, count):
        count._obj.value = 2


@pytest.mark.parametrize(
    ("error", "expected"), [(0, Driver(13_000, 2)), (999, Driver(13_000, 0, 999))]
)
def test_the_driver_is_asked_for_its_version_and_gpus(error, expected, monkeypatch):
    monkeypatch.setattr(cuda_setup.ctypes, "CDLL", lambda _name: LibCuda(error))
    assert cuda_setup.driver() == expected


def test_without_the_library_of_a_driver_there_is_none(monkeypatch):
    def not_found(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(cuda_setup.ctypes, "CDLL", not_found)
    assert cuda_setup.driver() == Driver()


def test_installed_cupys_are_known_by_the_names_of_their_distributions(monkeypatch):
    monkeypatch.setattr(cuda_setup, "distributions", lambda name: [name] * (name == "cupy-cuda12x"))
    assert cuda_setup._cupys() == ["cupy-cuda12x"]


class OnGPU:
    """An array in the memory of a GPU, as far as it can be told without one."""

    shape, dtype = X.shape, X.dtype

    def __init__(self, **attributes):
        vars(self).update(attributes)


IN_GPU_MEMORY = [
    OnGPU(__cuda_array_interface__={}),
    OnGPU(__dlpack_device__=lambda: (2, 0)),
]


@pytest.mark.parametrize("array", IN_GPU_MEMORY, ids=["CUDA array interface", "DLPack"])
def test_an_array_on_a_gpu_needs_a_device_of_its_kind(array):
    normalizer = BatchNormalizer().fit(X)
    for method in ("fit", "partial_fit", "transform", "inverse_transform", "normalize_batch"):
        with pytest.raises(ValueError, match="in the memory of a GPU"):
            getattr(normalizer, method)(array)
    assert normalizer.n_samples_seen_ == len(X)


def test_arrays_of_the_host_are_not_taken_for_arrays_on_a_gpu():
    for array in (X, X.tolist(), memoryview(X), OnGPU(__dlpack_device__=lambda: (1, 0))):
        assert not cuda.is_on_gpu(array)


def test_neither_import_nor_fit_on_the_cpu_looks_for_a_gpu(run_python):
    code = """
        import sys
        import numpy as np
        from skbn import BatchNormalizer, BatchNormMLPClassifier
        from skbn._backends import cuda_setup
        cuda_setup.driver = None
        X = np.arange(24.0).reshape(12, 2) % 7
        BatchNormMLPClassifier(4, max_iter=2).fit(BatchNormalizer().fit_transform(X), X[:, 0] > 3)
        print([name for name in sys.modules if name == "cupy" or name.startswith("numba.cuda")])
    """
    assert run_python(code) == "[]\n"


@pytest.mark.parametrize("array", IN_GPU_MEMORY, ids=["CUDA array interface", "DLPack"])
def test_an_array_on_a_gpu_that_cannot_be_read_is_refused_with_what_to_do(array, machine):
    machine(**NOTHING)
    model = BatchNormMLPClassifier(**SMALL).fit(X, Y)
    auto = BatchNormalizer(device="auto")
    for use in (model.fit, lambda X, y: model.predict(X), auto.fit, lambda X, y: model.fit(y, X)):
        with pytest.raises(ValueError, match="copy it to the host") as raised:
            use(array, Y)
        assert "needs a GPU and the NVIDIA driver" in str(raised.value)
