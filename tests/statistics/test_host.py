import contextlib
import threading
import time

import numpy as np
import pytest
from conftest import LAYOUTS
from helpers import pairwise

from skbn._backends import threads
from skbn._statistics import host
from skbn.kernels.layout import VALUES_PER_TILE


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (70, 3), (5000, 3), (3_000_000, 1), (30_000, 100)])
def test_blocks_cover_every_value_once(shape, order):
    X = np.zeros(shape, np.int8, order=order)
    for rows, columns in host.blocks(X):
        X[rows, columns] += 1
    assert (X == 1).all()


def test_blocks_do_not_depend_on_the_number_of_threads(monkeypatch):
    X = np.empty((3_000_000, 2))
    expected = host.blocks(X)
    monkeypatch.setattr(threads, "n_threads", lambda: 7)
    assert host.blocks(X) == expected
    assert len(expected) > 2


def test_blocks_of_a_long_fortran_ordered_matrix_are_contiguous():
    X = np.empty((5000, 3), order="F")
    assert all(X[block].flags.c_contiguous for block in host.blocks(X))


def test_kernel_input_is_a_read_only_view_of_what_kernels_take(layout, dtype, rng):
    X = layout(rng.normal(size=(6, 4)).astype(dtype))
    block = host.kernel_input(X)
    np.testing.assert_array_equal(block, X)
    assert block.dtype == dtype
    assert block.dtype.isnative
    assert block.flags.c_contiguous
    assert block.flags.aligned
    assert not block.flags.writeable
    is_ready = X.flags.c_contiguous and X.flags.aligned and X.dtype.isnative
    assert np.shares_memory(block, X) == is_ready


@pytest.mark.parametrize(
    ("given", "computed"),
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("u8", "f8"), ("?", "f8")],
)
def test_kernel_input_has_the_dtype_computed_in(given, computed):
    assert host.kernel_input(np.ones((2, 2), given)).dtype == computed


def test_for_each_calls_once_for_each_item_on_several_threads(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    both_run = threading.Barrier(2)
    seen = []

    def note(i):
        if i < 2:
            both_run.wait(timeout=60)
        seen.append((i, threading.current_thread()))

    threads.for_each(note, [(i,) for i in range(20)])
    assert sorted(i for i, _ in seen) == list(range(20))
    assert len({thread for _, thread in seen}) == 2


def test_for_each_raises_what_a_helper_raised_and_begins_nothing_more(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    caller, begun, both_run = threading.current_thread(), [], threading.Barrier(2)

    def fail_on_the_helper(i):
        begun.append(i)
        if i < 2:
            both_run.wait(timeout=60)
        if threading.current_thread() is not caller:
            raise IndexError("mine")
        time.sleep(0.1)

    with pytest.raises(IndexError, match="mine"):
        threads.for_each(fail_on_the_helper, [(i,) for i in range(100)])
    assert len(begun) <= 3


def test_for_each_waits_for_the_helper_when_the_caller_fails(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    caller, ended, both_run = threading.current_thread(), [], threading.Barrier(2)

    def fail_on_the_caller(i):
        both_run.wait(timeout=60)
        if threading.current_thread() is caller:
            raise ValueError("mine")
        time.sleep(0.2)
        ended.append(i)

    with pytest.raises(ValueError, match="mine"):
        threads.for_each(fail_on_the_caller, [(i,) for i in range(100)])
    assert len(ended) == 1


def test_for_each_does_not_wait_for_a_pool_that_is_busy(monkeypatch):
    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    release = threading.Event()
    blockers = threads._submit(release.wait, 8)
    seen = []
    try:
        threads.for_each(seen.append, [(i,) for i in range(20)])
    finally:
        release.set()
    assert seen == list(range(20))
    assert all(blocker.result() for blocker in blockers)


def test_for_each_goes_on_alone_where_no_thread_can_be_started(monkeypatch):
    class Pool:
        def submit(self, work):
            raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    monkeypatch.setattr(threads, "_pool", Pool)
    seen = []
    threads.for_each(seen.append, [(i,) for i in range(20)])
    assert seen == list(range(20))


def test_the_error_of_a_helper_whose_start_seemed_to_fail_is_raised(monkeypatch):
    begun = threading.Event()

    class Pool:
        def submit(self, work):
            threading.Thread(target=quietly, args=[work]).start()
            begun.wait()
            raise RuntimeError("can't start new thread")

    def quietly(work):
        with contextlib.suppress(ValueError):
            work()

    def fail_in_helpers(i):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            raise ValueError(f"item {i}")

    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    monkeypatch.setattr(threads, "_pool", Pool)
    with pytest.raises(ValueError, match="item 0"):
        threads.for_each(fail_in_helpers, [(i,) for i in range(6)])


@pytest.mark.parametrize(
    *pairwise(
        layout=LAYOUTS,
        dtype=[np.float32, np.float64],
        in_place=[False, True],
        n_threads=[1, 2],
    )
)
def test_normalize_writes_every_block(layout, dtype, in_place, n_threads, monkeypatch, rng):
    monkeypatch.setattr(threads, "n_threads", lambda: n_threads)
    monkeypatch.setattr(host, "BLOCK_ELEMENTS", 1000)
    monkeypatch.setattr(host, "MIN_COLUMN_ROWS", 100)
    X = layout(rng.normal(size=(2000, 3)).astype(dtype))
    mean, scale, offset = rng.normal(size=(3, 3))
    out = X if in_place and X.flags.writeable else np.empty_like(X)
    expected = ((X.astype(np.longdouble) - mean) * scale + offset).astype(dtype)
    assert len(host.blocks(X)) >= 6
    assert host.HostPasses().normalize(X, mean, scale, offset, out) == 0
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(out, expected, rtol=8 * eps, atol=8 * eps)


@pytest.mark.parametrize("shape", [(VALUES_PER_TILE, 3), (8000, 100), (50, 30_000)])
def test_normalize_writes_every_tile_and_counts_infinite_values(shape, rng):
    X = rng.normal(size=shape)
    assert X.size > 2 * VALUES_PER_TILE
    X[-1, -1] = X[len(X) // 2, 0] = X[0, 0] = np.inf
    mean, scale, offset = rng.normal(size=(3, shape[1]))
    out = np.full_like(X, np.nan)
    assert host.HostPasses().normalize(X, mean, scale, offset, out) == 3
    np.testing.assert_allclose(out, (X - mean) * scale + offset, rtol=1e-12, atol=1e-14)


def test_one_block_starts_no_thread(run_python):
    code = """
        import threading
        import numpy as np
        from skbn import BatchNormalizer
        X = np.ones((1000, 100))
        BatchNormalizer().fit(X).transform(X)
        print(threading.active_count())
    """
    assert run_python(code).strip() == "1"
