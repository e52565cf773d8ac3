"""Pilots on collections: local fits to a sample of all partitions."""

import dask
import numpy as np
import pytest
from on_dask.models import PAIRS, N, problem
from on_dask.parts import KINDS, SIZES, collection

from skbn.dask import _pilots

PILOTS = {"hidden_layer_sizes": 8, "random_state": 0}


def chosen(model):
    losses = [pilot["loss"] for pilot in model.pilots_]
    return model.max_iter_, model.numeric_encoding_, losses


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PAIRS)
def test_the_choice_is_that_of_a_local_fit_to_the_same_rows(name, kind):
    Ours, Local = PAIRS[name]
    X, y = problem(name)
    sizes = SIZES["unequal"]
    ours = Ours(**PILOTS).fit(collection(X, sizes, kind), collection(y, sizes, kind))
    local = Local(**PILOTS).fit(X, y)
    assert chosen(ours)[:2] == chosen(local)[:2]
    np.testing.assert_allclose(chosen(ours)[2], chosen(local)[2], rtol=1e-6)
    if name == "classifier":
        assert ours.temperature_ == pytest.approx(local.temperature_, rel=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_many_rows_are_sampled_in_proportion_and_a_length_is_a_fraction(name, monkeypatch):
    monkeypatch.setattr(_pilots, "MAX_ROWS", N // 2)
    Ours, _ = PAIRS[name]
    X, y = problem(name)
    sizes, fits = SIZES["unequal"], []
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            model = Ours(**PILOTS).fit(collection(X, sizes, "array"), collection(y, sizes, "array"))
        fits.append(chosen(model))
    assert fits[0] == fits[1]
    choice = _pilots.Choice(0.2, None, 1.0, [])
    model = Ours()
    choice.apply(model, model._targets(), n_rows=10**6)
    assert model.max_iter == 3


@pytest.mark.parametrize("name", PAIRS)
def test_few_rows_or_given_settings_have_no_pilots(name):
    Ours, _ = PAIRS[name]
    X, y = problem(name)
    few = collection(X[:28], (8, 20), "array"), collection(y[:28], (8, 20), "array")
    model = Ours(**PILOTS).fit(*few)
    assert (model.pilots_, model.max_iter_, model.numeric_encoding_) == (None, 50, None)
    sizes = SIZES["unequal"]
    both = collection(X, sizes, "array"), collection(y, sizes, "array")
    assert Ours(**PILOTS, max_iter=2, numeric_encoding=None).fit(*both).pilots_ is None


def test_rows_of_a_sample_keep_their_targets_and_weights(rng):
    X = rng.normal(size=(50, 2))
    rows, y, weight = _pilots.sample_of_rows(20, [0, 1], X, X[:, 0], X[:, 1])
    assert len(rows) == 20
    np.testing.assert_array_equal(rows, np.stack([y, weight], axis=1))
    again = _pilots.sample_of_rows(20, [0, 1], X, X[:, 0], X[:, 1])
    np.testing.assert_array_equal(rows, again[0])
    joined = _pilots.joined_samples([None, again, again])
    assert joined[0].shape == (40, 2)
