"""The limit of BLAS threads, which is one for the process."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skbn import BatchNormMLPClassifier
from skbn._backends import blas as blas_module
from skbn._model import Network

FEW, MANY = blas_module.MIN_THREADED_PRODUCT - 1, blas_module.MIN_THREADED_PRODUCT


def n_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def two_threads():
    """Two threads to begin with, also on a machine with one core; they are there at the end."""
    with threadpool_limits(2, user_api="blas"):
        assert set(n_threads()) == {2}
        yield
        assert set(n_threads()) == {2}


def test_small_products_have_one_thread():
    with blas_module.limit_blas_threads(FEW):
        assert set(n_threads()) == {1}


def test_large_products_have_all():
    with blas_module.limit_blas_threads(MANY):
        assert set(n_threads()) == {2}


def test_an_error_restores_the_threads():
    with pytest.raises(KeyboardInterrupt), blas_module.limit_blas_threads(FEW):
        raise KeyboardInterrupt


def test_other_threads_set_no_limit():
    def limited():
        with blas_module.limit_blas_threads(FEW):
            return n_threads()

    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(limited).result()) == {2}


@pytest.fixture
def during_steps(monkeypatch):
    """The threads of BLAS in each backward pass."""
    seen, backward = set(), Network.backward

    def watched(self, batch):
        seen.update(n_threads())
        backward(self, batch)

    monkeypatch.setattr(Network, "backward", watched)
    return seen


def train_partially(model, X, y):
    model.partial_fit(X, y, classes=[0, 1])


CALLS = {
    "fit": ({"numeric_encoding": None}, BatchNormMLPClassifier.fit),
    "lbfgs": ({"solver": "lbfgs"}, BatchNormMLPClassifier.fit),
    "partial_fit": ({}, train_partially),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("units", "limited"), [(8, True), (4096, False)])
@pytest.mark.parametrize("name", CALLS)
def test_steps_of_small_networks_have_one_thread(name, units, limited, during_steps):
    params, train = CALLS[name]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 9))
    model = BatchNormMLPClassifier(units, max_iter=1, random_state=0, **params)
    train(model, X, (X[:, 0] > 0).astype(int))
    assert during_steps == {1 if limited else 2}


def seen_by_each_product(n_items):
    seen = []
    blas_module.for_each_product(
        lambda _: seen.append(set(n_threads())), [(i,) for i in range(n_items)]
    )
    return seen


def test_products_on_threads_have_one_thread_each(monkeypatch):
    monkeypatch.setattr(blas_module, "n_threads", lambda: 2)
    assert seen_by_each_product(5) == [{1}] * 5


def test_a_single_product_has_all_threads():
    assert seen_by_each_product(1) == [{2}]


def test_products_of_other_threads_set_no_limit():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(seen_by_each_product, 5).result() == [{2}] * 5


def test_products_within_a_limit_leave_it_in_force(monkeypatch):
    monkeypatch.setattr(blas_module, "n_threads", lambda: 2)
    with blas_module.limit_blas_threads(FEW):
        assert seen_by_each_product(5) == [{1}] * 5
        assert set(n_threads()) == {1}
