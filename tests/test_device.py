"""What is said where there is no GPU, or not all that it takes; and that none is needed."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor, _device

X = np.arange(24.0).reshape(12, 2) % 7
SMALL = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
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

NOTHING = {"driver": (None, 0), "packages": "the package CuPy, which is not installed"}
# What the machine has, and what the error says of it.
LACKS = {
    "driver": (
        {"driver": (None, 0)},
        ["NVIDIA driver, which is not installed", "ubuntu-drivers install"],
        ["pip install"],
    ),
    "GPU": ({"driver": (13000, 0)}, ["a GPU, of which", "nvidia-smi"], ["pip install", "drivers"]),
    "CuPy": (
        {"packages": "the package CuPy, which is not installed"},
        ["package CuPy, which is not installed (python -m pip install 'skbn[cuda13]')"],
        ["driver", "numba-cuda"],
    ),
    "CuPy of an old driver": (
        {"driver": (12080, 1), "packages": "the package CuPy, which is not installed"},
        ["pip install 'skbn[cuda12]'"],
        ["NVIDIA"],
    ),
    "all": (NOTHING, ["NVIDIA driver", "package CuPy", "pip install 'skbn[cuda13]'"], []),
}


@pytest.fixture
def machine(monkeypatch):
    """Let the machine have what is named, and all else that CUDA takes."""

    def be(driver=(13000, 1), packages=""):
        monkeypatch.setattr(_device, "_driver", lambda: driver)
        monkeypatch.setattr(_device, "_lacking_packages", lambda: packages)

    return be


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
    assert _device.device_of("auto") is _device.device_of("cpu")
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


def test_the_report_says_what_cuda_lacks(machine):
    machine(**NOTHING)
    assert _device.describe_cuda().startswith("none (missing: the NVIDIA driver")


def test_packages_that_are_not_installed_are_found_missing(run_python):
    code = """
        import importlib.util, sys
        from skbn import _device
        found = importlib.util.find_spec
        _device.find_spec = lambda name: None
        print(_device._lacking_packages())
        _device._lacking_packages.cache_clear()
        _device.find_spec = lambda name: sys
        sys.modules["cupy"] = None
        print(_device._lacking_packages())
    """
    first, second = run_python(code).splitlines()
    assert first == (
        "the package numba-cuda, which is not installed "
        "and the package CuPy, which is not installed"
    )
    assert second.startswith("the libraries of CUDA, which CuPy cannot load: ")


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
        assert not _device.is_on_gpu(array)


def test_neither_import_nor_fit_on_the_cpu_looks_for_a_gpu(run_python):
    code = """
        import sys
        import numpy as np
        from skbn import BatchNormalizer, BatchNormMLPClassifier, _device
        _device._driver = None
        X = np.arange(24.0).reshape(12, 2) % 7
        BatchNormMLPClassifier(4, max_iter=2).fit(BatchNormalizer().fit_transform(X), X[:, 0] > 3)
        print([name for name in sys.modules if name == "cupy" or name.startswith("numba.cuda")])
    """
    assert run_python(code) == "[]\n"
