"""A representation tells the estimators of skbn.dask from the local ones."""

import pytest
from sklearn.base import clone

import skbn.dask


@pytest.mark.parametrize("name", skbn.dask.__all__)
def test_a_representation_begins_with_the_module(name):
    model = getattr(skbn.dask, name)(epsilon=0.5)
    assert repr(model) == repr(clone(model)) == f"skbn.dask.{name}(epsilon=0.5)"
    assert repr(model.to_local()) == f"{name}(epsilon=0.5)"
    assert name in model._repr_html_()
