"""A state that was tampered with is refused before a kernel reads beyond its arrays."""

import pickle

import numpy as np
import pytest

from skbn import BatchNormalizer, BatchNormMLPClassifier

pytestmark = pytest.mark.reliability

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.digitize(X[:, 0], [-0.5, 0.5])


@pytest.mark.parametrize("table", [np.zeros((5, 1000)), np.zeros((1, 1)), np.zeros((5, 1))])
def test_a_table_of_another_size_is_refused_before_a_kernel_reads_it(table):
    normalizer = BatchNormalizer().fit(X)
    state = pickle.loads(pickle.dumps(normalizer)).__getstate__()
    state["_moments"]["table"] = table
    with pytest.raises(ValueError, match=r"damaged: _moments.table has shape"):
        BatchNormalizer().__setstate__(state)


def test_shares_of_another_size_are_refused_too():
    normalizer = BatchNormalizer().fit(X, sample_weight=np.arange(60.0))
    state = pickle.loads(pickle.dumps(normalizer)).__getstate__()
    state["_moments"]["squared_weights"] = np.ones(1)
    with pytest.raises(ValueError, match=r"damaged: _moments.squared_weights has shape"):
        BatchNormalizer().__setstate__(state)


@pytest.mark.parametrize("name", ["coefs_", "batch_norms_", "input_norm_"])
def test_a_network_whose_parts_do_not_fit_is_refused(name):
    model = BatchNormMLPClassifier((4, 3), max_iter=2).fit(X, Y)
    other = BatchNormMLPClassifier((5, 3), max_iter=2).fit(X[:, :2], Y)
    state = dict(pickle.loads(pickle.dumps(model)).__getstate__(), **{name: vars(other)[name]})
    with pytest.raises(ValueError, match="damaged"):
        BatchNormMLPClassifier().__setstate__(state)


def test_a_format_that_is_no_number_is_refused_in_words():
    state = dict(BatchNormalizer().__getstate__(), _format="1")
    with pytest.raises(ValueError, match="format '1'"):
        BatchNormalizer().__setstate__(state)


def test_an_object_of_another_type_is_refused():
    state = dict(BatchNormalizer().fit(X).__getstate__(), _moments={"_type": "Popen"})
    with pytest.raises(ValueError, match="damaged: it has an object of type 'Popen'"):
        BatchNormalizer().__setstate__(state)
