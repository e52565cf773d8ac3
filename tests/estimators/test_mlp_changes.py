"""What changes between calls: parameters, solvers, labels, outputs, weights."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._training import population

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
CLASSES = {"classes": [0, 1, 2]}
SMALL = {"hidden_layer_sizes": 8, "max_iter": 3, "random_state": 0, "numeric_encoding": None}
SMALL["clip_inputs"] = False


def classifier(**params):
    return BatchNormMLPClassifier(**SMALL | params)


def regressor(**params):
    return BatchNormMLPRegressor(**SMALL | params)


def test_averages_of_gradients_do_not_outlive_a_fit_by_lbfgs():
    model = classifier(batch_size=150).fit(*IRIS)
    model.set_params(solver="lbfgs", dropout=0.0, hidden_layer_sizes=(32,)).fit(*IRIS)
    assert not hasattr(model, "_optimizer")
    model.set_params(solver="adam").partial_fit(*IRIS)
    assert model._optimizer.t == 1


@pytest.mark.parametrize("change", [{"solver": "sgd"}, {"dtype": "float64"}])
def test_another_optimizer_starts_anew_in_a_stream(change):
    model = classifier(batch_size=150).partial_fit(*IRIS, **CLASSES).partial_fit(*IRIS)
    assert model._optimizer.t == 2
    assert model.set_params(**change).partial_fit(*IRIS)._optimizer.t == 1


def test_another_learning_rate_takes_effect_in_a_stream():
    model = classifier().partial_fit(*IRIS, **CLASSES)
    before = model.coefs_[0]
    model.set_params(learning_rate_init=1e-12).partial_fit(*IRIS)
    np.testing.assert_allclose(model.coefs_[0], before, atol=1e-9)


def one_row_weighs(X):
    return np.eye(len(X))[0]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_single_row_of_weight_is_refused_where_there_are_no_statistics(method):
    model, more = classifier(), CLASSES if method == "partial_fit" else {}
    with pytest.raises(ValueError, match="at least 2 rows"):
        getattr(model, method)(*IRIS, sample_weight=one_row_weighs(IRIS[0]), **more)
    assert not hasattr(model, "coefs_")


def test_a_warm_start_from_one_row_is_refused():
    model = classifier(warm_start=True).fit(*IRIS)
    before = model.predict_proba(IRIS[0])
    with pytest.raises(ValueError, match=r"at least 2 rows|same classes"):
        model.fit(IRIS[0][:1], IRIS[1][:1])
    np.testing.assert_array_equal(model.predict_proba(IRIS[0]), before)


def test_recalibrating_by_one_row_of_weight_is_refused():
    with pytest.raises(ValueError, match="at least 2 rows"):
        classifier().fit(*IRIS).recalibrate(IRIS[0], one_row_weighs(IRIS[0]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_column_of_labels_validates_as_a_vector_does(n_classes):
    X, y = IRIS
    y = y % n_classes
    expected = classifier().fit(X, y, X_val=X, y_val=y)
    model = classifier().fit(X, y, X_val=X, y_val=y[:, None])
    assert model.validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize(
    ("y", "y_val"),
    [
        (np.c_[DIABETES[1], DIABETES[1]], DIABETES[1]),
        (DIABETES[1], np.c_[DIABETES[1], DIABETES[1]]),
    ],
    ids=["too few", "too many"],
)
def test_validation_rows_with_other_outputs_are_refused(y, y_val):
    X = DIABETES[0]
    with pytest.raises(ValueError, match=r"X_val, y_val.*y has \d outputs"):
        regressor().fit(X, y, X_val=X, y_val=y_val)


def test_weights_of_no_validation_rows_are_refused():
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        classifier().fit(*IRIS, sample_weight_val=np.ones(150))


def test_counts_to_validate_on_are_not_negative():
    X, y = DIABETES
    with pytest.raises(ValueError, match="needs y >= 0"):
        regressor(loss="poisson").fit(X, y, X_val=X, y_val=-y)


def test_several_labels_are_refused_where_there_was_one():
    model = classifier().partial_fit(*IRIS, **CLASSES)
    with pytest.raises(ValueError, match="not fitted with multilabel input"):
        model.partial_fit(IRIS[0], np.eye(3, dtype=int)[IRIS[1]])


def test_predictions_do_not_depend_on_a_cache():
    model = classifier().fit(*IRIS).set_params(activation="tanh")
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict_proba(IRIS[0]), again.predict_proba(IRIS[0]))


def test_an_overflow_of_validated_counts_is_no_number_and_no_error(rng):
    X, y = rng.normal(size=(60, 2)), rng.poisson(size=60)
    model = regressor(loss="poisson", normalize_inputs=False, batch_norm=False)
    model.fit(X, y, X_val=1e6 * X, y_val=y)
    assert np.isnan(model.validation_scores_).all()


def test_the_dtype_of_the_first_rows_stays_that_of_a_stream():
    X, y = IRIS
    model = classifier(dtype="input").partial_fit(X.astype(np.float32), y, **CLASSES)
    assert model.partial_fit(X, y).coefs_[0].dtype == np.float32
    assert model.fit(X, y).coefs_[0].dtype == np.float64


@pytest.mark.parametrize("going_on", ["partial_fit", "fit"])
def test_training_goes_on_with_normalized_inputs_only_where_they_were(going_on):
    model = classifier(warm_start=True).fit(*IRIS).set_params(normalize_inputs=False)
    with pytest.raises(ValueError, match="normalize_inputs of the previous call"):
        getattr(model, going_on)(*IRIS)


def test_training_goes_on_with_the_same_loss_only():
    model = regressor(normalize_targets=False).partial_fit(*DIABETES)
    with pytest.raises(ValueError, match="the loss of the previous call"):
        model.set_params(loss="poisson").partial_fit(*DIABETES)


def test_what_a_callback_sets_on_the_estimator_stays():
    class Marks:
        def setup(self, estimator, context):
            estimator.marked_ = True

        def teardown(self, estimator, context):
            """Nothing to do."""

        def on_fit_task_begin(self, estimator, context):
            """Nothing to do."""

        def on_fit_task_end(self, estimator, context):
            """Nothing to do."""

    assert classifier().set_callbacks(Marks()).fit(*IRIS).marked_


def test_an_interrupt_of_the_last_statistics_keeps_the_training(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(population.Products, "_product", interrupted)
    with pytest.warns(UserWarning, match="the statistics of hidden layers are the running ones"):
        model = classifier().fit(*IRIS)
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict_proba(IRIS[0])).all()


def test_what_to_sklearn_gave_can_stop_early_from_a_warm_start():
    model = classifier(early_stopping=True).fit(*IRIS)
    stock = model.to_sklearn().set_params(warm_start=True, max_iter=1, learning_rate_init=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        stock.fit(*IRIS)
    assert stock.predict(IRIS[0]).shape == (150,)


def test_weights_of_a_stream_stay_counted():
    model = classifier().partial_fit(*IRIS, sample_weight=np.full(150, 0.5), **CLASSES)
    model.partial_fit(*IRIS)
    assert isinstance(model.batch_norms_[0].n_samples_seen_, float)


def test_wide_sparse_rows_are_predicted_in_large_parts():
    X = sparse.random_array((500, 20_000), density=1e-3, format="csr", random_state=0)
    y = np.arange(500) % 2
    model = classifier().fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X)[:3], model.predict_proba(X[:3].toarray()), rtol=1e-4, atol=1e-5
    )


def test_targets_far_from_zero_keep_their_digits():
    X, y = DIABETES
    model = regressor().set_params(max_iter=50).fit(X, y)
    far = regressor().set_params(max_iter=50).fit(X, y + 1.7e9)
    np.testing.assert_allclose(far.score(X, y + 1.7e9), model.score(X, y), rtol=1e-4)
    assert np.isfinite(regressor().fit(X, y * 1e40).predict(X)).all()


@pytest.mark.parametrize(
    "class_weight", [{0: -1, 1: 3, 2: 1}, {0: 0, 1: 0, 2: 0}, {0: np.nan, 1: 1, 2: 1}]
)
def test_weights_of_classes_that_mean_nothing_are_refused(class_weight):
    with pytest.raises(ValueError, match="class_weight must be finite"):
        classifier(class_weight=class_weight).fit(*IRIS)


@pytest.mark.parametrize("sizes", [(100, "a"), (100.0,)])
def test_sizes_of_layers_that_are_no_integers_are_refused_by_name(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be integers > 0"):
        BatchNormMLPClassifier(sizes).fit(*IRIS)


def test_a_refit_without_weights_forgets_that_there_were_some():
    model = classifier().fit(*IRIS, sample_weight=np.full(len(IRIS[0]), 0.5)).fit(*IRIS)
    assert isinstance(model.batch_norms_[0].n_samples_seen_, np.integer)
