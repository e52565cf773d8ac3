"""Predictions for many rows, in chunks on threads, against longdouble from the definitions."""

from itertools import pairwise

import numpy as np
import pytest
from network_oracle import exact

from skbn import BatchNormMLPClassifier
from skbn._backends import blas, threads
from skbn._estimators import validation
from skbn._estimators.encoders import bins_of
from skbn._model import folded
from skbn._model.input_norm import InputNorm
from skbn._model.rowwise import BUFFER_VALUES, repeated, rowwise
from skbn._statistics import host

N, D, UNITS = 3000, 5, (7, 6, 3)
RTOL = {np.float32: 1e-5, np.float64: 1e-12}
EDGES = [[-1.0, 0.0, 0.5], [], [1.0e9, 1.0e9 + 64, 1.0e9 + 256], [-3.0, 3.0], [-1e30, 0.0, 1e30]]


def encoded(X, edges):
    """The bins of the columns of X by ``np.interp``, in the order of the inputs."""
    bins = [(j, *bin_edges) for j, column in enumerate(edges) for bin_edges in pairwise(column)]
    return np.stack([np.interp(X[:, j], (low, high), (0, 1)) for j, low, high in bins], axis=1)


class Model:
    """A network on five columns, of which one counts seconds and one has values up to 1e30."""

    def __init__(self, rng, dtype, edges, limits):
        scale = np.array([1, 1, 100, 2, 1e30])
        self.X = (rng.normal(size=(N, D)) * scale + [0, 0, 1e9, 0, 0]).astype(dtype)
        self.edges = edges and [np.array(column, dtype) for column in edges]
        self.limits = np.array([[-1] * D, [2e9] * D], dtype) if limits else None
        self.mean_scale = np.stack([self.X.mean(0, np.float64), 1 / self.X.std(0, dtype="f8")])
        n_bins = sum(len(column[1:]) for column in edges or ())
        self.layers = [
            (rng.normal(size=shape).astype(dtype), rng.normal(size=shape[1]).astype(dtype))
            for shape in pairwise((D + n_bins, *UNITS))
        ]

    def network(self):
        norm = InputNorm(self.mean_scale, bins=bins_of(self.edges), limits=self.limits)
        return folded.FoldedNetwork(self.layers, "relu", "softmax", norm)

    def expected(self):
        """The logits, and the sum of the absolute values of which they are the sum."""
        X = exact(self.X)
        limited = X if self.limits is None else np.clip(X, *exact(self.limits))
        mean, scale = exact(self.mean_scale)
        x = (limited - mean) * scale
        if self.edges:
            x = np.hstack([x, exact(encoded(self.X, self.edges))])
        for weight, bias in self.layers:
            z = x @ exact(weight) + exact(bias)
            size, x = abs(x) @ abs(exact(weight)) + abs(exact(bias)), np.maximum(z, 0)
        return z, size


@pytest.fixture(params=[(1, 1), (2, 1), (2, 2000)], ids=str)
def many_chunks(request, monkeypatch):
    """A number of threads, and of the rows of a chunk, which are at least 64."""
    n_threads, n_rows = request.param
    monkeypatch.setattr(folded, "MIN_ROWS", max(n_rows, 64))
    monkeypatch.setattr(host.HostPasses, "inference_values", 1)
    for module in (blas, threads):
        monkeypatch.setattr(module, "n_threads", lambda: n_threads)


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("edges", [None, EDGES], ids=["columns", "bins"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_chunks_give_the_logits_of_the_definition(dtype, edges, limits, rng):
    model = Model(rng, dtype, edges, limits)
    logits = model.network().logits(model.X)
    expected, size = model.expected()
    assert logits.dtype == dtype
    assert (abs(logits - expected) <= RTOL[dtype] * size).all()


@pytest.mark.parametrize("edges", [None, EDGES], ids=["columns", "bins"])
def test_any_number_of_threads_gives_the_same_bits(edges, rng, monkeypatch):
    model = Model(rng, np.float32, edges, True)
    monkeypatch.setattr(host.HostPasses, "inference_values", 1)
    results = []
    for n in (1, 2, 3):
        monkeypatch.setattr(blas, "n_threads", lambda n=n: n)
        monkeypatch.setattr(threads, "n_threads", lambda n=n: n)
        results.append(model.network()(model.X).tobytes())
    assert len(set(results)) == 1


@pytest.mark.usefixtures("many_chunks")
def test_a_row_that_overflows_changes_no_other_row_of_its_chunk(rng):
    model = Model(rng, np.float32, None, False)
    network = model.network()
    expected = network.logits(model.X)
    model.X[70] = 3e38
    logits = network.logits(model.X)
    assert np.isfinite(logits).all()
    others = np.delete(np.arange(N), 70)
    assert (logits[others] == expected[others]).all()


# Edges between neighboring float32 numbers, and bins whose inverse width float32 does not hold.
@pytest.mark.parametrize("first", [[1e9 + 30, 1e9 + 90, 1e9 + 200], [0.0, 2e-39, 1.0]])
def test_rows_of_float32_have_the_bins_of_edges_that_float32_does_not_hold(first, rng):
    model = Model(rng, np.float32, EDGES, False)
    model.edges[0] = np.array(first)
    model.X[:5, 0] = 1e9, 1e9 + 64, 0, 1e-39, 1.5
    model.layers[0][0][0] = 0.0  # the column itself has no effect
    expected, size = model.expected()
    logits = model.network().logits(model.X)
    assert (abs(logits - expected) <= RTOL[np.float32] * size).all()


@pytest.mark.parametrize("n", [1, 64, 1638, 1639, 5000])
def test_rowwise_is_the_operation_with_each_row(n, rng):
    x, vector = rng.normal(size=(n, D)), rng.normal(size=D)
    assert len(repeated(vector)) == BUFFER_VALUES // D == 1638
    for given in (x, np.asfortranarray(x)):
        for rows in (vector, repeated(vector), repeated(vector, 3)):
            out = rowwise(np.subtract, given, rows, np.empty((n, D)))
            assert (out == x - vector).all()


def test_rowwise_takes_rows_without_columns():
    nothing = np.empty((9, 0))
    assert rowwise(np.maximum, nothing, repeated(nothing[0], 9), nothing.copy()).shape == (9, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("row", [0, 1000, -1])
@pytest.mark.parametrize("order", "CF")
def test_a_value_among_many_that_is_not_finite_is_found(order, row, value, monkeypatch):
    monkeypatch.setattr(validation, "VALUES_TO_DIVIDE", 500)
    X = np.zeros((2000, 3), np.float32, order)
    assert validation.is_finite(X)
    X[row, 1] = value
    assert not validation.is_finite(X)


def test_many_finite_values_whose_sum_overflows_are_predicted(monkeypatch):
    monkeypatch.setattr(validation, "VALUES_TO_DIVIDE", 500)
    X, y = np.tile(np.float32([[0.0], [1.0]]), (500, 1)), np.tile([0, 1], 500)
    model = BatchNormMLPClassifier((4,), max_iter=1, random_state=0).fit(X, y)
    X[:] = 3e38
    assert set(model.predict(X)) <= {0, 1}
