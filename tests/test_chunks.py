import threading

import numpy as np
import pytest

from skbn import _chunks


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (70, 3), (5000, 3), (3_000_000, 1), (30_000, 100)])
def test_blocks_cover_every_value_once(shape, order):
    X = np.zeros(shape, np.int8, order=order)
    for rows, columns in _chunks.blocks(X):
        X[rows, columns] += 1
    assert (X == 1).all()


def test_blocks_do_not_depend_on_the_number_of_threads(monkeypatch):
    X = np.empty((3_000_000, 2))
    expected = _chunks.blocks(X)
    monkeypatch.setattr(_chunks, "n_threads", lambda: 7)
    assert _chunks.blocks(X) == expected
    assert len(expected) > 2


def test_blocks_of_a_long_fortran_ordered_matrix_are_contiguous():
    X = np.empty((5000, 3), order="F")
    assert all(X[block].flags.c_contiguous for block in _chunks.blocks(X))


def test_kernel_input_is_a_read_only_view_of_what_kernels_take(layout, dtype, rng):
    X = layout(rng.normal(size=(6, 4)).astype(dtype))
    block = _chunks.kernel_input(X)
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
    assert _chunks.kernel_input(np.ones((2, 2), given)).dtype == computed


def test_for_each_calls_once_for_each_item_on_several_threads(monkeypatch):
    monkeypatch.setattr(_chunks, "n_threads", lambda: 2)
    both_run = threading.Barrier(2)
    seen = []

    def note(i):
        if i < 2:
            both_run.wait(timeout=60)
        seen.append((i, threading.current_thread()))

    _chunks.for_each(note, [(i,) for i in range(20)])
    assert sorted(i for i, _ in seen) == list(range(20))
    assert len({thread for _, thread in seen}) == 2


def test_for_each_stops_and_raises_what_a_call_raised():
    begun = []

    def fail(i):
        begun.append(i)
        raise IndexError("mine")

    with pytest.raises(IndexError, match="mine"):
        _chunks.for_each(fail, [(i,) for i in range(100)])
    assert len(begun) <= _chunks.n_threads()


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
