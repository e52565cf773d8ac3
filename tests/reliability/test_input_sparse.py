"""Whatever holds sparse values, the result is that of the dense array."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from reliability.inputs import (
    CSC,
    CSR,
    HOLED,
    NAMES,
    N,
    V,
    assert_outputs,
    classifier,
    outputs,
    regressor,
    targets_of,
    uncentered,
)
from scipy import sparse

from skbn import BatchNormalizer

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def explicit_zeros(to_format=sparse.csr_array):
    X = sparse.csr_array(np.ones_like(V))
    X.data[:] = V.ravel()
    return to_format(X)


def duplicates():
    """Every value in two halves, in rows that are not sorted."""
    index = np.tile([2, 0, 1, 1, 2, 0], N)
    halves = V[np.repeat(np.arange(N), 6), index] / 2
    return sparse.csr_array((halves, index, np.arange(0, 6 * N + 1, 6)), shape=V.shape)


def unsorted():
    return sparse.csr_array(
        (V[:, ::-1].ravel().copy(), np.tile([2, 1, 0], N), np.arange(0, 3 * N + 1, 3)),
        shape=V.shape,
    )


def changed(X, index, indptr):
    """X with indices of other dtypes, which constructors would change."""
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(indptr)
    return X


def frozen(X):
    X = X.copy()
    for array in (X.data, X.indices, X.indptr):
        array.flags.writeable = False
    return X


def sparse_frame(fill_value=0.0):
    pytest.importorskip("scipy", "1.14.1")  # pandas 3 takes no older one for sparse columns
    columns = (pd.arrays.SparseArray(v, fill_value=fill_value) for v in V.T)
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


SPARSE = {
    "matrix": lambda: sparse.csr_matrix(V),
    **{
        name: lambda name=name: getattr(sparse, f"{name}_array")(V)
        for name in ("csc", "coo", "bsr", "dia", "lil", "dok")
    },
    "explicit zeros": explicit_zeros,
    "explicit zeros, CSC": lambda: explicit_zeros(sparse.csc_array),
    "duplicates": duplicates,
    "duplicates, CSC": lambda: duplicates().T.tocsr().T.copy(),
    "duplicates, COO": lambda: duplicates().tocoo(),
    "unsorted": unsorted,
    "int64 indices": lambda: changed(CSR, index=np.int64, indptr=np.int64),
    "int64 indices, CSC": lambda: changed(CSC, index=np.int64, indptr=np.int64),
    "indices of two widths": lambda: changed(CSR, index=np.int32, indptr=np.int64),
    "read-only": lambda: frozen(CSR),
    "read-only, CSC": lambda: frozen(CSC),
    "read-only duplicates": lambda: frozen(duplicates()),
    "big-endian indices": lambda: changed(CSR, index=">i4", indptr=">i4"),
    "big-endian indices, CSC": lambda: changed(CSC, index=">i4", indptr=">i4"),
    "int": lambda: CSR.astype(int),
    "int8": lambda: CSR.astype(np.int8),
    "longdouble": lambda: CSR.astype(np.longdouble),
    "pandas": sparse_frame,
}


@pytest.mark.parametrize("make", [uncentered, classifier, regressor])
@pytest.mark.parametrize("name", SPARSE)
def test_sparse_values_give_what_the_dense_array_gives(name, make):
    X = SPARSE[name]()
    before = X.copy()
    y = targets_of(make)
    ours = outputs(make, X, *y)
    # Zeros and halves that are stored, and their order, enter the sums of rounded products.
    as_stored = any(word in name for word in ("explicit", "duplicates", "unsorted"))
    assert_outputs(ours, sparse_expected(make), rtol=1e-5 if as_stored else 0.0)
    assert_outputs(ours, outputs(make, V, *y), rtol=1e-5)
    if sparse.issparse(X) and X.format in ("csr", "csc"):
        np.testing.assert_array_equal(X.data, before.data)
        np.testing.assert_array_equal(X.indices, before.indices)


@cache
def sparse_expected(make):
    return outputs(make, CSR, *targets_of(make))


def test_what_is_missing_among_stored_values_is_skipped():
    X = sparse.csr_array(HOLED)
    assert_outputs(outputs(uncentered, X), outputs(uncentered, HOLED), rtol=1e-12)
    for make in (classifier, regressor):
        y = targets_of(make)
        assert_outputs(outputs(make, X, *y), outputs(make, HOLED, *y), rtol=1e-5)


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_values_are_not_centered(name):
    with pytest.raises(ValueError, match="Cannot center sparse matrices: pass `with_mean=False`"):
        BatchNormalizer().fit(SPARSE[name]())
