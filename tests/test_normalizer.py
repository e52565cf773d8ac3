"""What BatchNormalizer promises beyond StandardScaler."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import oracle
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer


@pytest.fixture
def X(rng):
    return rng.normal(size=(200, 3)) * [1, 100, 1e-3] + [0, 1e6, 5]


def normalized(X, gamma=1.0, beta=0.0, epsilon=0.0):
    _, mean, var = oracle.moments(X)
    return np.asarray(gamma * (X - mean) / np.sqrt(var + epsilon) + beta, dtype=float)


# Algorithms 1 and 2 ------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.0, 1e-9])
def test_transform_is_algorithm_2(X, epsilon):
    gamma, beta = np.array([2.0, -1.0, 0.0]), np.array([0.5, 0.0, 3.0])
    normalizer = BatchNormalizer(gamma=gamma, beta=beta, epsilon=epsilon).fit(X)
    np.testing.assert_allclose(
        normalizer.transform(X), normalized(X, gamma, beta, epsilon), rtol=1e-12, atol=1e-12
    )


def test_normalize_batch_is_algorithm_1_and_learns_nothing(X, rng):
    gamma = np.array([2.0, -1.0, 1.0])
    normalizer = BatchNormalizer(gamma=gamma, beta=1.0, ddof=1).fit(X)
    state = pickle.dumps(normalizer)
    batch = rng.normal(size=(32, 3)) * 7
    np.testing.assert_allclose(
        normalizer.normalize_batch(batch), normalized(batch, gamma, 1.0), rtol=1e-12, atol=1e-12
    )
    assert pickle.dumps(normalizer) == state


def test_normalize_batch_needs_no_fit_and_leaves_none(X):
    normalizer = BatchNormalizer()
    np.testing.assert_allclose(normalizer.normalize_batch(X), normalized(X), atol=1e-12)
    assert not hasattr(normalizer, "n_features_in_")


def test_normalize_batch_weighs_rows(X, rng):
    weight = rng.integers(0, 4, size=len(X))
    repeated = BatchNormalizer().normalize_batch(np.repeat(X, weight, axis=0))
    weighted = BatchNormalizer().normalize_batch(X, sample_weight=weight)
    np.testing.assert_allclose(np.repeat(weighted, weight, axis=0), repeated, atol=1e-12)


def test_normalize_batch_takes_weights_of_any_size(X):
    np.testing.assert_allclose(
        BatchNormalizer(ddof=1).normalize_batch(X, sample_weight=np.full(200, 1 / 200)),
        normalized(X),
        atol=1e-12,
    )


def test_normalize_batch_takes_the_parameters_as_they_are_set(X):
    normalizer = BatchNormalizer().fit(X).set_params(gamma=3.0, beta=1.0, epsilon=1e-9)
    np.testing.assert_allclose(
        normalizer.normalize_batch(X), normalized(X, 3.0, 1.0, 1e-9), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_normalize_batch_gives_frames_without_a_fit(library):
    frame = {"pandas": pd, "polars": pl}[library].DataFrame({"a": [1.0, 3.0]})
    out = BatchNormalizer().set_output(transform=library).normalize_batch(frame)
    assert list(out.columns) == ["a"]
    np.testing.assert_allclose(out.to_numpy(), [[-1], [1]])


def test_normalize_batch_of_one_row_is_beta():
    assert (BatchNormalizer(beta=0.5).normalize_batch([[3.0, 1e9]]) == 0.5).all()


def test_rows_are_transformed_alike_alone_and_together(layout, dtype, rng):
    X = (rng.normal(size=(5000, 3)) + 100).astype(dtype)
    normalizer = BatchNormalizer(gamma=1.5, beta=0.1).fit(X)
    together = normalizer.transform(layout(X))
    one_by_one = np.concatenate([normalizer.transform(row[None]) for row in layout(X)])
    np.testing.assert_array_equal(together, one_by_one)


# Streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 2, 50, 200, 242])
def test_partial_fit_is_fit_for_any_size_of_chunk(X, chunk):
    streamed = BatchNormalizer()
    for start in range(0, len(X), chunk):
        streamed.partial_fit(X[start : start + chunk])
    whole = BatchNormalizer().fit(X)
    np.testing.assert_allclose(streamed.mean_, whole.mean_, rtol=1e-15)
    np.testing.assert_allclose(streamed.var_, whole.var_, rtol=1e-13)
    assert streamed.n_samples_seen_ == whole.n_samples_seen_ == 200


def test_fit_forgets_what_partial_fit_saw(X):
    refitted = BatchNormalizer().partial_fit(X + 5).fit(X)
    np.testing.assert_array_equal(refitted.mean_, BatchNormalizer().fit(X).mean_)


def test_fit_forgets_the_names_of_the_features():
    normalizer = BatchNormalizer().fit(pd.DataFrame({"a": [1.0, 2.0]}))
    normalizer.fit(np.array([[1.0, 2.0]]))
    assert not hasattr(normalizer, "feature_names_in_")
    assert normalizer.n_features_in_ == 2


def test_momentum_weighs_the_newest_batch_and_has_no_bias_at_the_start(X):
    normalizer = BatchNormalizer(momentum=0.25)
    batches = np.split(X, 5)
    for i, batch in enumerate(batches, 1):
        normalizer.partial_fit(batch)
        mean, variance = oracle.exponential(batches[:i], 0.25)
        np.testing.assert_allclose(normalizer.mean_, mean.astype(float), rtol=1e-14)
        np.testing.assert_allclose(normalizer.var_, variance.astype(float), rtol=1e-13)
    assert normalizer.n_samples_seen_ == 200


def test_momentum_of_one_knows_the_newest_batch_alone(X):
    normalizer = BatchNormalizer(momentum=1.0).partial_fit(X[:50]).partial_fit(X[50:])
    np.testing.assert_allclose(normalizer.mean_, X[50:].mean(axis=0))
    np.testing.assert_allclose(normalizer.var_, X[50:].var(axis=0))
    assert normalizer.n_samples_seen_ == 200


def test_momentum_counts_a_batch_once_however_many_rows_it_has(X):
    short = BatchNormalizer(momentum=0.5).partial_fit(X[:10]).partial_fit(X[10:12])
    long = BatchNormalizer(momentum=0.5).partial_fit(X[:10])
    long.partial_fit(np.repeat(X[10:12], 50, axis=0))
    np.testing.assert_allclose(short.mean_, long.mean_)
    np.testing.assert_allclose(short.var_, long.var_)


def test_momentum_skips_a_column_that_a_batch_has_no_value_of(X):
    batch = X[:50].copy()
    batch[:, 1] = np.nan
    normalizer = BatchNormalizer(momentum=0.5).partial_fit(X[50:])
    before = normalizer.mean_.copy()
    normalizer.partial_fit(batch)
    assert normalizer.mean_[1] == before[1]
    assert normalizer.mean_[0] != before[0]
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [200, 150, 200])


def test_momentum_takes_sparse_batches_and_weights(X, rng):
    weight = rng.random(200)
    dense = BatchNormalizer(momentum=0.3, with_mean=False)
    stored = clone(dense)
    for part in (slice(0, 80), slice(80, 200)):
        dense.partial_fit(X[part], sample_weight=weight[part])
        stored.partial_fit(sparse.csr_array(X[part]), sample_weight=weight[part])
    np.testing.assert_allclose(stored.mean_, dense.mean_, rtol=1e-12)
    np.testing.assert_allclose(stored.var_, dense.var_, rtol=1e-12)
    np.testing.assert_allclose(dense.n_samples_seen_, weight.sum())


def test_an_average_far_from_zero_does_not_turn_constant(rng):
    normalizer = BatchNormalizer(momentum=0.5)
    for _ in range(3):
        normalizer.partial_fit(rng.normal(size=(1_000_000, 1)) + 1e9)
    np.testing.assert_allclose(normalizer.scale_, 1.0, rtol=0.01)
    assert normalizer.scale_ != 1.0


def test_weights_below_ddof_are_refused_by_their_sum_so_far(X):
    normalizer = BatchNormalizer(ddof=1).fit(X, sample_weight=np.ones(200))
    normalizer.partial_fit(X[:2], sample_weight=[0.25, 0.25])
    assert normalizer.n_samples_seen_ == 200.5


def test_momentum_may_be_set_and_taken_away_in_mid_stream(X):
    stream = np.split(X, 4)
    normalizer = BatchNormalizer().partial_fit(stream[0]).partial_fit(stream[1])
    normalizer.set_params(momentum=0.5).partial_fit(stream[2])
    halves = np.concatenate([stream[2], stream[2], stream[0], stream[1]])
    np.testing.assert_allclose(normalizer.mean_, halves.mean(axis=0))
    np.testing.assert_allclose(normalizer.var_, halves.var(axis=0))
    average = normalizer.mean_.copy()
    normalizer.set_params(momentum=None).partial_fit(stream[3])
    expected = (average * 150 + stream[3].sum(axis=0)) / 200
    np.testing.assert_allclose(normalizer.mean_, expected)


def test_a_column_may_begin_late(X):
    late = X.copy()
    late[:100, 2] = np.nan
    normalizer = BatchNormalizer().partial_fit(late[:100])
    assert np.isnan([normalizer.mean_[2], normalizer.var_[2], normalizer.scale_[2]]).all()
    normalizer.partial_fit(late[100:])
    np.testing.assert_allclose(normalizer.mean_[2], X[100:, 2].mean())
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [200, 200, 100])


def test_ddof_gives_the_unbiased_variance_of_the_paper(X):
    normalizer = BatchNormalizer(ddof=1).partial_fit(X[:1])
    np.testing.assert_array_equal(normalizer.var_, 0)
    np.testing.assert_allclose(normalizer.partial_fit(X[1:]).var_, X.var(axis=0, ddof=1))


# Merging, folding, handing over ------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_merge_is_a_fit_on_all_rows(X, weighted, rng):
    weight = rng.random(len(X)) if weighted else np.ones(len(X))
    X[7, 1] = np.nan
    parts = [slice(0, 1), slice(1, 90), slice(90, 200)]
    first, *others = (
        BatchNormalizer(gamma=2.0).fit(X[p], sample_weight=weight[p] if weighted else None)
        for p in parts
    )
    merged = first.merge(*others)
    whole = BatchNormalizer().fit(X, sample_weight=weight)
    np.testing.assert_allclose(merged.mean_, whole.mean_, rtol=1e-14)
    np.testing.assert_allclose(merged.var_, whole.var_, rtol=1e-13)
    np.testing.assert_allclose(merged.n_samples_seen_, whole.n_samples_seen_)
    assert merged.gamma == 2.0
    assert first.n_samples_seen_.max() < 200


def test_a_merged_normalizer_goes_on_learning(X):
    merged = BatchNormalizer().fit(X[:50]).merge(BatchNormalizer().fit(X[50:100]))
    np.testing.assert_allclose(merged.partial_fit(X[100:]).mean_, X.mean(axis=0))


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
@pytest.mark.parametrize("gamma", [None, [2.0, -1.0, 0.5]])
@pytest.mark.parametrize("beta", [None, [0.0, 3.0, -1.0]])
def test_fold_and_to_sklearn_are_the_same_function(X, with_mean, with_std, gamma, beta):
    normalizer = BatchNormalizer(
        with_mean=with_mean, with_std=with_std, gamma=gamma, beta=beta, epsilon=1e-9
    ).fit(X)
    expected = normalizer.transform(X)
    size = np.abs(expected).max(axis=0) + np.abs(X.mean(axis=0) * normalizer.fold()[0])
    scale, shift = normalizer.fold()
    assert (np.abs(X * scale + shift - expected) <= 1e-14 * size).all()
    scaler = normalizer.to_sklearn()
    assert (np.abs(scaler.transform(X) - expected) <= 1e-14 * size).all()
    inverse = normalizer.inverse_transform(expected)
    np.testing.assert_allclose(inverse, X, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(expected), X, rtol=1e-12, atol=1e-12)


def test_fold_handles_a_gamma_of_zero(X):
    normalizer = BatchNormalizer(gamma=0.0, beta=3.0).fit(X)
    assert (X * normalizer.fold()[0] + normalizer.fold()[1] == 3.0).all()


def test_the_standard_scaler_handed_over_goes_on_learning(X):
    scaler = BatchNormalizer().fit(X[:100]).to_sklearn().partial_fit(X[100:])
    np.testing.assert_allclose(scaler.mean_, X.mean(axis=0))
    np.testing.assert_allclose(scaler.var_, X.var(axis=0))


def test_the_standard_scaler_handed_over_shares_nothing():
    X = np.array([[0.0, 1.0], [np.nan, 2.0]])
    for parameters in ({}, {"with_mean": False, "with_std": False}):
        normalizer = BatchNormalizer(**parameters).fit(X)
        before = pickle.dumps(normalizer)
        normalizer.to_sklearn().partial_fit([[1.0, 1.0]])
        assert pickle.dumps(normalizer) == before


@pytest.mark.parametrize("with_std", [True, False])
def test_the_standard_scaler_handed_over_has_the_variance_of_its_scale(X, with_std):
    normalizer = BatchNormalizer(gamma=2.0, epsilon=1e-9, with_std=with_std).fit(X)
    scaler = normalizer.set_params(epsilon=5.0).to_sklearn()
    np.testing.assert_allclose(scaler.var_, scaler.scale_**2)


def test_the_standard_scaler_handed_over_knows_the_names():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    scaler = BatchNormalizer().fit(frame).to_sklearn()
    assert list(scaler.get_feature_names_out()) == ["a", "b"]
    assert scaler.n_samples_seen_ == 2
    normalizer = BatchNormalizer().set_output(transform="pandas").fit(frame)
    assert list(normalizer.to_sklearn().transform(frame).columns) == ["a", "b"]


# Dtypes and containers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "result"),
    [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i1", "f8"), ("u8", "f8"), ("?", "f8")],
)
def test_transform_keeps_float_dtypes_and_makes_float64_of_the_rest(given, result, rng):
    X = (rng.random((300, 4)) * 50 > 20).astype(given)
    normalizer = BatchNormalizer().fit(X)
    Y = normalizer.transform(X)
    assert Y.dtype == result
    assert normalizer.inverse_transform(Y).dtype == result
    assert normalizer.mean_.dtype == np.float64
    np.testing.assert_allclose(normalizer.mean_, X.astype(float).mean(axis=0))
    np.testing.assert_allclose(Y, normalized(X.astype(float)), rtol=4 * np.finfo(result).eps)


def test_float32_keeps_the_digits_that_an_offset_leaves(rng):
    X = (rng.normal(size=(1000, 2)) * 50 + 1.7e9).astype(np.float32)
    np.testing.assert_allclose(
        BatchNormalizer().fit_transform(X), normalized(X.astype(float)), rtol=1e-6, atol=1e-7
    )


def test_transform_gives_the_memory_order_it_gets(dtype, rng):
    X = np.asfortranarray(rng.normal(size=(5000, 3)).astype(dtype))
    assert BatchNormalizer().fit_transform(X).flags.f_contiguous
    assert BatchNormalizer().fit_transform(X.copy("C")).flags.c_contiguous


def test_any_layout_gives_the_same_statistics_and_values(layout, dtype, rng):
    X = rng.normal(size=(5000, 3)).astype(dtype)
    laid_out = layout(X)
    expected = BatchNormalizer().fit(np.array(laid_out, dtype=dtype, order="C"))
    normalizer = BatchNormalizer().fit(laid_out)
    np.testing.assert_allclose(normalizer.mean_, expected.mean_, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(normalizer.var_, expected.var_, rtol=1e-14)
    np.testing.assert_allclose(normalizer.transform(laid_out), expected.transform(laid_out))


def test_a_memory_map_is_read_where_it_is(tmp_path, rng):
    X = rng.normal(size=(500, 3)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    Y = BatchNormalizer().fit(mapped).transform(mapped)
    assert type(Y) is np.ndarray
    np.testing.assert_array_equal(Y, BatchNormalizer().fit_transform(X))


@pytest.mark.parametrize("order", ["C", "F"])
def test_copy_false_writes_into_x(order, dtype, rng):
    X = np.array(rng.normal(size=(5000, 3)), dtype=dtype, order=order)
    normalizer = BatchNormalizer(copy=False).fit(X)
    expected = normalizer.transform(X, copy=True)
    original = X.copy()
    assert normalizer.transform(X) is X
    np.testing.assert_array_equal(X, expected)
    assert normalizer.inverse_transform(X) is X
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(X, original, rtol=8 * eps, atol=8 * eps)


def test_copy_false_leaves_what_cannot_be_written_into(rng):
    X = rng.integers(0, 9, size=(20, 2))
    before = X.copy()
    BatchNormalizer(copy=False).fit_transform(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("to_frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("method", ["transform", "fit_transform", "normalize_batch"])
def test_frames_go_in_and_come_out(to_frame, method):
    frame = to_frame({"length": [1.0, 2.0, 4.0], "count": [10, 20, 60]})
    library = to_frame.__module__.split(".")[0]
    normalizer = BatchNormalizer().set_output(transform=library).fit(frame)
    out = getattr(normalizer, method)(frame)
    assert isinstance(out, to_frame)
    assert list(out.columns) == ["length", "count"]
    values = np.array([[1.0, 10], [2, 20], [4, 60]])
    np.testing.assert_allclose(out.to_numpy(), normalized(values))
    assert list(normalizer.feature_names_in_) == ["length", "count"]


def test_pandas_nullable_columns_are_missing_values():
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2.0, 3.0]})
    normalizer = BatchNormalizer().fit(frame)
    np.testing.assert_array_equal(normalizer.mean_, [2, 2])
    np.testing.assert_array_equal(normalizer.n_samples_seen_, [2, 3])


@pytest.mark.parametrize("to_format", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_is_dense_without_centering(to_format, dtype, rng):
    dense = (rng.normal(size=(60, 5)) * (rng.random((60, 5)) < 0.3)).astype(dtype)
    X = to_format(dense)
    normalizer = BatchNormalizer(with_mean=False, gamma=2.0)
    expected = clone(normalizer).fit(dense)
    normalizer.partial_fit(X[:20]).partial_fit(X[20:])
    np.testing.assert_allclose(normalizer.mean_, expected.mean_, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(normalizer.var_, expected.var_, rtol=1e-13)
    Y = normalizer.transform(X)
    assert Y.format == "csr"
    assert Y.dtype == dtype
    rtol = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(Y.toarray(), expected.transform(dense), rtol=rtol)
    np.testing.assert_allclose(normalizer.inverse_transform(Y).toarray(), dense, rtol=rtol)
    np.testing.assert_allclose(X.toarray(), dense)
    batch = normalizer.normalize_batch(X[:20])
    np.testing.assert_allclose(batch.toarray(), expected.normalize_batch(dense[:20]), rtol=rtol)


def test_sparse_entries_stored_twice_are_added():
    X = sparse.csr_array((np.array([1.0, 2, 4]), [0, 0, 0], [0, 2, 3, 3]), shape=(3, 1))
    normalizer = BatchNormalizer(with_mean=False).fit(X)
    np.testing.assert_allclose(normalizer.mean_, 7 / 3)
    np.testing.assert_allclose(normalizer.var_, np.var([3, 4, 0]))
    assert X.nnz == 3


# The squashed features -----------------------------------------------------------------------


def test_a_warning_names_the_features_that_epsilon_squashes():
    frame, _ = load_breast_cancer(return_X_y=True, as_frame=True)
    squashed = frame.columns[frame.var(ddof=0) < 1e-5]
    assert len(squashed) == 2
    with pytest.warns(UserWarning, match="epsilon=1e-05 .*" + ", ".join(squashed)) as record:
        BatchNormalizer(epsilon=1e-5).fit(frame)
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match="epsilon=1e-05") as record:
        make_pipeline(BatchNormalizer(epsilon=1e-5)).fit_transform(frame)
    assert record[0].filename == __file__


def test_constant_features_are_not_said_to_be_squashed():
    BatchNormalizer(epsilon=0.1).fit([[1.0, 5.0], [1.0, 7.0]])


@pytest.mark.parametrize("epsilon", [0.0, 1e-12])
def test_no_warning_where_epsilon_is_small(epsilon):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BatchNormalizer(epsilon=epsilon).fit(load_breast_cancer().data)


def test_epsilon_is_added_whatever_the_variance():
    with pytest.warns(UserWarning, match="x1"):
        normalizer = BatchNormalizer(epsilon=0.5).fit([[1.0, 0.1], [5.0, 0.2]])
    np.testing.assert_allclose(normalizer.scale_**2, normalizer.var_ + 0.5)


# The estimator in scikit-learn ---------------------------------------------------------------


def test_statistics_changed_by_hand_after_a_fit_are_built_upon(X):
    edits = {
        "n_samples_seen_": lambda n: setattr(n, "n_samples_seen_", np.int64(20)),
        "mean_": lambda n: setattr(n, "mean_", n.mean_ + 1),
        "mean_ in place": lambda n: n.mean_.__setitem__(0, 100.0),
        "var_ in place": lambda n: n.var_.__setitem__(0, 9.0),
    }
    for edit in edits.values():
        ours, theirs = BatchNormalizer().fit(X[:100]), StandardScaler().fit(X[:100])
        for scaler in (ours, theirs):
            edit(scaler)
            scaler.partial_fit(X[100:])
        np.testing.assert_allclose(ours.mean_, theirs.mean_)
        np.testing.assert_allclose(ours.var_, theirs.var_)


def test_statistics_set_by_hand_serve_every_method(X):
    donor = BatchNormalizer().fit(X)
    normalizer = BatchNormalizer(gamma=2.0)
    normalizer.mean_, normalizer.var_, normalizer.scale_ = donor.mean_, donor.var_, donor.scale_
    normalizer.n_samples_seen_ = 200
    Y = normalizer.transform(X)
    np.testing.assert_allclose(Y, 2 * donor.transform(X))
    np.testing.assert_allclose(normalizer.inverse_transform(Y), X, atol=1e-9)
    np.testing.assert_allclose(normalizer.to_sklearn().transform(X), Y, atol=1e-9)
    np.testing.assert_allclose(normalizer.fold()[0], 2 / donor.scale_)
    for method in (normalizer.transform, normalizer.inverse_transform, normalizer.partial_fit):
        with pytest.raises(ValueError, match=r"6 features|broadcast"):
            method(np.ones((4, 6)))
    assert normalizer.partial_fit(X).n_samples_seen_ == 400


@pytest.mark.parametrize("ddof", [0, 1])
def test_statistics_set_by_hand_are_used_and_built_upon(X, ddof):
    donor = BatchNormalizer(ddof=ddof).fit(X[:150])
    normalizer = BatchNormalizer(ddof=ddof)
    normalizer.mean_, normalizer.var_, normalizer.scale_ = donor.mean_, donor.var_, donor.scale_
    np.testing.assert_array_equal(normalizer.transform(X), donor.transform(X))
    normalizer.n_samples_seen_, normalizer.n_features_in_ = 150, 3
    np.testing.assert_allclose(normalizer.partial_fit(X[150:]).var_, X.var(axis=0, ddof=ddof))


def test_a_mean_set_by_hand_is_enough_without_a_variance(X):
    normalizer = BatchNormalizer(with_std=False)
    normalizer.mean_, normalizer.var_, normalizer.scale_ = X[:150].mean(axis=0), None, None
    normalizer.n_samples_seen_, normalizer.n_features_in_ = 150, 3
    np.testing.assert_allclose(normalizer.partial_fit(X[150:]).mean_, X.mean(axis=0))


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_transforms_and_goes_on_alike(X, copier):
    normalizer = BatchNormalizer(momentum=0.1, gamma=[1.0, 2.0, 3.0]).fit(X)
    twin = copier(normalizer)
    np.testing.assert_array_equal(twin.transform(X), normalizer.transform(X))
    np.testing.assert_array_equal(twin.partial_fit(X + 1).var_, normalizer.partial_fit(X + 1).var_)


def test_joblib_keeps_the_normalizer(X, tmp_path):
    normalizer = BatchNormalizer().fit(X)
    joblib.dump(normalizer, tmp_path / "normalizer.joblib")
    loaded = joblib.load(tmp_path / "normalizer.joblib", mmap_mode="r")
    np.testing.assert_array_equal(loaded.transform(X), normalizer.transform(X))
    np.testing.assert_array_equal(loaded.partial_fit(X).mean_, normalizer.mean_)


def test_it_searches_in_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(BatchNormalizer(), LogisticRegression(max_iter=500))
    grid = {"batchnormalizer__gamma": [0.1, 1.0], "batchnormalizer__momentum": [None, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.96


def test_sample_weight_is_routed_through_a_pipeline(X, rng):
    weight = rng.random(len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(BatchNormalizer().set_fit_request(sample_weight=True))
        pipeline.fit(X, sample_weight=weight)
    expected = BatchNormalizer().fit(X, sample_weight=weight)
    np.testing.assert_array_equal(pipeline[0].mean_, expected.mean_)


def test_the_html_shows_the_parameters():
    assert "momentum" in BatchNormalizer(momentum=0.1)._repr_html_()


class Recorder:
    """A callback that writes down what it is told."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X, metadata):
        self.calls.append(("begin", X.shape, metadata["sample_weight"]))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.calls.append(("end", fitted_estimator.transform([[2.0]]).item()))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_callbacks_follow_a_fit(method):
    recorder = Recorder()
    normalizer = BatchNormalizer().set_callbacks(recorder)
    getattr(normalizer, method)([[1.0], [3.0]])
    assert recorder.calls == ["setup", ("begin", (2, 1), None), ("end", 0.0), "teardown"]


def test_callbacks_are_torn_down_after_a_refusal():
    recorder = Recorder()
    with pytest.raises(ValueError, match="infinity"):
        BatchNormalizer().set_callbacks(recorder).fit([[1.0], [np.inf]])
    assert [call if isinstance(call, str) else call[0] for call in recorder.calls] == [
        "setup",
        "begin",
        "teardown",
    ]
