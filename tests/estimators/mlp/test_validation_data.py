"""Validation data are scored every epoch, and end training where they are asked to."""

import numpy as np
import pytest
from estimators.mlp.cases import IRIS, assert_close, classifier, halves, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_validation_data_are_scored_every_epoch(case, early_stopping, weighted):
    X, y, validation = halves(case)
    if weighted:
        validation["sample_weight_val"] = np.arange(len(validation["y_val"])) % 3
    model = case.make(early_stopping=early_stopping).fit(X, y, **validation)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert np.isfinite(model.validation_scores_ + model.validation_loss_curve_).all()
    assert model.t_ == model.n_iter_ * len(X)
    if early_stopping:
        assert model.best_validation_score_ == max(model.validation_scores_)


def test_rows_that_early_stopping_holds_out_have_a_loss_too(case):
    model = case.make(early_stopping=True, validation_fraction=0.3).fit(case.X, case.y)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_


@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_data_end_training_only_where_early_stopping_is_asked_for(case, early_stopping):
    X, y, validation = halves(case)
    validation["y_val"] = {
        classifier: (validation["y_val"] + 1) % 3,
        regressor: -validation["y_val"],
    }[case.make]
    model = case.make(
        early_stopping=early_stopping,
        learning_rate="constant",
        batch_size=len(X),
        learning_rate_init=0.01,
        max_iter=80,
        tol=0,
        n_iter_no_change=10,
    ).fit(X, y, **validation)
    assert (model.n_iter_ < 80) == early_stopping


def test_early_stopping_keeps_the_best_epoch(case):
    X, y, validation = halves(case)
    plain = {"batch_norm": False, "dtype": "float64", "early_stopping": True}
    model = case.make(learning_rate_init=0.1, max_iter=20, **plain).fit(X, y, **validation)
    score = model.score(validation["X_val"], validation["y_val"])
    np.testing.assert_allclose(score, model.best_validation_score_, rtol=1e-10)


def test_validation_scores_are_those_of_score(case):
    X, y, validation = halves(case)
    weight = np.arange(len(validation["y_val"])) % 3
    model = case.make(batch_norm=False, dtype="float64")
    model.fit(X, y, sample_weight_val=weight, **validation)
    score = model.score(validation["X_val"], validation["y_val"], weight)
    np.testing.assert_allclose(model.validation_scores_[-1], score, rtol=1e-10)


def test_validation_rows_without_weight_do_not_count(case):
    X, y, validation = halves(case)
    expected = case.make(dtype="float64").fit(X, y, **validation)
    model = case.make(dtype="float64").fit(
        X,
        y,
        X_val=np.vstack([validation["X_val"], X]),
        y_val=np.concatenate([validation["y_val"], np.repeat(y[:1], len(y))]),
        sample_weight_val=np.repeat([1.0, 0.0], [len(validation["y_val"]), len(y)]),
    )
    assert_close(model.validation_scores_, expected.validation_scores_, 1e-10)
    assert_close(model.validation_loss_curve_, expected.validation_loss_curve_, 1e-10)


def test_validation_labels_may_be_strings():
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = classifier().fit(X, names, X_val=X, y_val=names)
    numbered = classifier().fit(X, y, X_val=X, y_val=y)
    assert model.validation_scores_ == numbered.validation_scores_


def test_validation_data_are_keyword_only(case):
    with pytest.raises(TypeError, match="positional argument"):
        case.make().fit(case.X, case.y, None, case.X, case.y)
