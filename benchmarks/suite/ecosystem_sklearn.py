"""Trials of scikit-learn's tools around the estimators of skbn."""

import pickle

import numpy as np
from sklearn.base import clone

from skbn import BatchNormalizer

from .ecosystem import X_REG, Y_REG, X, Y, classifier, regressor, trial


@trial("scikit-learn", "Pipeline with BatchNormalizer")
def _():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(BatchNormalizer(), LogisticRegression()).fit(X, Y).score(X, Y) > 0.9


@trial("scikit-learn", "GridSearchCV on two processes")
def _():
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(classifier(), {"dropout": [0.0, 0.1]}, n_jobs=2, cv=2)
    return search.fit(X, Y).best_score_ > 0.8


@trial("scikit-learn", "HalvingRandomSearchCV")
def _():
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    grid = {"learning_rate_init": [0.001, 0.01, 0.1]}
    return (
        HalvingRandomSearchCV(classifier(), grid, cv=2, random_state=0).fit(X, Y).best_score_ > 0.8
    )


@trial("scikit-learn", "CalibratedClassifierCV")
def _():
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(classifier(), cv=2).fit(X, Y).score(X, Y) > 0.9


@trial("scikit-learn", "StackingClassifier")
def _():
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression

    models = [("skbn", classifier()), ("linear", LogisticRegression(max_iter=10_000))]
    return StackingClassifier(models, cv=2).fit(X, Y).score(X, Y) > 0.9


@trial("scikit-learn", "VotingRegressor")
def _():
    from sklearn.ensemble import VotingRegressor
    from sklearn.linear_model import Ridge

    return (
        VotingRegressor([("a", regressor()), ("b", Ridge())]).fit(X_REG, Y_REG).score(X_REG, Y_REG)
    )


@trial("scikit-learn", "BaggingClassifier")
def _():
    from sklearn.ensemble import BaggingClassifier

    return BaggingClassifier(classifier(), n_estimators=2).fit(X, Y).score(X, Y) > 0.8


@trial("scikit-learn", "AdaBoostClassifier, which weighs rows")
def _():
    from sklearn.ensemble import AdaBoostClassifier

    return AdaBoostClassifier(classifier(), n_estimators=2).fit(X, Y).score(X, Y) > 0.8


@trial("scikit-learn", "OneVsRestClassifier")
def _():
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(classifier()).fit(X, Y).score(X, Y) > 0.8


@trial("scikit-learn", "MultiOutputRegressor")
def _():
    from sklearn.multioutput import MultiOutputRegressor

    targets = np.column_stack([Y_REG, -Y_REG])
    return (
        MultiOutputRegressor(regressor()).fit(X_REG, targets).predict(X_REG).shape == targets.shape
    )


@trial("scikit-learn", "TransformedTargetRegressor")
def _():
    from sklearn.compose import TransformedTargetRegressor

    model = TransformedTargetRegressor(regressor(), func=np.log1p, inverse_func=np.expm1)
    return np.isfinite(model.fit(X_REG, Y_REG).predict(X_REG)).all()


@trial("scikit-learn", "TunedThresholdClassifierCV")
def _():
    from sklearn.model_selection import TunedThresholdClassifierCV

    return TunedThresholdClassifierCV(classifier(), cv=2).fit(X, Y).score(X, Y) > 0.8


@trial("scikit-learn", "SelfTrainingClassifier")
def _():
    from sklearn.semi_supervised import SelfTrainingClassifier

    labels = np.where(np.arange(len(Y)) % 3, Y, -1)
    return SelfTrainingClassifier(classifier()).fit(X, labels).score(X, Y) > 0.8


@trial("scikit-learn", "permutation_importance")
def _():
    from sklearn.inspection import permutation_importance

    result = permutation_importance(classifier().fit(X, Y), X, Y, n_repeats=1, random_state=0)
    return result.importances_mean.shape == (X.shape[1],)


@trial("scikit-learn", "partial_dependence")
def _():
    from sklearn.inspection import partial_dependence

    return "average" in partial_dependence(regressor().fit(X_REG, Y_REG), X_REG, [0])


@trial("scikit-learn", "SequentialFeatureSelector")
def _():
    from sklearn.feature_selection import SequentialFeatureSelector

    selector = SequentialFeatureSelector(regressor(max_iter=2), n_features_to_select=1, cv=2)
    return selector.fit(X_REG[:, :3], Y_REG).get_support().sum() == 1


@trial("scikit-learn", "learning_curve and cross_val_predict")
def _():
    from sklearn.model_selection import cross_val_predict, learning_curve

    learning_curve(classifier(), X, Y, cv=2, train_sizes=[0.5, 1.0])
    return cross_val_predict(classifier(), X, Y, cv=2, method="predict_proba").shape == (len(Y), 2)


@trial("scikit-learn", "callbacks: ScoringMonitor")
def _():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    classifier().set_callbacks(monitor).fit(X, Y)
    return len(monitor.get_logs().data_as_pandas) > 0


@trial("scikit-learn", "metadata routing of sample_weight")
def _():
    import sklearn
    from sklearn.model_selection import cross_validate

    with sklearn.config_context(enable_metadata_routing=True):
        model = (
            classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        return cross_validate(model, X, Y, cv=2, params={"sample_weight": np.ones(len(Y))})


@trial("scikit-learn", "clone, repr, HTML and a copy by pickle")
def _():
    model = clone(classifier()).fit(X, Y)
    assert repr(model)
    assert "BatchNormMLPClassifier" in model._repr_html_()
    return (pickle.loads(pickle.dumps(model)).predict(X) == model.predict(X)).all()
