"""Pilots: short fits that choose the number of epochs and the encoding of columns."""

import pickle

import numpy as np
import pytest
from estimators.mlp.cases import Callback
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification, make_friedman1
from sklearn.metrics import log_loss

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators.pilots import split_rows

SMALL = {"hidden_layer_sizes": 16, "random_state": 0}
CANCER, DIABETES = load_breast_cancer(return_X_y=True), load_diabetes(return_X_y=True)
PROBLEMS = {
    "classifier": (BatchNormMLPClassifier(**SMALL), *CANCER),
    "regressor": (BatchNormMLPRegressor(**SMALL), *DIABETES),
}
problems = pytest.mark.parametrize(("model", "X", "y"), PROBLEMS.values(), ids=PROBLEMS.keys())


def chosen(model):
    return {"max_iter": model.max_iter_, "numeric_encoding": model.numeric_encoding_}


@problems
def test_the_fit_is_that_of_the_chosen_settings_bit_for_bit(model, X, y):
    model = clone(model).fit(X, y)
    given = clone(model).set_params(**chosen(model)).fit(X, y)
    assert given.pilots_ is None
    assert model.loss_curve_ == given.loss_curve_
    for ours, others in zip(model.coefs_[:-1], given.coefs_[:-1], strict=True):
        np.testing.assert_array_equal(ours, others, strict=True)
    temperature = getattr(model, "temperature_", 1.0)
    np.testing.assert_allclose(model.coefs_[-1] * temperature, given.coefs_[-1], rtol=1e-6)
    np.testing.assert_allclose(model.intercepts_[-1] * temperature, given.intercepts_[-1], 1e-6)


@problems
def test_pilots_are_plain_data_and_the_best_one_is_chosen(model, X, y):
    model = clone(model).fit(X, y)
    assert pickle.loads(pickle.dumps(model.pilots_)) == model.pilots_
    for pilot in model.pilots_:
        assert pilot.keys() == {"max_iter", "numeric_encoding", "loss", "seconds"}
        assert pilot["loss"] > 0 < pilot["seconds"]
    best = min(model.pilots_, key=lambda pilot: pilot["loss"])
    assert model.max_iter_ in (best["max_iter"], 50, 30)
    assert model.numeric_encoding_ == best["numeric_encoding"]


@pytest.mark.parametrize(("noise", "is_long"), [(0.0, True), (30.0, False)])
def test_noisy_targets_are_trained_for_fewer_epochs(noise, is_long):
    X, y = make_friedman1(1200, noise=noise, random_state=0)
    model = BatchNormMLPRegressor(hidden_layer_sizes=(32, 32), random_state=0).fit(X, y)
    assert (model.max_iter_ == 30) == is_long


def test_columns_with_thresholds_are_encoded_and_smooth_functions_are_not(rng):
    X = rng.normal(size=(1500, 4))
    steps = np.floor(4 * X[:, 0]) % 2 + np.floor(4 * X[:, 1]) % 2
    model = BatchNormMLPRegressor(**SMALL)
    assert model.fit(X, steps).numeric_encoding_ == "piecewise"
    smooth = np.sin(X @ [1.0, 2.0, 3.0, 4.0])
    assert model.fit(X, smooth).numeric_encoding_ is None


def few(model):
    """The largest number of rows without pilots."""
    return 29 if hasattr(model, "class_weight") else 99


NO_PILOTS = {
    "few rows": lambda model, X, y: model.fit(X[: few(model)], y[: few(model)]),
    "early stopping": lambda model, X, y: model.set_params(early_stopping=True).fit(X, y),
    "lbfgs": lambda model, X, y: model.set_params(solver="lbfgs", tol=10.0).fit(X, y),
    "both settings given": lambda model, X, y: model.set_params(
        max_iter=2, numeric_encoding=None
    ).fit(X, y),
    "few rows with weight": lambda model, X, y: model.fit(
        X, y, sample_weight=np.arange(len(X)) < few(model)
    ),
}


@problems
@pytest.mark.parametrize("fit", NO_PILOTS.values(), ids=NO_PILOTS.keys())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_pilots_auto_is_scaled_and_encodes_nothing(model, X, y, fit):
    model = fit(clone(model), X, y)
    assert model.pilots_ is None
    assert model.numeric_encoding_ is None
    assert getattr(model, "temperature_", 1.0) == 1.0
    if model.max_iter == "auto" and model.solver != "lbfgs":
        assert model.max_iter_ == 50


@problems
def test_a_stream_has_no_pilots(model, X, y):
    labels = {"classes": np.unique(y)} if hasattr(model, "class_weight") else {}
    model = clone(model).partial_fit(X, y, **labels).partial_fit(X, y)
    assert (model.pilots_, model.numeric_encoding_, model.max_iter_) == (None, None, None)


def test_a_class_of_one_row_has_no_pilots():
    y = CANCER[1].copy()
    y[0] = 2
    assert BatchNormMLPClassifier(**SMALL).fit(CANCER[0], y).pilots_ is None
    y[1] = 2
    assert BatchNormMLPClassifier(**SMALL).fit(CANCER[0], y).pilots_ is not None


@problems
def test_a_setting_that_is_given_is_not_chosen(model, X, y):
    model = clone(model).set_params(max_iter=10).fit(X, y)
    assert model.max_iter_ == 10
    assert {pilot["max_iter"] for pilot in model.pilots_} == {2}
    model.set_params(max_iter="auto", numeric_encoding="piecewise").fit(X, y)
    assert {pilot["numeric_encoding"] for pilot in model.pilots_} == {"piecewise"}


@problems
def test_a_validation_set_judges_the_pilots_and_all_rows_train_them(model, X, y):
    model = clone(model).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    pilot = model.pilots_[0]
    settings = {name: pilot[name] for name in ("max_iter", "numeric_encoding")}
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    other = clone(model).set_params(**settings, random_state=seed).fit(X[::2], y[::2])
    if hasattr(model, "classes_"):
        loss = log_loss(y[1::2], other.predict_proba(X[1::2]).clip(1e-9, 1))
    else:
        loss = np.mean((y[1::2] - other.predict(X[1::2])) ** 2) / np.var(y[::2]) / 2
    np.testing.assert_allclose(pilot["loss"], loss, rtol=1e-5)


@problems
def test_rows_without_weight_are_no_part_of_pilots(model, X, y):
    weight = np.ones(len(X))
    weight[::4] = 0.0
    changed = X.copy()
    changed[::4] = X[0]
    pilots = [clone(model).fit(rows, y, sample_weight=weight).pilots_ for rows in (X, changed)]
    losses = [[pilot["loss"] for pilot in of_fit] for of_fit in pilots]
    assert losses[0] == losses[1]


@problems
def test_a_generator_is_not_used_up_by_pilots(model, X, y):
    fits = []
    settings, following = {}, []
    for _ in range(2):
        generator = np.random.RandomState(0)
        fits.append(clone(model).set_params(random_state=generator, **settings).fit(X, y))
        settings = chosen(fits[0])
        following.append(generator.randint(1000))
    assert (fits[0].pilots_ is None, fits[1].pilots_ is None) == (False, True)
    assert following[0] == following[1]


class Interrupt(Callback):
    def epoch_begins(self, context):
        if context.task_name == "epoch" and context.task_id == 1:
            raise KeyboardInterrupt


@problems
def test_ctrl_c_in_a_pilot_ends_the_fit_and_leaves_the_model_as_it_was(model, X, y):
    model = clone(model).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(KeyboardInterrupt):
        pickle.loads(before).set_callbacks(Interrupt()).fit(X, y)
    other = pickle.loads(before)
    with pytest.raises(KeyboardInterrupt):
        other.set_callbacks(Interrupt()).fit(X[:150], y[:150])
    other.set_callbacks()
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert other.pilots_ == model.pilots_


@problems
def test_a_pilot_that_diverges_has_an_infinite_loss(model, X, y):
    model = clone(model).set_params(
        batch_norm=False, solver="sgd", learning_rate="constant", learning_rate_init=1e30
    )
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        model.fit(X, y)
    assert not hasattr(model, "pilots_")


# Validation rows of which a single one decides the loss, in the network or in y.
FAR = {
    "a far row": {"clip_inputs": False, "value": 1e20},
    "a row whose prediction overflows": {"clip_inputs": False, "loss": "poisson", "value": 1e6},
    "a far target": {"target": 1e10},
}


@pytest.mark.parametrize("name", FAR)
def test_pilots_that_cannot_be_judged_choose_nothing(name):
    X, y = make_friedman1(300, random_state=0)
    X_val, y_val, parameters = X[:50].copy(), y[:50].copy(), FAR[name].copy()
    X_val[3, 0] = parameters.pop("value", X_val[3, 0])
    y_val[3] = parameters.pop("target", y_val[3])
    model = BatchNormMLPRegressor(random_state=0, **parameters)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert {pilot["loss"] for pilot in model.pilots_} == {np.inf}
    assert chosen(model) == {"max_iter": 50, "numeric_encoding": None}
    assert model.score(X, y) > 0.9


class Tasks(Callback):
    """The names of tasks, from the fit to the task itself."""

    def __init__(self):
        super().__init__()
        self.paths = []

    def epoch_begins(self, context):
        path = []
        while context is not None:
            path.append(context.task_name)
            context = context.parent
        self.paths.append("/".join(reversed(path)))


@problems
def test_callbacks_see_the_epochs_of_pilots_below_the_pilots(model, X, y):
    tasks = Tasks()
    model = clone(model).set_callbacks(tasks).fit(X, y)
    n_folds = 5
    assert tasks.paths.count("fit/pilot") == n_folds * len(model.pilots_)
    n_epochs = n_folds * sum(pilot["max_iter"] for pilot in model.pilots_)
    assert tasks.paths.count("fit/pilot/epoch") == n_epochs
    assert tasks.paths.count("fit/epoch") == model.n_iter_


@problems
def test_with_warm_start_pilots_run_in_the_first_fit_only(model, X, y):
    model = clone(model).set_params(warm_start=True).fit(X, y)
    first, pilots = chosen(model), model.pilots_
    model.fit(X, y)
    assert chosen(model) == first
    assert model.pilots_ is pilots


@problems
def test_verbose_says_what_was_tried_and_chosen(model, X, y, capsys):
    model = clone(model).set_params(verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    n = len(model.pilots_)
    assert [line.split(":")[0] for line in lines[:n]] == [f"Pilot {i + 1}" for i in range(n)]
    described = ", ".join(f"{name}={value!r}" for name, value in chosen(model).items())
    assert lines[n].startswith(f"Chosen: {described}")
    assert ("temperature" in lines[n]) == hasattr(model, "temperature_")
    assert lines[n + 1].startswith("Iteration 1")


def test_sparse_rows_have_pilots_without_encoding():
    X = sparse.random(200, 5, 0.5, format="csr", random_state=0)
    model = BatchNormMLPRegressor(**SMALL).fit(X, X.toarray().sum(axis=1))
    assert {pilot["numeric_encoding"] for pilot in model.pilots_} == {None}


def test_the_temperature_divides_the_logits_and_is_never_below_1(rng):
    X, y = make_classification(400, flip_y=0.4, random_state=0)
    model = BatchNormMLPClassifier(**SMALL, max_iter=200).fit(X, y)
    plain = clone(model).set_params(numeric_encoding=model.numeric_encoding_).fit(X, y)
    assert model.temperature_ > 1.0
    ours, others = model.predict_log_proba(X), plain.predict_log_proba(X)
    logits = [log_p[:, 1] - log_p[:, 0] for log_p in (ours, others)]
    np.testing.assert_allclose(logits[0] * model.temperature_, logits[1], rtol=1e-4, atol=1e-5)
    assert (model.predict(X) == plain.predict(X)).all()


@problems
def test_to_sklearn_has_the_number_of_epochs_that_was_chosen(model, X, y):
    model = clone(model).fit(X, y)
    stock = model.to_sklearn()
    assert (stock[-1] if hasattr(stock, "steps") else stock).max_iter == model.max_iter_


@pytest.mark.parametrize("n", [100, 150, 999, 1000, 5000])
@pytest.mark.parametrize("is_labelled", [False, True])
def test_parts_hold_out_a_tenth_or_every_row_once(n, is_labelled, rng):
    labels = rng.permutation(np.arange(n) % 3) if is_labelled else None
    parts = split_rows(n, None, labels, shuffle=True, seed=0, min_rows=100)
    held_out = np.concatenate([index for _, index in parts])
    assert len(held_out) == (n if n < 1000 else n // 10)
    for train, held in parts:
        assert len(np.union1d(train, held)) == n == len(train) + len(held)
        if is_labelled:
            assert set(labels[train]) == set(labels[held]) == {0, 1, 2}


def test_without_shuffling_the_last_rows_are_held_out():
    ((train, held_out),) = split_rows(200, None, None, shuffle=False, seed=0, min_rows=100)
    assert (train.tolist(), held_out.tolist()) == (list(range(180)), list(range(180, 200)))


@problems
@pytest.mark.parametrize("max_iter", ["auto", "scaled", 10])
@pytest.mark.parametrize("encoding", ["auto", None, "piecewise"])
def test_any_pair_of_settings_can_be_fitted(model, X, y, max_iter, encoding):
    settings = {"max_iter": max_iter, "numeric_encoding": encoding}
    model = clone(model).set_params(**settings).fit(X, y)
    assert (model.pilots_ is None) == ("auto" not in settings.values())
    assert model.max_iter_ == {"scaled": 50, 10: 10}.get(max_iter, model.max_iter_)


LABELS = {
    "classes of few rows": np.arange(200) // 4,
    "one class": np.zeros(200, int),
    "sorted, without shuffling": np.repeat([0, 1, 2], [100, 90, 10]),
    "several labels": np.arange(600).reshape(200, 3) % 5 % 2,
    "several labels, sparse": sparse.csr_array(np.arange(600).reshape(200, 3) % 5 % 2),
    "a label of one row": np.eye(200, 3, dtype=int),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_every_kind_can_be_fitted(name, rng):
    X, shuffle = rng.normal(size=(200, 3)), "sorted" not in name
    model = BatchNormMLPClassifier(**SMALL, shuffle=shuffle).fit(X, LABELS[name])
    assert model.predict(X).shape[0] == 200
    if name in ("one class", "sorted, without shuffling"):
        assert model.pilots_ is None


def test_validation_rows_have_the_class_weights_of_the_training_rows(rng):
    X, y = rng.normal(size=(200, 3)), np.repeat([0, 1], [180, 20])
    X_val, y_val = rng.normal(size=(20, 3)), np.repeat([0, 1], 10)
    losses = []
    for class_weight in ("balanced", {0: 200 / 360, 1: 5.0}):
        model = BatchNormMLPClassifier(**SMALL, class_weight=class_weight)
        model.fit(X, y, X_val=X_val, y_val=y_val)
        losses.append([pilot["loss"] for pilot in model.pilots_])
    np.testing.assert_allclose(*losses, rtol=1e-6)
    model.set_params(class_weight="balanced").fit(X, y, X_val=X_val[:10], y_val=y_val[:10])


@problems
def test_bad_validation_rows_are_refused_before_a_pilot_and_by_name(model, X, y):
    tasks = Tasks()
    bad = np.array(["no label"] * 5) if hasattr(model, "class_weight") else np.zeros((5, 3))
    with pytest.raises(ValueError, match=r"^X_val, y_val, sample_weight_val: "):
        clone(model).set_callbacks(tasks).fit(X, y, X_val=X[:5], y_val=bad)
    assert tasks.paths == []


def test_sparse_validation_rows_keep_columns_from_being_encoded():
    X, y = DIABETES
    model = BatchNormMLPRegressor(**SMALL).fit(X, y, X_val=sparse.csr_array(X), y_val=y)
    assert model.numeric_encoding_ is None


def test_targets_that_only_one_fold_has_are_no_error(rng):
    y = np.zeros(200)
    y[2] = 1e39
    model = BatchNormMLPRegressor(**SMALL).fit(rng.normal(size=(200, 3)), y)
    assert {pilot["loss"] for pilot in model.pilots_} == {np.inf}


def test_columns_that_vary_later_are_encoded(rng):
    X = rng.normal(size=(3000, 1))
    X[:1500] = 0.0
    model = BatchNormMLPRegressor(**SMALL).fit(X, np.floor(3 * X[:, 0]) % 2)
    assert "piecewise" in {pilot["numeric_encoding"] for pilot in model.pilots_}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_starts_repeat_a_length_that_pilots_chose_and_no_other():
    X, y = CANCER
    model = BatchNormMLPClassifier(**SMALL, solver="lbfgs", warm_start=True).fit(X, y)
    assert model.set_params(solver="adamw").fit(X, y).max_iter_ == 50
    model = BatchNormMLPClassifier(**SMALL, warm_start=True, max_iter=3, numeric_encoding=None)
    assert model.fit(X, y).set_params(max_iter="auto").fit(X, y).max_iter_ == 50


@problems
def test_a_piloted_model_can_be_continued(model, X, y):
    model = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    before, settings = model.predict(X), chosen(model)
    model.partial_fit(X[:50], y[:50])
    assert chosen(model) == settings
    assert model.predict(X).shape == before.shape
