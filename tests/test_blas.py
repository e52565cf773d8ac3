"""The limit of BLAS threads, which is one for the process."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from skbn import _blas

FEW, MANY = _blas.MIN_THREADED_PRODUCT - 1, _blas.MIN_THREADED_PRODUCT


def n_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def stays():
    before = n_threads()
    yield
    assert n_threads() == before


def test_small_products_have_one_thread():
    with _blas.threads_for(FEW):
        assert set(n_threads()) == {1}


def test_large_products_have_all():
    before = n_threads()
    with _blas.threads_for(MANY):
        assert n_threads() == before


def test_an_error_restores_the_threads():
    with pytest.raises(KeyboardInterrupt), _blas.threads_for(FEW):
        raise KeyboardInterrupt


def test_other_threads_set_no_limit():
    def limited():
        with _blas.threads_for(FEW):
            return n_threads()

    before = n_threads()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(limited).result() == before
