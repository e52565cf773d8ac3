"""A call that is refused leaves the MLP as it was."""

import pickle

import numpy as np
import pytest
from estimators.mlp.cases import DIABETES, assert_same_bits, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def with_infinity(X):
    return np.where(np.arange(X.shape[1]) == 1, np.inf, X)


REFUSED = {
    "X_val of another width": lambda m, X, y: m.fit(X, y, X_val=X[:, :2], y_val=y),
    "X_val with infinity": lambda m, X, y: m.fit(X, y, X_val=with_infinity(X), y_val=y),
    "few y_val": lambda m, X, y: m.fit(X, y, X_val=X, y_val=y[:-1]),
    "X_val without y_val": lambda m, X, y: m.fit(X, y, X_val=X),
    "y_val without X_val": lambda m, X, y: m.fit(X, y, y_val=y),
    "few sample_weight_val": lambda m, X, y: m.fit(
        X, y, X_val=X, y_val=y, sample_weight_val=[1.0, 2.0]
    ),
    "infinity": lambda m, X, y: m.fit(with_infinity(X), y),
    "few y": lambda m, X, y: m.fit(X[:, :3], y[:-1]),
    "few weights": lambda m, X, y: m.fit(X[:, :3], y, sample_weight=[1.0]),
    "parameter": lambda m, X, y: m.set_params(alpha=-1).fit(X[:, :3], y),
    "infinity, partial_fit": lambda m, X, y: m.partial_fit(with_infinity(X), y),
    "width, partial_fit": lambda m, X, y: m.partial_fit(X[:, :3], y),
    "parameter, partial_fit": lambda m, X, y: m.set_params(alpha=-1).partial_fit(X, y),
    "width, warm_start": lambda m, X, y: m.set_params(warm_start=True).fit(X[:, :3], y),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_a_refused_call_leaves_the_model_as_it_was(case, call):
    model = case.make().fit(case.X, case.y)
    before = pickle.loads(pickle.dumps(model))
    with pytest.raises((TypeError, ValueError)):
        call(model, case.X, case.y)
    assert_same_bits(model, before, case.X)
    assert (model.n_iter_, model.t_) == (before.n_iter_, before.t_)
    assert model.loss_curve_ == before.loss_curve_


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fit_that_diverges_says_so_and_leaves_the_model_as_it_was():
    X, y = DIABETES
    model = regressor().fit(X, y)
    before = pickle.loads(pickle.dumps(model))
    model.set_params(batch_norm=False, solver="sgd", learning_rate_init=1e6, max_iter=50)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X * 1000, y)
    assert_same_bits(model, before, X)
