"""Tables of categories and gaps in the tools of scikit-learn and of others."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
from estimators.test_categories import GAPS, SMALL, Y, fitted, frame
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from skops import io as skops_io

from skbn import BatchNormMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = frame(GAPS)
ORDERED = pd.Categorical(GAPS, ["cow", "ant", "bee"], ordered=True)
TABLES = {"text": X, "ordered": frame(ORDERED), "nullable": frame(GAPS, "string")}
tables = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


@tables
def test_a_pickle_predicts_and_goes_on_learning(table):
    model = fitted(table, warm_start=True)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
    again, model = again.fit(table, Y), model.fit(table, Y)
    np.testing.assert_array_equal(again.coefs_[0], model.coefs_[0])


@tables
def test_skops_keeps_the_categories(table):
    model = fitted(table)
    file = io.BytesIO(skops_io.dumps(model))
    types = skops_io.get_untrusted_types(data=file.getvalue())
    assert all(name.startswith(("skbn.", "sklearn.")) for name in types)
    again = skops_io.loads(file.getvalue(), trusted=types)
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))


def test_a_damaged_state_is_an_error():
    model = fitted(X)
    model.categories_ = model.categories_[:2]
    with pytest.raises(ValueError, match="categories_ has shape"):
        pickle.loads(pickle.dumps(model))


def test_a_clone_has_the_selection_of_columns():
    model = BatchNormMLPClassifier(categorical_features=["animal"])
    assert clone(model).categorical_features == ["animal"]
    assert "categorical_features" in model._repr_html_()


def test_searches_and_folds_take_tables():
    search = GridSearchCV(
        BatchNormMLPClassifier(**SMALL), {"categorical_features": ["from_dtype", ["animal"]]}, cv=3
    )
    scores = search.fit(X, Y).cv_results_["mean_test_score"]
    assert scores[0] == scores[1]
    assert np.isfinite(cross_val_score(BatchNormMLPClassifier(**SMALL), X, Y)).all()


def test_permutation_importance_finds_the_column_that_counts():
    model = fitted(X, max_iter=60)
    importance = permutation_importance(model, X, Y, random_state=0, n_repeats=3).importances_mean
    assert importance[1] == max(importance)


def test_partial_dependence_has_a_value_for_each_category():
    rows = frame(np.array(GAPS, object).astype(str))
    model = fitted(rows, max_iter=60)
    found = partial_dependence(model, rows, ["animal"], categorical_features=["animal"])
    categories = found["grid_values"][0].tolist()
    assert sorted(categories) == ["None", "ant", "bee", "cow"]
    average = dict(zip(categories, found["average"][0], strict=True))
    assert average["bee"] == max(average.values())


def test_callbacks_receive_models_that_predict_tables():
    monitor = ScoringMonitor(scoring="accuracy")
    model = BatchNormMLPClassifier(**SMALL).set_callbacks(monitor)
    model.fit(X, Y, X_val=X, y_val=Y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_predict_function_takes_arrays_of_objects():
    """As SHAP and LIME call it."""
    model = fitted(X)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        of_array = model.predict_proba(X.to_numpy())
    np.testing.assert_array_equal(of_array, model.predict_proba(X))
