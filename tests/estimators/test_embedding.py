"""Columns of many categories, which are embedded in training and one-hot afterwards."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators.categories import MAX_ONE_HOT

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, N_MANY, N_FEW = 240, MAX_ONE_HOT + 10, 3
RNG = np.random.default_rng(0)
MANY = pd.Categorical.from_codes(
    np.concatenate([np.arange(N_MANY), RNG.integers(0, N_MANY, N - N_MANY)]),
    categories=[f"v{k:02d}" for k in range(N_MANY)],
)
FEW = RNG.choice(["ant", "bee", "cow"], N)
X = pd.DataFrame({"many": MANY, "u": RNG.normal(size=N), "few": FEW, "v": RNG.normal(size=N)})
Y = (MANY.codes % 2 == 0) | (X.u > 1)
SMALL = {"hidden_layer_sizes": 8, "max_iter": 4, "random_state": 0, "numeric_encoding": None}
SMALL |= {"dtype": "float64"}


def fitted(X=X, **params):
    return BatchNormMLPClassifier(**SMALL | params).fit(X, Y)


def assert_same(model, other):
    for ours, theirs in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def inputs_of(model, X):
    """The numbers, and the one-hot columns of the column with few categories before the other."""
    mean, scale = (values[[1, 3]] for values in (model.input_norm_.mean_, model.input_norm_.scale_))
    numbers = (X[["u", "v"]].to_numpy() - mean) / scale
    of_few = X.few.astype(str).to_numpy()[:, None] == model.categories_[2]
    of_many = X.many.astype(str).to_numpy()[:, None] == model.categories_[0]
    return np.hstack([numbers, of_few, of_many])


def products(model):
    """The weights of the categories of the column that has many."""
    embedding, embedding_weight = model._factors
    return embedding @ embedding_weight


def test_a_stream_goes_on_where_an_embedded_column_comes_first():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 50, 400), rng.integers(0, 3, 400), rng.normal(size=400)])
    y = rng.integers(0, 2, 400)
    model = BatchNormMLPClassifier(8, categorical_features=[0, 1], random_state=0)
    model.partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    assert model.t_ == 2 * len(X)


def test_predictions_are_those_of_one_hot_columns_whose_weights_are_products():
    model = fitted(clip_inputs=False)
    assert model.coefs_[0].shape == (2 + N_FEW + N_MANY, 8)
    np.testing.assert_allclose(model.coefs_[0][-N_MANY:], products(model), rtol=1e-12)
    hidden = model.batch_norms_[0].transform(inputs_of(model, X) @ model.coefs_[0])
    logits = np.maximum(hidden, 0) @ model.coefs_[1] + model.intercepts_[1]
    expected = 1 / (1 + np.exp(-logits[:, 0]))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected, rtol=1e-9)


@pytest.mark.parametrize("params", [{"batch_norm": False}, {"solver": "lbfgs", "alpha": 0.1}, {}])
def test_training_reduces_the_loss(params):
    model = fitted(**params | {"max_iter": 30})
    assert model.loss_ < 0.6
    assert np.linalg.matrix_rank(model.coefs_[0][-N_MANY:]) <= 8


def test_a_column_of_at_most_so_many_categories_is_one_hot():
    few = X.assign(many=pd.Categorical.from_codes(MANY.codes % MAX_ONE_HOT, MANY.categories))
    model = fitted(few)
    assert len(model.categories_[0]) == MAX_ONE_HOT
    assert model._factors is None
    assert fitted(hidden_layer_sizes=())._factors is None


def test_an_unknown_category_contributes_nothing():
    model = fitted(clip_inputs=False)
    rows = X.assign(many="unknown", few="?")
    hidden = model.batch_norms_[0].transform(inputs_of(model, rows) @ model.coefs_[0])
    logits = np.maximum(hidden, 0) @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(
        model.predict_proba(rows)[:, 1], 1 / (1 + np.exp(-logits[:, 0])), rtol=1e-9
    )


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_training_goes_on_from_the_factors(call):
    model = fitted(warm_start=True)
    loaded, slow = pickle.loads(pickle.dumps(model)), pickle.loads(pickle.dumps(model))
    for other in (model, loaded):
        getattr(other, call)(X, Y)
    assert_same(loaded, model)
    before, factors = slow.coefs_[0], slow._factors
    assert (model.coefs_[0] != before).any(axis=1).all()
    getattr(slow.set_params(learning_rate_init=1e-12), call)(X, Y)
    np.testing.assert_allclose(slow.coefs_[0], before, atol=1e-9)
    for ours, theirs in zip(slow._factors, factors, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_stream_learns_the_categories_that_come_later():
    first = X[MANY.codes < N_MANY - 5]
    model = BatchNormMLPClassifier(**SMALL)
    model.partial_fit(first, Y[MANY.codes < N_MANY - 5], classes=[False, True])
    assert (model.coefs_[0][-5:] == 0).all()
    assert (model.coefs_[0][-N_MANY:-5] != 0).all()
    model.partial_fit(X, Y)
    assert (model.coefs_[0][-5:] != 0).all()


def test_rows_of_weight_0_have_no_say_in_the_embedding():
    weight = (MANY.codes != 7).astype(float)
    model = BatchNormMLPClassifier(**SMALL).fit(X, Y, weight)
    assert (model.coefs_[0][2 + N_FEW + 7] == 0).all()
    assert (model._factors[0][7] == 0).all()


def test_columns_of_many_categories_have_the_last_inputs_in_their_order():
    more = X.assign(more=pd.Categorical(MANY.codes + 100))[["many", "u", "more", "few", "v"]]
    model = fitted(more)
    assert model.coefs_[0].shape == (2 + N_FEW + 2 * N_MANY, 8)
    embedding, (of_many, of_more) = model._factors[0], np.split(model._factors[1], 2)
    expected = np.vstack([embedding[:N_MANY] @ of_many, embedding[N_MANY:] @ of_more])
    np.testing.assert_allclose(model.coefs_[0][-2 * N_MANY :], expected, rtol=1e-12)


def test_ordered_categories_have_a_rank_and_an_embedding():
    ordered = X.assign(many=MANY.as_ordered())
    model = fitted(ordered)
    assert model.coefs_[0].shape == (3 + N_FEW + N_MANY, 8)
    expected = model.predict_proba(ordered)
    np.testing.assert_allclose(model.to_sklearn().predict_proba(ordered), expected, rtol=1e-6)


def test_stock_estimators_predict_the_same():
    model = fitted()
    expected = model.predict_proba(X)
    np.testing.assert_allclose(model.to_sklearn().predict_proba(X), expected, rtol=1e-6)
    regressor = BatchNormMLPRegressor(**SMALL).fit(X, Y.astype(float))
    stock = regressor.to_sklearn()
    np.testing.assert_allclose(stock.predict(X), regressor.predict(X), rtol=1e-6, atol=1e-8)


def test_recalibration_keeps_the_weights():
    model = fitted()
    before, factors = model.coefs_[0], model._factors
    model.recalibrate(X)
    assert model.coefs_[0] is before
    assert model._factors is factors
    np.testing.assert_allclose(model.predict_proba(X), fitted().predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("i", [0, 1])
def test_an_embedding_of_another_shape_is_a_damaged_model(i):
    state = fitted().__getstate__()
    state["_factors"] = tuple(f[: len(f) - (k == i)] for k, f in enumerate(state["_factors"]))
    with pytest.raises(ValueError, match="damaged: an embedding has shape"):
        object.__new__(BatchNormMLPClassifier).__setstate__(state)


@pytest.mark.cuda
def test_host_and_device_learn_the_same():
    host, cuda = (fitted(device=device).partial_fit(X, Y) for device in ("cpu", "cuda"))
    for ours, theirs in zip(cuda._factors, host._factors, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)
    np.testing.assert_allclose(cuda.coefs_[0], host.coefs_[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(cuda.predict_proba(X), host.predict_proba(X), atol=1e-8)
