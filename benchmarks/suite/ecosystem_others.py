"""Trials of other libraries with the estimators of skbn."""

import io
import pickle

import numpy as np

from skbn import BatchNormalizer

from .ecosystem import SMALL, X_REG, Y_REG, X, Y, classifier, regressor, trial


@trial("pandas", "a DataFrame with categories and gaps, set_output")
def _():
    import pandas as pd

    frame = pd.DataFrame(X).rename(columns=str).assign(kind=np.where(X[:, 0] > 15, "a", "b"))
    frame.iloc[::7, 0] = np.nan
    BatchNormalizer().set_output(transform="pandas").fit_transform(frame.drop(columns="kind"))
    return classifier().fit(frame, Y).score(frame, Y) > 0.8


@trial("polars", "a DataFrame in and out")
def _():
    import polars as pl

    frame = pl.DataFrame(X)
    assert isinstance(
        BatchNormalizer().set_output(transform="polars").fit_transform(frame), pl.DataFrame
    )
    return classifier().fit(frame, Y).score(frame, Y) > 0.8


@trial("pyarrow", "a Table")
def _():
    import pyarrow as pa

    table = pa.table({str(j): X[:, j] for j in range(X.shape[1])})
    return classifier().fit(table, Y).score(table, Y) > 0.8


@trial("xarray", "a DataArray")
def _():
    import xarray as xr

    return classifier().fit(xr.DataArray(X), Y).score(X, Y) > 0.8


@trial("scipy", "sparse rows")
def _():
    from scipy import sparse

    return classifier().fit(sparse.csr_array(X), Y).score(sparse.csr_array(X), Y) > 0.8


@trial("dask", "a collection, by skbn.dask")
def _():
    import dask.array as da

    import skbn.dask

    rows, labels = da.from_array(X, chunks=(200, -1)), da.from_array(Y, chunks=200)
    return skbn.dask.BatchNormMLPClassifier(**SMALL).fit(rows, labels).score(rows, labels) > 0.8


@trial("dask-ml", "Incremental")
def _():
    import dask.array as da
    from dask_ml.wrappers import Incremental

    rows, labels = da.from_array(X, chunks=(200, -1)), da.from_array(Y, chunks=200)
    model = Incremental(classifier()).fit(rows, labels, classes=[0, 1])
    return model.estimator_.score(X, Y) > 0.7


@trial("joblib", "dump and load")
def _():
    import joblib

    joblib.dump(classifier().fit(X, Y), buffer := io.BytesIO())
    buffer.seek(0)
    return joblib.load(buffer).score(X, Y) > 0.8


@trial("cloudpickle", "dumps and loads")
def _():
    import cloudpickle

    return pickle.loads(cloudpickle.dumps(classifier().fit(X, Y))).score(X, Y) > 0.8


@trial("skops", "dump, review of types, and load")
def _():
    import skops.io

    dumped = skops.io.dumps(classifier().fit(X, Y))
    trusted = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith(("skbn.", "sklearn.", "numpy.")) for name in trusted), trusted
    return skops.io.loads(dumped, trusted=trusted).score(X, Y) > 0.8


@trial("skl2onnx", "to_sklearn() to ONNX, run in onnxruntime")
def _():
    import onnxruntime
    from skl2onnx import to_onnx

    model, rows = classifier().fit(X, Y), X.astype(np.float32)
    onnx = to_onnx(model.to_sklearn(), rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    probabilities = session.run(None, {session.get_inputs()[0].name: rows})[1]
    return np.abs(probabilities - model.predict_proba(rows)).max() < 1e-4


@trial("skrub", "tabular_pipeline")
def _():
    import pandas as pd
    from skrub import tabular_pipeline

    frame = pd.DataFrame(X).rename(columns=str)
    return tabular_pipeline(classifier()).fit(frame, Y).score(frame, Y) > 0.8


@trial("imbalanced-learn", "a Pipeline with SMOTE")
def _():
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline

    return make_pipeline(SMOTE(random_state=0), classifier()).fit(X, Y).score(X, Y) > 0.8


@trial("imbalanced-learn", "BalancedBaggingClassifier")
def _():
    from imblearn.ensemble import BalancedBaggingClassifier

    return BalancedBaggingClassifier(classifier(), n_estimators=2).fit(X, Y).score(X, Y) > 0.8


@trial("optuna", "a study")
def _():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(of_study):
        rate = of_study.suggest_float("learning_rate_init", 1e-3, 1e-1, log=True)
        return classifier(learning_rate_init=rate).fit(X, Y).score(X, Y)

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=2)
    return study.best_value > 0.8


@trial("optuna", "pruning by a callback that raises TrialPruned")
def _():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    class Prune:
        def __init__(self, of_study):
            self.of_study = of_study

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):  # noqa: ARG002
            if context.task_name == "epoch" and fitted_estimator.loss_curve_:
                raise optuna.TrialPruned

    def objective(of_study):
        return classifier().set_callbacks(Prune(of_study)).fit(X, Y).score(X, Y)

    study = optuna.create_study()
    study.optimize(objective, n_trials=1)
    return study.trials[0].state.name == "PRUNED"


@trial("mapie", "SplitConformalClassifier")
def _():
    from mapie.classification import SplitConformalClassifier

    model = SplitConformalClassifier(classifier().fit(X[:300], Y[:300]), prefit=True)
    return len(model.conformalize(X[300:], Y[300:]).predict_set(X)) == 2


@trial("mapie", "CrossConformalRegressor")
def _():
    from mapie.regression import CrossConformalRegressor

    model = CrossConformalRegressor(regressor(), cv=3).fit_conformalize(X_REG, Y_REG)
    return len(model.predict_interval(X_REG)) == 2


@trial("category_encoders", "TargetEncoder in a Pipeline")
def _():
    import pandas as pd
    from category_encoders import TargetEncoder
    from sklearn.pipeline import make_pipeline

    frame = pd.DataFrame({"kind": np.where(X[:, 0] > 15, "a", "b"), "size": X[:, 0]})
    return (
        make_pipeline(TargetEncoder(cols=["kind"]), classifier()).fit(frame, Y).score(frame, Y)
        > 0.7
    )


@trial("feature_engine", "MeanMedianImputer before an MLP")
def _():
    import pandas as pd
    from feature_engine.imputation import MeanMedianImputer
    from sklearn.pipeline import make_pipeline

    frame = pd.DataFrame(X).rename(columns=str)
    return make_pipeline(MeanMedianImputer(), classifier()).fit(frame, Y).score(frame, Y) > 0.8


@trial("feature_engine", "SklearnTransformerWrapper of BatchNormalizer")
def _():
    import pandas as pd
    from feature_engine.wrappers import SklearnTransformerWrapper

    frame = pd.DataFrame(X).rename(columns=str)
    return SklearnTransformerWrapper(BatchNormalizer()).fit(frame)


@trial("shap", "KernelExplainer")
def _():
    import shap

    model = regressor().fit(X_REG, Y_REG)
    values = shap.KernelExplainer(model.predict, X_REG[:5]).shap_values(X_REG[:2], nsamples=30)
    return values.shape == (2, X_REG.shape[1])


@trial("mlxtend", "StackingCVClassifier")
def _():
    from mlxtend.classifier import StackingCVClassifier
    from sklearn.linear_model import LogisticRegression

    model = StackingCVClassifier([classifier()], LogisticRegression(), cv=2, random_state=0)
    return model.fit(X, Y).score(X, Y) > 0.8


@trial("fairlearn", "ExponentiatedGradient, which weighs rows")
def _():
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient

    model = ExponentiatedGradient(classifier(), DemographicParity(), max_iter=2)
    model.fit(X, Y, sensitive_features=X[:, 0] > 15)
    return len(model.predict(X)) == len(Y)


@trial("lightgbm", "a VotingClassifier with LGBMClassifier")
def _():
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import VotingClassifier

    trees = LGBMClassifier(n_estimators=5, verbose=-1)
    return VotingClassifier([("a", classifier()), ("b", trees)]).fit(X, Y).score(X, Y) > 0.8
