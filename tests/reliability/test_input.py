"""Whatever holds the values, the result is that of the plain array, or a refusal in words."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import misaligned, read_only, strided
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.neural_network import MLPClassifier

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

RNG = np.random.default_rng(0)
N = 40
V = np.column_stack([RNG.integers(-4, 5, (N, 2)), RNG.integers(0, 2, N)]).astype(float)
MASK = np.zeros((N, 3), bool)
MASK[3, 1] = MASK[5, 2] = True
HOLED = np.where(MASK, np.nan, V)
NAMES = ["a", "b", "c"]
FRAME = pd.DataFrame(V, columns=NAMES)
LABELS = (V[:, 0] + V[:, 1] > 0).astype(int)
WORDS = np.array(["no", "yes"])[LABELS]
VALUES = V[:, 0] * 2 + V[:, 1]
SMALL = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}


def normalizer():
    return BatchNormalizer(gamma=2.0)


def uncentered():
    return BatchNormalizer(with_mean=False)


def classifier():
    return BatchNormMLPClassifier(**SMALL)


def regressor():
    return BatchNormMLPRegressor(**SMALL)


def targets_of(make, n=N):
    return {classifier: [LABELS[:n]], regressor: [VALUES[:n]]}.get(make, [])


def outputs(make, X, *data):
    """All that an estimator makes of X: in fit, in partial_fit and fitted."""
    return [said for way in (by_fit, by_stream) for said in way(make(), X, *data)]


def by_fit(model, X, y=None, **weights):
    if y is None:
        out = model.fit_transform(X, **weights)
        return [model.mean_, model.var_, out, model.normalize_batch(X, **weights)]
    model.fit(X, y, X_val=X, y_val=y, **weights)
    return [model.predict(X), *model.coefs_, model.loss_curve_, model.validation_loss_curve_]


def by_stream(model, X, y=None, **weights):
    data = [X] if y is None else [X, y]
    if isinstance(model, BatchNormMLPClassifier):
        model.partial_fit(*data, classes=np.unique(np.asarray(y)), **weights)
    else:
        model.partial_fit(*data, **weights)
    model.partial_fit(*data, **weights)
    if y is None:
        return [model.transform(X), model.inverse_transform(X)]
    is_classifier = isinstance(model, BatchNormMLPClassifier)
    said = model.predict_proba(X) if is_classifier else model.predict(X)
    return [said, model.score(X, y), model.recalibrate(X).predict(X)]


def dense(out):
    return out.toarray() if sparse.issparse(out) else np.asarray(out)


def assert_outputs(ours, expected, rtol=0.0):
    for out, other in zip(ours, expected, strict=True):
        if rtol:
            np.testing.assert_allclose(dense(out), dense(other), rtol=rtol, atol=rtol)
        else:
            np.testing.assert_array_equal(dense(out), dense(other), strict=True)


# Dense values ---------------------------------------------------------------------------------


def columns(values, *dtypes):
    """A frame whose columns have these dtypes, with NA where the values are NaN."""

    def column(values, dtype):
        of = {"i": int, "b": bool, "f": float}[np.dtype(pd.array([], dtype).dtype.kind).kind]
        return pd.array([pd.NA if np.isnan(v) else of(v) for v in values], dtype=dtype)

    return pd.DataFrame({n: column(v, d) for n, v, d in zip(NAMES, values.T, dtypes, strict=True)})


ARROW = tuple(pd.ArrowDtype(kind) for kind in (pa.float64(), pa.int64(), pa.bool_()))
POLARS = {"a": pl.Float64, "b": pl.Int64, "c": pl.Boolean}


def polars(values):
    rows = [[None if np.isnan(v) else v for v in row] for row in values]
    return pl.DataFrame(rows, schema=NAMES, orient="row").cast(POLARS)


def memory_map(tmp_path):
    np.save(tmp_path / "x.npy", V)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


# What holds the values, and which: the result is that of the plain array.
DENSE = {
    "pandas": (lambda: FRAME, V),
    "pandas, int and bool": (lambda: FRAME.astype({"b": int, "c": bool}), V),
    "pandas, float32 and uint8": (lambda: FRAME.astype({"a": np.float32, "c": np.uint8}), V),
    "pandas, index shuffled": (lambda: FRAME.set_axis(RNG.permutation(N)), V),
    "pandas, names are numbers": (lambda: pd.DataFrame(V), V),
    "pandas, names in levels": (
        lambda: FRAME.set_axis(pd.MultiIndex.from_product([["u"], NAMES]), axis=1),
        V,
    ),
    "pandas, names of attributes": (
        lambda: FRAME.set_axis(["dtype", "columns", "schema"], axis=1),
        V,
    ),
    "pandas, nullable": (lambda: columns(V, "Float64", "Int64", "boolean"), V),
    "pandas, NA": (lambda: columns(HOLED, "Float64", "Int64", "boolean"), HOLED),
    "pandas, Arrow": (lambda: columns(V, *ARROW), V),
    "pandas, Arrow and null": (lambda: columns(HOLED, *ARROW), HOLED),
    "pandas, objects": (lambda: FRAME.astype(object), V),
    "pandas, objects and None": (lambda: FRAME.astype(object).where(~MASK, None), HOLED),
    "pandas, categories of numbers": (lambda: FRAME.astype("category"), V),
    "polars": (lambda: polars(V), V),
    "polars, null": (lambda: polars(HOLED), HOLED),
    "polars, decimals": (lambda: pl.DataFrame(V, schema=NAMES).cast(pl.Decimal(10, 2)), V),
    "Arrow table": (lambda: pa.table(dict(zip(NAMES, V.T, strict=True))), V),
    "objects": (lambda: V.astype(object), V),
    "objects and None": (lambda: np.where(MASK, None, V.astype(object)), HOLED),
    "lists": (lambda: V.tolist(), V),
    "tuples": (lambda: tuple(map(tuple, V)), V),
    "lists of arrays": (lambda: list(V), V),
    "numbers as text": (lambda: V.astype(str), V),
    "read-only": (lambda: read_only(V), V),
    "strided": (lambda: strided(V), V),
    "reversed": (lambda: V[::-1, ::-1].copy()[::-1, ::-1], V),
    "broadcast": (lambda: np.broadcast_to(V[:1], V.shape), np.repeat(V[:1], N, axis=0)),
    "misaligned": (lambda: misaligned(V), V),
    "Fortran": (lambda: np.asfortranarray(V), V),
    "big-endian": (lambda: V.astype(">f8"), V),
    "big-endian integers": (lambda: V.astype(">i4"), V),
    "longdouble": (lambda: V.astype(np.longdouble), V),
    "bool": (lambda: V > 0, (V > 0).astype(float)),
    "int8": (lambda: V.astype(np.int8), V),
    "uint8": (lambda: np.abs(V).astype(np.uint8), np.abs(V)),
    "int64": (lambda: V.astype(np.int64), V),
    "beyond int64": (
        lambda: np.abs(V).astype(np.uint64) * 2**12 + 2**63,
        np.abs(V) * 2.0**12 + 2.0**63,
    ),
    "subclass": (lambda: V.view(type("Sub", (np.ndarray,), {})), V),
    "masked": (lambda: np.ma.masked_array(V, MASK), HOLED),
    "masked integers": (lambda: np.ma.masked_array(V.astype(int), MASK), HOLED),
    "masked objects": (lambda: np.ma.masked_array(V.astype(object), MASK), HOLED),
    "nothing masked": (lambda: np.ma.masked_array(V), V),
    "float32": (lambda: V.astype(np.float32).copy("F"), V.astype(np.float32)),
    "masked float32": (
        lambda: np.ma.masked_array(V.astype(np.float32), MASK),
        HOLED.astype(np.float32),
    ),
}
ESTIMATORS = pytest.mark.parametrize("make", [normalizer, classifier, regressor])
MISSING = "Input X contains NaN"


@cache
def expected_of(name, make):
    values = DENSE[name][1]
    return outputs(make, np.array(values), *targets_of(make))


@pytest.mark.filterwarnings("ignore:X has feature names")
@ESTIMATORS
@pytest.mark.parametrize("name", DENSE)
def test_values_give_what_the_plain_array_gives(name, make):
    given, values = DENSE[name]
    if make is not normalizer and np.isnan(values).any():
        assert_refused(make, given(), (ValueError,), MISSING)
    else:
        assert_outputs(outputs(make, given(), *targets_of(make)), expected_of(name, make))


@ESTIMATORS
def test_a_memory_map_that_is_read_only_gives_what_the_plain_array_gives(make, tmp_path):
    X = memory_map(tmp_path)
    assert_outputs(outputs(make, X, *targets_of(make)), expected_of("pandas", make))
    if make is normalizer:
        np.testing.assert_array_equal(
            make().set_params(copy=False).fit_transform(X), make().fit_transform(V)
        )
        np.testing.assert_array_equal(X, V)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_networks_take_float16_and_big_endian_float32_for_wider_floats(make):
    for X, wide in ((V.astype(np.float16), V), (V.astype(">f4"), V)):
        y = targets_of(make)
        assert_outputs(outputs(make, X, *y), outputs(make, wide, *y))


def test_a_normalizer_gives_float16_back_and_computes_in_float32():
    half, single = V.astype(np.float16), V.astype(np.float32)
    ours, others = normalizer().fit_transform(half), normalizer().fit_transform(single)
    np.testing.assert_array_equal(ours, others.astype(np.float16), strict=True)


def test_a_normalizer_gives_big_endian_float32_back_in_the_order_of_the_machine():
    for X in (V.astype(">f4"), np.asfortranarray(V.astype(">f4"))):
        assert_outputs(outputs(normalizer, X), outputs(normalizer, V.astype(np.float32)))


def test_columns_that_are_all_missing_stay_so_from_any_container():
    hollow = V.copy()
    hollow[:, 1] = np.nan
    expected = normalizer().fit_transform(hollow)
    for X in (columns(hollow, "Float64", "Int64", "boolean"), columns(hollow, *ARROW)):
        np.testing.assert_array_equal(normalizer().fit_transform(X), expected)
    nulls = polars(hollow)
    np.testing.assert_array_equal(normalizer().fit_transform(nulls), expected)
    nulls = nulls.with_columns(pl.lit(None).alias("b"))
    np.testing.assert_array_equal(normalizer().fit_transform(nulls), expected)


# Sparse values --------------------------------------------------------------------------------


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
    columns = (pd.arrays.SparseArray(v, fill_value=fill_value) for v in V.T)
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


CSR, CSC = sparse.csr_array(V), sparse.csc_array(V)
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
        assert_refused(make, X, (ValueError,), MISSING)


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_values_are_not_centered(name):
    with pytest.raises(ValueError, match="Cannot center sparse matrices: pass `with_mean=False`"):
        BatchNormalizer().fit(SPARSE[name]())


@ESTIMATORS
def test_a_frame_with_some_sparse_columns_is_taken_for_dense(make):
    X = FRAME.assign(a=pd.arrays.SparseArray(V[:, 0], fill_value=0.0))
    with pytest.warns(UserWarning, match="DataFrame with sparse columns found"):
        ours = outputs(make, X, *targets_of(make))
    assert_outputs(ours, expected_of("pandas", make))


# What is refused ------------------------------------------------------------------------------

TEXT = (ValueError,), "could not convert string to float: .*no|could not convert string.*yes"
TIMES = (ValueError,), "X has dates or times .*: pass numbers"
NO_NUMBER = (TypeError,), "must be a string or a real number, not '{}'"
NOT_2D = (ValueError,), "Expected 2D array, got {} instead"
DAYS = pd.Series(pd.date_range("2020-01-01", periods=N))


def not_a_number(name):
    return NO_NUMBER[0], NO_NUMBER[1].format(name)


def not_2d(what):
    return NOT_2D[0], NOT_2D[1].format(what)


REFUSED = {
    "text": (lambda: np.column_stack([WORDS] * 3), *TEXT),
    "bytes": (lambda: np.column_stack([WORDS] * 3).astype("S"), *TEXT),
    "objects with text": (lambda: np.column_stack([WORDS, V[:, :2]]).astype(object), *TEXT),
    "text in a list": (lambda: [[word, 1.0, 2.0] for word in WORDS], *TEXT),
    **{
        f"pandas, text as {dtype}": (lambda dtype=dtype: FRAME.assign(a=as_pandas(dtype)), *TEXT)
        for dtype in ("str", "object", "string", "category", pd.ArrowDtype(pa.string()))
    },
    "polars, text": (lambda: polars(V).with_columns(a=pl.Series(list(WORDS))), *TEXT),
    "polars, categories": (
        lambda: polars(V).with_columns(a=pl.Series(list(WORDS), dtype=pl.Categorical)),
        *TEXT,
    ),
    "pandas, dates": (lambda: FRAME.assign(a=DAYS), *TIMES),
    "pandas, dates alone": (lambda: pd.concat([DAYS] * 3, axis=1), *TIMES),
    "pandas, dates of a time zone": (
        lambda: pd.concat([DAYS.dt.tz_localize("UTC")] * 3, axis=1),
        *TIMES,
    ),
    "pandas, durations": (lambda: FRAME.assign(a=DAYS - DAYS[0]), *TIMES),
    "pandas, periods": (lambda: FRAME.assign(a=DAYS.dt.to_period("D")), *TIMES),
    "pandas, timestamps of Arrow": (
        lambda: FRAME.assign(a=DAYS.astype(pd.ArrowDtype(pa.timestamp("ns")))),
        *TIMES,
    ),
    "pandas, dates of Arrow": (
        lambda: FRAME.assign(a=DAYS.dt.date.astype(pd.ArrowDtype(pa.date32()))),
        *TIMES,
    ),
    "pandas, dates as objects": (
        lambda: FRAME.assign(a=DAYS.astype(object)),
        *not_a_number("Timestamp"),
    ),
    "polars, dates": (lambda: polars(V).with_columns(a=pl.Series(DAYS.to_numpy())), *TIMES),
    "polars, durations": (
        lambda: polars(V).with_columns(a=pl.Series((DAYS - DAYS[0]).to_numpy())),
        *TIMES,
    ),
    "Arrow table of dates": (
        lambda: pa.table(dict.fromkeys(NAMES, pa.array(DAYS.to_numpy()))),
        *TIMES,
    ),
    "dates": (lambda: V.astype(int).astype("M8[D]"), *TIMES),
    "big-endian dates": (lambda: V.astype(int).astype(">M8[s]"), *TIMES),
    "durations": (lambda: V.astype(int).astype("m8[s]"), *TIMES),
    "pandas, NA as an object": (
        lambda: FRAME.astype(object).where(~MASK, pd.NA),
        *not_a_number("NAType"),
    ),
    "pandas, a name twice": (
        lambda: FRAME.set_axis(["a", "a", "b"], axis=1),
        (ValueError,),
        "(?i)expected unique column names|UserWarning",
    ),
    "complex": (lambda: V * 1j, (ValueError,), "Complex data not supported"),
    "complex, sparse": (lambda: CSR * 1j, (ValueError,), "Complex data not supported"),
    "np.matrix": (lambda: as_matrix(), (TypeError,), "np.matrix is not supported"),
    "records": (
        lambda: np.rec.fromarrays(V.T, names="a,b,c"),
        (TypeError, ValueError),
        "Cannot cast|Expected 2D",
    ),
    "ragged": (lambda: [[1.0, 2.0, 3.0], [1.0]], (ValueError,), "inhomogeneous shape"),
    "dicts": (lambda: [{"a": 1.0}] * N, *not_a_number("dict")),
    "a generator": (lambda: (row for row in V), *not_a_number("generator")),
    "a number": (lambda: 3.0, *not_2d("scalar array")),
    "None": (lambda: None, *not_2d("scalar array")),
    "0-D": (lambda: np.array(3.0), *not_2d("scalar array")),
    "1-D": (lambda: V[:, 0], *not_2d("1D array")),
    "1-D, sparse": (lambda: sparse.coo_array(V[:, 0]), (ValueError,), "Expected 2D input"),
    "Series": (lambda: FRAME["a"], (ValueError,), "Expected a 2-dimensional container"),
    "3-D": (lambda: V[None], (ValueError,), "Found array with dim 3"),
    "no rows": (lambda: V[:0], (ValueError,), "0 sample"),
    "no columns": (lambda: V[:, :0], (ValueError,), "0 feature|X has 0 features"),
    "no rows, frame": (lambda: FRAME[:0], (ValueError,), "0 sample"),
    "no rows, sparse": (lambda: CSR[:0], (ValueError,), "0 sample|Cannot center"),
}


def as_pandas(dtype):
    return pd.Series(WORDS.astype(object)).astype(dtype)


def as_matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(V)


def calls(make, X):
    """Every call that takes X, of a new estimator or of one fitted to plain rows."""
    n = X.shape[0] if getattr(X, "shape", ()) else len(X) if isinstance(X, list) else N
    y = targets_of(make, n)
    yield make(), lambda model: model.fit(X, *y)
    new = {"classes": [0, 1]} if make is classifier else {}
    yield make(), lambda model: model.partial_fit(X, *y, **new)
    fitted = make().fit(V, *targets_of(make))
    yield fitted, lambda model: model.fit(X, *y)
    yield fitted, lambda model: model.partial_fit(X, *y)
    if make is normalizer:
        for name in ("transform", "normalize_batch", "inverse_transform"):
            yield fitted, lambda model, name=name: getattr(model, name)(X)
        yield fitted, lambda model: model.transform(X, copy=False)
        yield fitted, lambda model: model.inverse_transform(X, copy=False)
    else:
        yield fitted, lambda model: model.predict(X)
        yield fitted, lambda model: model.recalibrate(X)
        if X is not None:
            yield fitted, lambda model: make().fit(V, *targets_of(make), X_val=X, y_val=y[0])


def fitted_state(model):
    return {name: value for name, value in vars(model).items() if name not in model.get_params()}


def assert_refused(make, X, errors, message):
    """By every call, in these words, and without a trace of it."""
    for model, call in calls(make, X):
        before = fitted_state(model)
        with pytest.raises(errors, match=message):
            call(model)
        after = fitted_state(model)
        assert after.keys() == before.keys()
        assert all(after[name] is value for name, value in before.items())


# Names that X alone has are warned of before X is refused.
@pytest.mark.filterwarnings("ignore:X has feature names", "ignore:The feature names")
@ESTIMATORS
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_matrix_of_numbers_is_refused_by_name(name, make):
    given, errors, message = REFUSED[name]
    assert_refused(make, given(), errors, message)


# Targets --------------------------------------------------------------------------------------

NULLS = [None, *map(int, LABELS[1:])]
NO_WORDS = [None, *map(str, WORDS[1:])]
FIRST = np.arange(N) == 0


def series(values, dtype=None):
    return pd.Series(values, index=np.arange(N)[::-1], dtype=dtype)


ARROW_INT, ARROW_STR = pd.ArrowDtype(pa.int64()), pd.ArrowDtype(pa.string())
# What holds the labels, and which.
GIVEN_LABELS = {
    "Series": (lambda: series(LABELS), LABELS),
    "Int64": (lambda: series(LABELS, "Int64"), LABELS),
    "boolean": (lambda: series(LABELS > 0, "boolean"), LABELS),
    "Arrow": (lambda: series(LABELS, ARROW_INT), LABELS),
    "categories of numbers": (lambda: series(LABELS, "category"), LABELS),
    "polars": (lambda: pl.Series(LABELS), LABELS),
    "Arrow array": (lambda: pa.array(LABELS), LABELS),
    "list": (lambda: LABELS.tolist(), LABELS),
    "list of bool": (lambda: (LABELS > 0).tolist(), LABELS),
    "big-endian": (lambda: LABELS.astype(">i4"), LABELS),
    "read-only": (lambda: read_only(LABELS), LABELS),
    "uint8": (lambda: LABELS.astype(np.uint8), LABELS),
    "floats": (lambda: LABELS.astype(float), LABELS),
    "float16": (lambda: LABELS.astype(np.float16), LABELS),
    "nothing masked": (lambda: np.ma.masked_array(LABELS), LABELS),
    "categories": (lambda: series(WORDS, "category"), WORDS),
    "Categorical": (lambda: pd.Categorical(WORDS), WORDS),
    "strings": (lambda: series(WORDS, "string"), WORDS),
    "strings of Arrow": (lambda: series(WORDS, ARROW_STR), WORDS),
    "str": (lambda: series(WORDS, "str"), WORDS),
    "objects": (lambda: WORDS.astype(object), WORDS),
    "polars, text": (lambda: pl.Series(WORDS.tolist()), WORDS),
    "polars, categories": (lambda: pl.Series(WORDS.tolist(), dtype=pl.Categorical), WORDS),
    "polars, enum": (lambda: pl.Series(WORDS.tolist(), dtype=pl.Enum(["no", "yes"])), WORDS),
    "list of str": (lambda: WORDS.tolist(), WORDS),
}
GIVEN_VALUES = {
    "Series": (lambda: series(VALUES), VALUES),
    "Int64": (lambda: series(VALUES.astype(int), "Int64"), VALUES),
    "Float64": (lambda: series(VALUES, "Float64"), VALUES),
    "Arrow": (lambda: series(VALUES, pd.ArrowDtype(pa.float64())), VALUES),
    "boolean": (lambda: series(LABELS > 0, "boolean"), LABELS * 1.0),
    "categories of numbers": (lambda: series(VALUES, "category"), VALUES),
    "sparse Series": (lambda: pd.Series(pd.arrays.SparseArray(VALUES)), VALUES),
    "polars": (lambda: pl.Series(VALUES), VALUES),
    "Arrow array": (lambda: pa.array(VALUES), VALUES),
    "list": (lambda: VALUES.tolist(), VALUES),
    "list of int": (lambda: VALUES.astype(int).tolist(), VALUES),
    "objects": (lambda: VALUES.astype(object), VALUES),
    "bool": (lambda: LABELS > 0, LABELS * 1.0),
    "int8": (lambda: VALUES.astype(np.int8), VALUES),
    "uint8": (lambda: np.abs(VALUES).astype(np.uint8), np.abs(VALUES)),
    "float16": (lambda: VALUES.astype(np.float16), VALUES),
    "float32": (lambda: VALUES.astype(np.float32), VALUES),
    "longdouble": (lambda: VALUES.astype(np.longdouble), VALUES),
    "big-endian": (lambda: VALUES.astype(">f8"), VALUES),
    "big-endian float32": (lambda: VALUES.astype(">f4"), VALUES),
    "read-only": (lambda: read_only(VALUES), VALUES),
    "strided": (lambda: np.repeat(VALUES, 2)[::2], VALUES),
    "nothing masked": (lambda: np.ma.masked_array(VALUES), VALUES),
    "several": (lambda: FRAME, V),
    "several, mixed": (lambda: FRAME.astype({"b": int, "c": bool}), V),
    "several, nullable": (lambda: columns(V, "Float64", "Int64", "boolean"), V),
    "several, polars": (lambda: polars(V), V),
    "several, Fortran": (lambda: np.asfortranarray(V), V),
}


def assert_same_training(make, y, plain):
    ours, others = make(), make()
    for model, target in ((ours, y), (others, plain)):
        model.fit(V, target, X_val=V, y_val=target)
    for learn in (lambda model, _: model, lambda model, y: model.partial_fit(V, y)):
        said = [learn(model, target) for model, target in ((ours, y), (others, plain))]
        np.testing.assert_array_equal(*(model.predict(V) for model in said))
        for coef, other in zip(*(model.coefs_ for model in said), strict=True):
            np.testing.assert_array_equal(coef, other, strict=True)
    assert ours.validation_loss_curve_ == others.validation_loss_curve_
    np.testing.assert_allclose(ours.score(V, y), others.score(V, plain), rtol=1e-14)


@pytest.mark.parametrize("name", GIVEN_LABELS)
def test_labels_give_what_a_plain_array_gives(name):
    given, plain = GIVEN_LABELS[name]
    assert_same_training(classifier, given(), plain)
    model = classifier().fit(V, given())
    np.testing.assert_array_equal(model.classes_, np.unique(plain))


@pytest.mark.parametrize("name", GIVEN_VALUES)
def test_target_values_give_what_a_plain_array_gives(name):
    given, plain = GIVEN_VALUES[name]
    assert_same_training(regressor, given(), plain)


@pytest.mark.parametrize(
    "column",
    [
        lambda y: y[:, None],
        lambda y: pd.DataFrame({"y": y}),
        lambda y: pl.DataFrame({"y": y}),
    ],
    ids=["array", "pandas", "polars"],
)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_column_of_targets_is_taken_with_scikit_learns_warning(make, column):
    (y,) = targets_of(make)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model = make().fit(V, column(y))
    np.testing.assert_array_equal(model.predict(V), make().fit(V, y).predict(V))


MISSING_Y = ValueError, "Input y contains NaN"
BAD_LABELS = {
    "Int64 with NA": (lambda: series(NULLS, "Int64"), *MISSING_Y),
    "Arrow with null": (lambda: series(NULLS, ARROW_INT), *MISSING_Y),
    "polars with null": (lambda: pl.Series(NULLS), *MISSING_Y),
    "strings with NA": (lambda: series(NO_WORDS, "string"), *MISSING_Y),
    "strings of Arrow with null": (lambda: series(NO_WORDS, ARROW_STR), *MISSING_Y),
    "polars text with null": (lambda: pl.Series(NO_WORDS), *MISSING_Y),
    "objects with None": (lambda: np.array(NO_WORDS, object), *MISSING_Y),
    "list with None": (lambda: NO_WORDS, *MISSING_Y),
    "str with NaN": (lambda: series(NO_WORDS, "str"), ValueError, "Input (y )?contains NaN"),
    "masked": (lambda: np.ma.masked_array(LABELS, FIRST), *MISSING_Y),
    "masked text": (lambda: np.ma.masked_array(WORDS, FIRST), ValueError, "contains NaN"),
    "NaN": (lambda: np.where(FIRST, np.nan, LABELS), *MISSING_Y),
    "fractions": (lambda: VALUES + 0.5, ValueError, "Unknown label type"),
    "complex": (lambda: LABELS * 1j, ValueError, "Complex data not supported"),
    "bytes": (lambda: WORDS.astype("S"), TypeError, "labels represented as bytes"),
    "sparse": (lambda: sparse.csr_array(LABELS[:, None]), TypeError, "Sparse data was passed"),
    "a row short": (lambda: LABELS[1:], ValueError, "inconsistent numbers of samples"),
    "3-D": (lambda: LABELS[:, None, None], ValueError, "Found array with dim 3"),
    "None": (lambda: None, ValueError, "requires y to be passed"),
}
NULL_VALUES = [None, *VALUES[1:]]
NO_NUMBERS = ValueError, "y must be numbers, got an array of dtype"
BAD_VALUES = {
    "Float64 with NA": (lambda: series(NULL_VALUES, "Float64"), *MISSING_Y),
    "Arrow with null": (lambda: series(NULL_VALUES, pd.ArrowDtype(pa.float64())), *MISSING_Y),
    "polars with null": (lambda: pl.Series(NULL_VALUES), *MISSING_Y),
    "objects with None": (lambda: np.array(NULL_VALUES, object), *MISSING_Y),
    "masked": (lambda: np.ma.masked_array(VALUES, FIRST), *MISSING_Y),
    "masked integers": (lambda: np.ma.masked_array(VALUES.astype(int), FIRST), *MISSING_Y),
    "infinity": (lambda: np.where(FIRST, np.inf, VALUES), ValueError, "y contains infinity"),
    "text": (lambda: WORDS, *NO_NUMBERS),
    "numbers as text": (lambda: VALUES.astype(str), *NO_NUMBERS),
    "list of str": (lambda: WORDS.tolist(), *NO_NUMBERS),
    "text as objects": (lambda: WORDS.astype(object), ValueError, "could not convert string"),
    "categories": (lambda: series(WORDS, "category"), ValueError, "could not convert string"),
    "dates": (lambda: DAYS, *NO_NUMBERS),
    "durations": (lambda: DAYS - DAYS[0], *NO_NUMBERS),
    "complex": (lambda: VALUES * 1j, ValueError, "Complex data not supported"),
    "sparse": (lambda: sparse.csr_array(VALUES[:, None]), TypeError, "Sparse data was passed"),
    "a row short": (lambda: VALUES[1:], ValueError, "inconsistent numbers of samples"),
    "3-D": (lambda: VALUES[:, None, None], ValueError, "Found array with dim 3"),
    "None": (lambda: None, ValueError, "requires y to be passed"),
}
BAD_TARGETS = {
    f"{make.__name__}, {name}": (make, *bad)
    for make, table in ((classifier, BAD_LABELS), (regressor, BAD_VALUES))
    for name, bad in table.items()
}


@pytest.mark.parametrize(
    ("make", "given", "error", "message"), BAD_TARGETS.values(), ids=BAD_TARGETS
)
def test_targets_are_refused_by_name(make, given, error, message):
    new = {"classes": [0, 1]} if make is classifier else {}
    fitted, y = make().fit(V, *targets_of(make)), given()
    before = fitted_state(fitted)
    with pytest.raises(error, match=message):
        make().fit(V, y)
    with pytest.raises(error, match=message):
        make().partial_fit(V, y, **new)
    with pytest.raises(error, match=message):
        fitted.fit(V, y)
    if y is not None:
        with pytest.raises((error, ValueError), match=message):
            make().fit(V, *targets_of(make), X_val=V, y_val=y)
    assert all(fitted_state(fitted)[name] is value for name, value in before.items())


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_numbers_as_text_are_no_targets_of_any_loss(loss):
    with pytest.raises(ValueError, match="y must be numbers, got an array of dtype <U"):
        regressor().set_params(loss=loss).fit(V, LABELS.astype(str))


def test_numbers_in_an_array_of_objects_are_no_labels_as_in_scikit_learn():
    for model in (classifier(), MLPClassifier()):
        with pytest.raises(ValueError, match="Unknown label type"):
            model.fit(V, LABELS.astype(object))


# Weights --------------------------------------------------------------------------------------

WEIGHTS = np.arange(1.0, N + 1)
GIVEN_WEIGHTS = {
    "Series": lambda: series(WEIGHTS),
    "Int64": lambda: series(WEIGHTS, "Int64"),
    "Arrow": lambda: series(WEIGHTS.astype(int), ARROW_INT),
    "polars": lambda: pl.Series(WEIGHTS),
    "list": lambda: list(range(1, N + 1)),
    "objects": lambda: WEIGHTS.astype(object),
    **{
        np.dtype(dtype).str: lambda dtype=dtype: WEIGHTS.astype(dtype)
        for dtype in (np.float16, np.float32, np.longdouble, np.int64, np.uint8, ">f8", ">i2")
    },
    "read-only": lambda: read_only(WEIGHTS),
    "strided": lambda: np.repeat(WEIGHTS, 2)[::2],
    "nothing masked": lambda: np.ma.masked_array(WEIGHTS),
}
MISSING_WEIGHT = "Input sample_weight contains NaN"
BAD_WEIGHTS = {
    "Int64 with NA": (lambda: series([None, *range(1, N)], "Int64"), MISSING_WEIGHT),
    "polars with null": (lambda: pl.Series([None, *range(1, N)]), MISSING_WEIGHT),
    "masked": (lambda: np.ma.masked_array(WEIGHTS, FIRST), MISSING_WEIGHT),
    "NaN": (lambda: np.where(FIRST, np.nan, WEIGHTS), MISSING_WEIGHT),
    "text": (lambda: WORDS, "could not convert string to float"),
    "dates": (lambda: DAYS, "sample_weight has dates or times"),
    "complex": (lambda: WEIGHTS * 1j, "Complex data not supported"),
    "a column": (lambda: WEIGHTS[:, None], "Sample weights must be 1D array"),
    "a row short": (lambda: WEIGHTS[1:], "sample_weight.shape == "),
}


@ESTIMATORS
@pytest.mark.parametrize("name", GIVEN_WEIGHTS)
def test_weights_give_what_a_plain_array_gives(name, make):
    y, given = targets_of(make), GIVEN_WEIGHTS[name]()
    for way in (by_fit, by_stream):
        ours, others = (way(make(), V, *y, sample_weight=w) for w in (given, WEIGHTS))
        assert_outputs(ours, others)


@ESTIMATORS
@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weights_are_refused_by_name(name, make):
    given, message = BAD_WEIGHTS[name]
    y = targets_of(make)
    fitted = make().fit(V, *y)
    before = fitted_state(fitted)
    for model in (make(), fitted):
        with pytest.raises(ValueError, match=message):
            model.fit(V, *y, sample_weight=given())
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(V, *y, sample_weight=given())
    assert all(fitted_state(fitted)[name] is value for name, value in before.items())
