"""BatchNormalizer(device="cuda") against the host: host memory, device memory, and what fails."""

import pickle
import weakref

import numpy as np
import pytest
from scipy import sparse

from skbn import BatchNormalizer
from skbn._backends import selection
from skbn._statistics.moments import RunningMoments

pytestmark = pytest.mark.cuda

N, C = 70, 5
GIVEN = [np.float16, np.float32, np.float64, np.int64, np.int8, bool]


@pytest.fixture
def xp():
    return selection.device_of("cuda").xp


@pytest.fixture
def streams(monkeypatch):
    """The passes over rows, with chunks so small that a few rows make several."""
    from skbn._statistics import device

    monkeypatch.setattr(device, "CHUNK_VALUES", 16 * C)
    monkeypatch.setattr(device, "MIN_BLOCK_ROWS", 1)
    return device


def draw(rng, dtype, offset=100.0):
    return (rng.normal(size=(N, C)) * 3 + offset).astype(dtype)


def pair(**parameters):
    return BatchNormalizer(**parameters), BatchNormalizer(device="cuda", **parameters)


def assert_learned_the_same(cuda, host, rtol=1e-12):
    for name in ("mean_", "var_", "scale_"):
        ours, theirs = getattr(cuda, name), getattr(host, name)
        assert type(ours) is np.ndarray
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=rtol)
    np.testing.assert_allclose(cuda.n_samples_seen_, host.n_samples_seen_, rtol=1e-15)


def assert_same_values(ours, theirs):
    assert type(ours) is np.ndarray
    assert ours.dtype == theirs.dtype
    assert ours.flags.f_contiguous == theirs.flags.f_contiguous
    rtol = 1e-12 if ours.dtype == np.float64 else 4 * np.finfo(ours.dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("given", GIVEN, ids=lambda dtype: np.dtype(dtype).name)
def test_rows_of_the_host_are_learned_and_normalized_in_chunks(given, rng, streams):
    X = draw(rng, given)
    host, cuda = (normalizer.fit(X) for normalizer in pair())
    assert len(streams._row_chunks(X)) == 5
    assert_learned_the_same(cuda, host)
    assert_same_values(cuda.transform(X), host.transform(X))
    Z = host.transform(X)
    assert_same_values(cuda.inverse_transform(Z), host.inverse_transform(Z))


def test_memory_may_be_laid_out_as_it_likes(layout, dtype, rng, streams):
    X = layout(draw(rng, dtype))
    host, cuda = (normalizer.fit(X) for normalizer in pair())
    assert_learned_the_same(cuda, host)
    np.testing.assert_allclose(cuda.transform(X), host.transform(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_nan_is_skipped_and_kept(weighted, dtype, rng, streams):
    X, weight = draw(rng, dtype), rng.random(N) if weighted else None
    X[rng.random(X.shape) < 0.2] = np.nan
    host, cuda = (normalizer.fit(X, sample_weight=weight) for normalizer in pair())
    assert_learned_the_same(cuda, host)
    np.testing.assert_array_equal(np.isnan(cuda.transform(X)), np.isnan(X))


def test_a_stream_may_change_its_device(rng):
    X = draw(rng, np.float64, 1e6)
    host = BatchNormalizer().fit(X)
    mixed = BatchNormalizer()
    for i, batch in enumerate(np.array_split(X, 4)):
        mixed = mixed.set_params(device=["cpu", "cuda"][i % 2]).partial_fit(batch)
    assert_learned_the_same(mixed, host)


def test_momentum_forgets_as_on_the_host(rng):
    host, cuda = pair(momentum=0.3)
    for batch in np.array_split(draw(rng, np.float64), 4):
        host, cuda = host.partial_fit(batch), cuda.partial_fit(batch)
    assert_learned_the_same(cuda, host)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
def test_the_variance_keeps_its_digits(offset, rng, streams):
    X = rng.normal(size=(N, C)) + offset
    exact = X.astype(np.longdouble)
    variance = ((exact - exact.mean(axis=0)) ** 2).mean(axis=0)
    np.testing.assert_allclose(BatchNormalizer(device="cuda").fit(X).var_, variance, rtol=1e-12)


def test_finite_values_whose_squares_overflow_have_a_mean(rng):
    X = 1e308 * (1 + rng.random((N, C)) / 2)
    host, cuda = (normalizer.fit(X) for normalizer in pair(with_std=False))
    np.testing.assert_allclose(cuda.mean_, host.mean_, rtol=1e-12)


def test_a_batch_is_normalized_by_its_own_statistics(dtype, rng):
    X = draw(rng, dtype)
    host, cuda = pair(gamma=2.0, beta=1.0, epsilon=1e-5)
    np.testing.assert_allclose(cuda.normalize_batch(X), host.normalize_batch(X), atol=1e-5)


def test_sparse_rows_are_computed_by_the_host(rng):
    X = sparse.random_array((N, C), density=0.4, rng=rng, format="csr")
    host, cuda = (normalizer.fit(X) for normalizer in pair(with_mean=False))
    assert_learned_the_same(cuda, host)
    np.testing.assert_array_equal(cuda.transform(X).toarray(), host.transform(X).toarray())


def test_copy_false_writes_into_x(dtype, rng, streams):
    X = draw(rng, dtype)
    host, cuda = (normalizer.fit(X) for normalizer in pair(copy=False))
    expected = host.transform(X.copy())
    assert cuda.transform(X) is X
    np.testing.assert_allclose(X, expected, rtol=1e-6, atol=1e-6)


def test_what_is_learned_pickles_as_on_the_host(rng):
    X = draw(rng, np.float64)
    host, cuda = (normalizer.fit(X) for normalizer in pair())
    assert b"cupy" not in pickle.dumps(cuda)
    loaded = pickle.loads(pickle.dumps(cuda)).set_params(device="cpu")
    assert_learned_the_same(loaded, host)


# In the memory of the device ------------------------------------------------------------------


@pytest.mark.parametrize("given", GIVEN, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("order", "CF")
def test_arrays_on_the_device_stay_there(order, given, rng, streams, xp, monkeypatch):
    X = draw(rng, given)
    host, cuda = (normalizer.fit(X) for normalizer in pair())
    on_device = xp.asarray(np.asarray(X, order=order), order=order)
    monkeypatch.setattr(streams, "_in_lanes", None)  # what goes over the bus goes through lanes
    assert_learned_the_same(cuda.fit(on_device), host)
    for method in ("transform", "inverse_transform", "normalize_batch"):
        ours, theirs = getattr(cuda, method)(on_device), getattr(host, method)(X)
        assert isinstance(ours, xp.ndarray)
        assert ours.dtype == theirs.dtype
        atol = 4 * np.finfo(theirs.dtype).eps * np.abs(theirs).max()
        np.testing.assert_allclose(xp.asnumpy(ours), theirs, atol=atol)
    np.testing.assert_array_equal(xp.asnumpy(on_device), X)


def test_weights_of_rows_on_the_device_may_be_on_either_side(rng, xp, streams):
    X, weight = draw(rng, np.float32), rng.random(N)
    host = BatchNormalizer().fit(X, sample_weight=weight)
    for given in (weight, xp.asarray(weight)):
        cuda = BatchNormalizer(device="cuda").fit(xp.asarray(X), sample_weight=given)
        assert_learned_the_same(cuda, host)


def test_copy_false_writes_into_an_array_on_the_device(dtype, rng, xp):
    X = draw(rng, dtype)
    host, cuda = (normalizer.fit(X) for normalizer in pair())
    on_device = xp.asarray(X)
    assert cuda.transform(on_device, copy=False) is on_device
    np.testing.assert_allclose(xp.asnumpy(on_device), host.transform(X), rtol=1e-6, atol=1e-6)


class Foreign:
    """An array on the device, of another library."""

    def __init__(self, array, protocol):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        if protocol == "interface":
            self.__cuda_array_interface__ = array.__cuda_array_interface__
        else:
            self.__dlpack__, self.__dlpack_device__ = array.__dlpack__, array.__dlpack_device__


@pytest.mark.parametrize("protocol", ["interface", "DLPack"])
def test_arrays_of_other_libraries_are_taken_where_they_are(protocol, rng, xp):
    X = draw(rng, np.float32)
    foreign = Foreign(xp.asarray(X), protocol)
    host, cuda = pair()
    assert_learned_the_same(cuda.fit(foreign), host.fit(X))
    result = cuda.transform(foreign)
    np.testing.assert_allclose(xp.asnumpy(result), host.transform(X), rtol=1e-6, atol=1e-6)


# What fails -----------------------------------------------------------------------------------

REFUSED = {
    "infinity": (lambda X: np.where(np.arange(N * C).reshape(N, C) == N, np.inf, X), "infinity"),
    "minus infinity": (lambda X: X - np.where(np.arange(C) == 2, np.inf, 0), "infinity"),
    "one dimension": (lambda X: X[0], "Expected 2D array, got 1D array"),
    "no rows": (lambda X: X[:0], "0 sample"),
    "another width": (lambda X: X[:, :3], "X has 3 features, but BatchNormalizer is expecting 5"),
    "complex": (lambda X: X * 1j, "Complex data not supported"),
}


# The simulator subtracts infinities in Python, which warns.
@pytest.mark.filterwarnings("ignore:.*invalid value encountered in scalar:RuntimeWarning")
@pytest.mark.parametrize("where", ["host", "device"])
@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_the_words_of_the_host(name, where, rng, xp, streams):
    spoil, message = REFUSED[name]
    X = draw(rng, np.float64)
    bad = spoil(X) if where == "host" else xp.asarray(spoil(X))
    cuda = BatchNormalizer(device="cuda").fit(X)
    before = pickle.dumps(cuda)
    for method in ("partial_fit", "transform", "inverse_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(cuda, method)(bad)
    assert pickle.dumps(cuda) == before


def test_infinity_is_refused_before_an_array_on_the_device_is_written_into(rng, xp):
    X = draw(rng, np.float64)
    cuda = BatchNormalizer(device="cuda").fit(X)
    X[3, 2] = np.inf
    on_device = xp.asarray(X)
    with pytest.raises(ValueError, match="infinity"):
        cuda.transform(on_device, copy=False)
    np.testing.assert_array_equal(xp.asnumpy(on_device), X)


def test_too_little_memory_is_said_and_changes_nothing(rng, xp, streams, monkeypatch):
    X = draw(rng, np.float64)
    cuda = BatchNormalizer(device="cuda").fit(X)
    before = pickle.dumps(cuda)

    def no_memory(*_args, **_options):
        raise xp.cuda.memory.OutOfMemoryError(1 << 40, 1 << 30)

    monkeypatch.setattr(streams.Lane, "buffer", no_memory)
    for method in ("partial_fit", "transform"):
        with pytest.raises(MemoryError, match="GPU out of memory"):
            getattr(cuda, method)(X)
    assert pickle.dumps(cuda) == before


def test_what_was_allocated_is_free_again_where_it_did_not_suffice(xp):
    allocated = []

    def allocate():
        first = xp.zeros(3)
        allocated.append(weakref.ref(first))
        raise xp.cuda.memory.OutOfMemoryError(1 << 40, 1 << 30)

    refusing = selection.device_of("cuda").oom_guard()
    with pytest.raises(MemoryError) as raised, refusing:
        allocate()
    assert allocated[0]() is None
    assert raised.value.__cause__ is not None


def test_an_array_on_another_gpu_is_refused_in_words(rng, xp, monkeypatch):
    X = xp.asarray(draw(rng, np.float32))
    monkeypatch.setattr(xp.cuda.runtime, "getDevice", lambda: 1)
    with pytest.raises(ValueError, match="on GPU 0, and GPU 1 is the current one: call within"):
        BatchNormalizer(device="cuda").fit(X)


def test_lanes_rest_when_a_chunk_fails(rng, streams, monkeypatch):
    synchronized = []
    stream = streams.cupy.cuda.Stream
    monkeypatch.setattr(stream, "synchronize", lambda self: synchronized.append(self))
    monkeypatch.setattr(streams, "_launch_moments", None)
    with pytest.raises(TypeError):
        RunningMoments.of(draw(rng, np.float64), device=selection.device_of("cuda"))
    assert len(synchronized) == 2
