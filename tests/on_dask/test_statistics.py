"""BatchNormalizer over collections: the statistics of the local one, whatever the partitions."""

import dask.array as da
import numpy as np
import pytest
from on_dask.parts import KINDS, SIZES, collection, frame, in_parts, unknown
from scipy import sparse

import skbn
from skbn.dask import BatchNormalizer

N = 200


def matrix(dtype=np.float64, n_columns=4, with_gaps=False):
    X = np.random.default_rng(0).normal([0, 5, 1e6, -3], [1, 0.1, 10, 1e-3], (N, n_columns))
    if with_gaps:
        X[::7, 1] = np.nan
    return X.astype(dtype)


def weights():
    return np.random.default_rng(1).integers(0, 4, N).astype(float)


def assert_same_statistics(ours, local):
    assert np.array_equal(ours.n_samples_seen_, local.n_samples_seen_)
    for name in ("mean_", "var_", "scale_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(local, name), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_statistics_are_those_of_a_local_fit(sizes, dtype):
    X = matrix(np.float64).clip(-100, 100).astype(dtype)
    ours = BatchNormalizer().fit(in_parts(X, sizes))
    assert_same_statistics(ours, skbn.BatchNormalizer().fit(X))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_weights_and_missing_values_count_as_in_a_local_fit(sizes, kind):
    X, weight = matrix(with_gaps=True), weights()
    of_parts = collection(X, sizes, kind), None, collection(weight, sizes, kind)
    ours = BatchNormalizer().fit(*of_parts)
    assert_same_statistics(ours, skbn.BatchNormalizer().fit(X, sample_weight=weight))


def test_a_partition_may_have_no_weight_and_all_together_may_not():
    X, weight = matrix(), weights()
    weight[:50] = 0.0
    ours = BatchNormalizer().fit(in_parts(X, SIZES["equal"]), sample_weight=weight)
    assert_same_statistics(ours, skbn.BatchNormalizer().fit(X, sample_weight=weight))
    with pytest.raises(ValueError, match=r"[Ss]ample weights"):
        ours.fit(in_parts(X, SIZES["equal"]), sample_weight=np.zeros(N))


@pytest.mark.parametrize("momentum", [None, 0.3])
def test_a_call_of_partial_fit_is_one_batch(momentum):
    X = matrix()
    ours, local = BatchNormalizer(momentum=momentum), skbn.BatchNormalizer(momentum=momentum)
    for rows in np.array_split(X, 4):
        ours.partial_fit(in_parts(rows, (20, 30)))
        local.partial_fit(rows)
    assert_same_statistics(ours, local)


def test_columns_that_chunks_cut_are_put_together():
    X = matrix()
    ours = BatchNormalizer().fit(da.from_array(X, chunks=(60, 3)))
    assert_same_statistics(ours, skbn.BatchNormalizer().fit(X))


# The local one's normalize_batch takes rows that are at hand: it needs the statistics of all.
@pytest.mark.parametrize(
    ("method", "local"),
    [
        ("transform", True),
        ("transform", False),
        ("inverse_transform", True),
        ("inverse_transform", False),
        ("normalize_batch", False),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_normalization_is_lazy_and_keeps_dtype_and_chunks(method, dtype, local):
    X = (matrix() * 10).astype(dtype)
    rows = in_parts(X, SIZES["empty and single"])
    known = skbn.BatchNormalizer(gamma=2.0, beta=1.0).fit(X)
    ours = BatchNormalizer(gamma=2.0, beta=1.0).fit(rows)
    result = getattr(known if local else ours, method)(rows)
    expected = getattr(known, method)(X)
    assert isinstance(result, da.Array)
    assert result.chunks == rows.chunks
    assert result.dtype == result.compute().dtype == expected.dtype
    np.testing.assert_allclose(result.compute(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "normalize_batch"])
def test_a_frame_gives_a_frame_with_its_columns_and_its_index(method):
    rows = frame(matrix(np.float32), SIZES["unequal"])
    normalizer = BatchNormalizer().fit(rows)
    assert list(normalizer.feature_names_in_) == ["f0", "f1", "f2", "f3"]
    result = getattr(normalizer, method)(rows)
    expected = getattr(normalizer.to_local(), method)(rows.compute())
    assert list(result.columns) == list(rows.columns)
    assert (result.dtypes == np.float32).all()
    computed = result.compute()
    assert computed.index.equals(rows.compute().index)
    np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-5)


def test_unknown_sizes_stay_unknown():
    rows = unknown(in_parts(matrix(), SIZES["unequal"]))
    result = BatchNormalizer().fit(rows).transform(rows)
    assert np.isnan(result.chunks[0]).all()
    assert result.compute().shape == (N, 4)


def test_to_local_gives_an_equal_normalizer_that_goes_on_learning():
    X = matrix()
    local = BatchNormalizer(ddof=1).fit(in_parts(X, SIZES["equal"])).to_local()
    assert type(local) is skbn.BatchNormalizer
    assert_same_statistics(local.partial_fit(X), skbn.BatchNormalizer(ddof=1).fit([*X, *X]))


def test_local_and_distributed_statistics_merge():
    X = matrix()
    ours = BatchNormalizer().fit(in_parts(X[:100], (60, 40)))
    local = skbn.BatchNormalizer().fit(X[100:])
    for merged in (ours.merge(local), local.merge(ours)):
        assert_same_statistics(merged, skbn.BatchNormalizer().fit(X))


def test_an_error_names_the_partition_and_loses_nothing():
    X = matrix()
    normalizer = BatchNormalizer().fit(in_parts(X, SIZES["equal"]))
    known = normalizer.var_.copy()
    X[120, 2] = np.inf
    with pytest.raises(ValueError, match=r"partition 2: Input X contains infinity"):
        normalizer.partial_fit(in_parts(X, SIZES["equal"]))
    with pytest.raises(ValueError, match="X has 3 features"):
        normalizer.partial_fit(in_parts(X[:, :3], SIZES["equal"]))
    with pytest.raises(ValueError, match=r"Negative values|negative"):
        normalizer.fit(in_parts(matrix(), SIZES["equal"]), sample_weight=-np.ones(N))
    assert np.array_equal(normalizer.var_, known)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(N + 1), "X has 200 rows, and sample_weight 201"),
        (in_parts(np.ones(N + 1), (N, 1)), "X has 200 rows, and sample_weight 201"),
        (unknown(in_parts(np.ones(N + 1), (N, 1))), "X has 200 rows, and sample_weight 201"),
        (
            unknown(in_parts(np.ones(N + 1), (50, 50, 51, 50))),
            "In partition 2: .* X has 50 rows, and sample_weight 51",
        ),
    ],
    ids=["array", "collection", "unknown sizes", "unknown sizes of as many partitions"],
)
def test_weights_have_the_rows_of_X(weight, message):
    with pytest.raises(ValueError, match=message):
        BatchNormalizer().fit(in_parts(matrix(), SIZES["equal"]), sample_weight=weight)


def test_sparse_blocks_are_scaled():
    X = np.where(matrix() > 0, matrix(), 0.0)
    rows = in_parts(X, SIZES["empty and single"]).map_blocks(sparse.csr_array)
    normalizer = BatchNormalizer(with_mean=False).fit(rows)
    local = skbn.BatchNormalizer(with_mean=False).fit(X)
    assert_same_statistics(normalizer, local)
    blocks = [block.compute().toarray() for block in normalizer.transform(rows).partitions]
    np.testing.assert_allclose(np.concatenate(blocks), local.transform(X))


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        BatchNormalizer().fit(in_parts(np.ones(N), SIZES["equal"]))


def test_what_has_no_rows_is_refused():
    with pytest.raises(ValueError, match="0 sample"):
        BatchNormalizer().fit(in_parts(np.zeros((0, 3)), (0, 0)))


def test_containers_of_set_output_are_refused_for_collections():
    rows = in_parts(matrix(), SIZES["equal"])
    normalizer = BatchNormalizer().fit(rows).set_output(transform="pandas")
    with pytest.raises(ValueError, match="set_output"):
        normalizer.transform(rows)


def test_what_is_no_collection_is_taken_as_by_the_local_one():
    X = matrix()
    assert_same_statistics(BatchNormalizer().fit(X), skbn.BatchNormalizer().fit(X))
    assert isinstance(BatchNormalizer().fit(X).normalize_batch(X), np.ndarray)


def test_without_dask_an_error_says_what_to_install(run_python):
    code = """
    import sys
    import skbn
    assert not {"dask", "distributed"} & set(sys.modules)
    sys.modules["distributed"] = None
    try:
        from skbn.dask import BatchNormalizer
    except ImportError as error:
        print(error)
    """
    assert 'pip install "dask[array,dataframe,distributed]"' in run_python(code)
