"""Both MLPs with device="cuda" against the host: training, what is learned, what fails."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._backends import selection
from skbn._estimators import recalibration
from skbn._model import ACTIVATIONS
from skbn._training import steps

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

IRIS = load_iris()
DRAW = np.random.default_rng(0).permutation(150)[:60]
X, Y = IRIS.data[DRAW], IRIS.target[DRAW]
DIABETES, PROGRESSION = (array[:60] for array in load_diabetes(return_X_y=True))
WEIGHT = np.random.default_rng(1).integers(0, 4, 60).astype(float)
SMALL = {"hidden_layer_sizes": (6, 5), "batch_size": 20, "max_iter": 3, "random_state": 0}
SMALL |= {"numeric_encoding": None, "clip_inputs": False}


def classifier(**parameters):
    return BatchNormMLPClassifier(**SMALL | parameters)


def regressor(**parameters):
    return BatchNormMLPRegressor(**SMALL | parameters)


def multilabel(**parameters):
    return classifier(**parameters), lambda m: m.fit(X, np.eye(3, dtype=int)[Y] | (X[:, :1] > 5.8))


def case(model, X=X, y=Y, **arguments):
    return model, lambda m: m.fit(X, y, **arguments)


def two_calls(model):
    parts = slice(40), slice(40, None)
    return model, lambda m: [m.partial_fit(X[part], Y[part], classes=[0, 1, 2]) for part in parts][
        -1
    ]


SPARSE = sparse.csr_matrix(np.where(X > 1.5, X, 0))
COUNTS = np.round(X[:, 2:] ** 2)
CASES = {
    "defaults": case(classifier()),
    "float64": case(classifier(dtype="float64", dropout=0.0)),
    "two classes": case(classifier(), y=Y > 1),
    "several labels": multilabel(),
    "weights": case(classifier(), sample_weight=WEIGHT),
    "weights of classes": case(classifier(class_weight={0: 1.0, 1: 2.0, 2: 0.0})),
    "ghost batches": case(classifier(virtual_batch_size=7, batch_size=30)),
    "without batch normalization": case(classifier(batch_norm=False)),
    "logistic without batch normalization": case(
        classifier(activation="logistic", batch_norm=False)
    ),
    **{name: case(classifier(activation=name)) for name in ACTIVATIONS},
    # By Adam β of the first layer, whose gradient is 0, would follow its rounding.
    "identity": case(classifier(activation="identity", solver="sgd")),
    "no hidden layer": case(classifier(hidden_layer_sizes=())),
    "penalty": case(classifier(solver="adam", alpha=0.1)),
    "sgd": case(classifier(solver="sgd", learning_rate="adaptive", nesterovs_momentum=False)),
    "nesterov": case(classifier(solver="sgd", learning_rate="invscaling")),
    "lbfgs": case(classifier(solver="lbfgs", alpha=0.01)),
    "clipped": case(classifier(smooth_clip=2.0)),
    "early stopping": case(classifier(early_stopping=True)),
    "validation rows": case(classifier(), X_val=X[:9], y_val=Y[:9]),
    "stream": two_calls(classifier()),
    "warm start": (classifier(warm_start=True), lambda m: m.fit(X, Y).fit(X[:50], Y[:50])),
    "sparse": case(classifier(early_stopping=True), X=SPARSE),
    "sparse as it is": case(classifier(normalize_inputs=False), X=SPARSE),
    "regression": case(regressor(), X=DIABETES, y=PROGRESSION),
    "several outputs": case(regressor(early_stopping=True), y=X[:, 2:]),
    "poisson": case(regressor(loss="poisson"), y=COUNTS),
}


@cache
def both(name):
    """The same model, fitted on the host and on the device."""
    model, fit = CASES[name]
    return [fit(clone(model).set_params(device=device)) for device in ("cpu", "cuda")]


@pytest.fixture(params=CASES)
def fitted(request):
    return both(request.param)


def assert_close(ours, theirs, rtol):
    scale = np.abs(theirs).max(initial=1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=rtol * scale)


def test_host_and_device_learn_the_same(fitted):
    host, cuda = fitted
    rtol = 1e-4 if host.coefs_[0].dtype == np.float32 else 1e-9
    assert_close(cuda.loss_curve_, host.loss_curve_, rtol)
    for name in ("validation_scores_", "validation_loss_curve_"):
        if getattr(host, name) is not None:
            assert_close(getattr(cuda, name), getattr(host, name), rtol)
    for ours, theirs in zip(cuda.coefs_, host.coefs_, strict=True):
        assert_close(ours, theirs, 10 * rtol)
    for ours, theirs in zip(cuda.batch_norms_, host.batch_norms_, strict=True):
        for name in ("mean_", "var_", "gamma_", "beta_"):
            assert_close(getattr(ours, name), getattr(theirs, name), 10 * rtol)
    predict = getattr(cuda, "predict_proba", cuda.predict)
    rows = X if cuda.n_features_in_ == 4 else DIABETES
    expected = getattr(host, "predict_proba", host.predict)(rows)
    assert_close(predict(rows), expected, 10 * rtol)


@pytest.mark.parametrize("model", [classifier(), regressor()], ids=["classifier", "regressor"])
def test_loss_curves_agree_over_20_epochs(model):
    curves = [
        clone(model).set_params(device=device, max_iter=20).fit(X, Y).loss_curve_
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*curves, rtol=1e-3)


def arrays_of(value):
    """All arrays that are reached from a value."""
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays_of(item)]
    if isinstance(value, dict):
        return arrays_of(list(value.values()))
    if type(value).__module__.startswith(("skbn", "cupy")) and hasattr(value, "__dict__"):
        return [value, *arrays_of(vars(value))]
    return [value] if hasattr(value, "shape") else []


def test_what_is_learned_is_in_host_memory_and_has_the_types_of_the_host(fitted):
    host, cuda = fitted
    assert set(vars(host)) == set(vars(cuda))
    for name, value in vars(host).items():
        assert type(vars(cuda)[name]) is type(value)
    xp = selection.device_of("cuda").xp
    assert not [a for a in arrays_of(vars(cuda)) if isinstance(a, xp.ndarray)]
    assert [c.dtype for c in cuda.coefs_] == [c.dtype for c in host.coefs_]


@pytest.mark.parametrize("name", ["defaults", "stream", "regression"])
def test_a_pickle_needs_no_gpu(name, run_python, tmp_path):
    _, cuda = both(name)
    rows = X if cuda.n_features_in_ == 4 else DIABETES
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((cuda, rows, cuda.predict(rows))))
    code = f"""
        import pickle, sys
        model, X, expected = pickle.load(open({str(path)!r}, "rb"))
        print((model.predict(X) == expected).all(), "cupy" in sys.modules)
    """
    assert run_python(code, NUMBA_ENABLE_CUDASIM="0") == "True False\n"


@pytest.mark.parametrize("first", ["cpu", "cuda"])
def test_training_goes_on_on_the_other_device(first):
    second = {"cpu": "cuda", "cuda": "cpu"}[first]
    host = classifier().partial_fit(X, Y, classes=[0, 1, 2])
    mixed = classifier(device=first).partial_fit(X, Y, classes=[0, 1, 2])
    host.partial_fit(X, Y)
    mixed.set_params(device=second).partial_fit(X, Y)
    assert_close(mixed.loss_curve_, host.loss_curve_, 1e-4)
    assert_close(mixed.coefs_[0], host.coefs_[0], 1e-3)


def test_recalibration_computes_on_the_device(rng):
    host = classifier().fit(X, Y)
    cuda = pickle.loads(pickle.dumps(host)).set_params(device="cuda")
    weight = rng.random(60)
    for model in (host, cuda):
        model.recalibrate(X + 1, sample_weight=weight)
    for ours, theirs in zip(cuda.batch_norms_, host.batch_norms_, strict=True):
        np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-5)


def test_rows_on_the_device_are_taken_too():
    xp = selection.device_of("cuda").xp
    host = regressor().fit(DIABETES, PROGRESSION, sample_weight=WEIGHT)
    on_device = [xp.asarray(array) for array in (DIABETES, PROGRESSION, WEIGHT)]
    labels = [xp.asarray(array) for array in (Y, [0, 1, 2])]
    assert classifier(device="cuda").partial_fit(X, labels[0], classes=labels[1]).t_ == 60
    cuda = regressor(device="cuda").fit(*on_device, X_val=on_device[0], y_val=on_device[1])
    assert_close(cuda.loss_curve_, host.loss_curve_, 1e-4)
    assert_close(cuda.predict(on_device[0]), host.predict(DIABETES), 1e-3)


def test_two_fits_give_the_same_bits():
    a, b = (classifier(device="cuda").fit(X, Y, sample_weight=WEIGHT) for _ in range(2))
    for one, other in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def counted(read, reads):
    def count(self, *args, **kwargs):
        reads.append(read.__name__)
        return read(self, *args, **kwargs)

    return count


@pytest.mark.parametrize(
    ("weight", "settings"), [(None, {}), (WEIGHT, {"alpha": 0.1, "solver": "adam"})]
)
def test_a_step_reads_nothing_back(weight, settings, monkeypatch):
    """What is read from the device is counted, in epochs of two batches and of six."""
    xp, reads = selection.device_of("cuda").xp, []
    for name in ("get", "__float__", "__int__", "__bool__", "item", "tolist"):
        if read := getattr(xp.ndarray, name, None):
            monkeypatch.setattr(xp.ndarray, name, counted(read, reads))
    counts = []
    for batch_size in (30, 10):
        reads.clear()
        classifier(batch_size=batch_size, device="cuda", **settings).fit(X, Y, sample_weight=weight)
        counts.append(len(reads))
    assert counts[0] == counts[1] > 0


def test_too_little_memory_is_said_and_changes_nothing(monkeypatch):
    xp = selection.device_of("cuda").xp
    model = classifier(device="cuda").fit(X, Y)
    before = pickle.dumps(model)

    def no_memory(*_args, **_options):
        raise xp.cuda.memory.OutOfMemoryError(1 << 40, 1 << 30)

    monkeypatch.setattr(steps, "Workspace", no_memory)
    monkeypatch.setattr(recalibration, "Network", no_memory)
    for learn in (
        lambda: model.fit(X, Y),
        lambda: model.partial_fit(X, Y),
        lambda: model.recalibrate(X),
    ):
        with pytest.raises(MemoryError, match="GPU out of memory"):
            learn()
    assert pickle.dumps(model) == before


class CudaAPIError(Exception):
    """numba-cuda's error of the driver, which is no RuntimeError."""


@pytest.mark.parametrize(
    "error",
    [
        CudaAPIError("[2] Call to cuModuleLoadDataEx results in CUDA_ERROR_OUT_OF_MEMORY"),
        RuntimeError("cudaErrorMemoryAllocation: out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"),
    ],
    ids=["code of a kernel", "pinned memory", "a handle of cuBLAS"],
)
def test_all_that_takes_memory_of_the_gpu_may_lack_it(error):
    guard = selection.device_of("cuda").oom_guard
    with pytest.raises(MemoryError, match="GPU out of memory"), guard():
        raise error
    with pytest.raises(KeyError, match="another"), selection.device_of("cuda").oom_guard():
        raise KeyError("another")


# The simulator computes in Python, which warns.
@pytest.mark.filterwarnings("ignore:.*(invalid value|overflow) encountered:RuntimeWarning")
def test_diverging_is_said_as_on_the_host():
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        classifier(device="cuda", learning_rate_init=1e30, solver="sgd").fit(X, Y)


def test_fits_on_two_threads_do_not_disturb_each_other(monkeypatch):
    expected = classifier(device="cuda").fit(X, Y)
    # The simulator runs one kernel at a time.
    launch, lock = selection.device_of("cuda").kernels.launch, Lock()
    one = launch.launch

    def one_at_a_time(*arguments):
        with lock:
            one(*arguments)

    for module in (launch, *modules_of(launch)):
        monkeypatch.setattr(module, "launch", one_at_a_time)
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(classifier(device="cuda").fit, X, Y) for _ in range(2)]
    for fit in fits:
        np.testing.assert_array_equal(fit.result().coefs_[0], expected.coefs_[0])


def modules_of(launch):
    """The modules of kernels, which have the function of the launcher."""
    package = sys.modules[launch.__package__]
    return [
        module
        for module in vars(package).values()
        if getattr(module, "launch", None) is launch.launch
    ]
