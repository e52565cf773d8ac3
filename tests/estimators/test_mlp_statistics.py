"""What the MLPs learn: exact statistics of every layer, the same bits again, sound batches."""

import hashlib
import itertools
import pickle

import network_oracle
import numpy as np
import pytest
from helpers import pairwise
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators import rows_fitting

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (8, 5), "max_iter": 4, "batch_size": 32, "random_state": 0}
SMALL |= {"numeric_encoding": None, "clip_inputs": False}
IRIS = load_iris(return_X_y=True)
BINARY = IRIS[0], (IRIS[1] == 1).astype(int)
DIABETES = load_diabetes(return_X_y=True)
LABELS = make_multilabel_classification(100, 6, n_classes=3, random_state=0)
COUNTS = DIABETES[0], (DIABETES[1] // 20).astype(int)
ACTIVATIONS = {"identity": lambda x: x} | network_oracle.ACTIVATIONS
RTOL = {"float32": 1e-4, "float64": 1e-10}


def classifier(**params):
    return BatchNormMLPClassifier(**SMALL | params)


def regressor(**params):
    return BatchNormMLPRegressor(**SMALL | params)


PROBLEMS = {
    "multiclass": (classifier, IRIS, {}),
    "binary": (classifier, BINARY, {}),
    "multilabel": (classifier, LABELS, {}),
    "squared_error": (regressor, DIABETES, {}),
    "two outputs": (regressor, (DIABETES[0], np.column_stack([DIABETES[1], COUNTS[1]])), {}),
    "poisson": (regressor, COUNTS, {"loss": "poisson"}),
}


@pytest.fixture(params=PROBLEMS)
def problem(request):
    """A model, X and y."""
    make, data, params = PROBLEMS[request.param]
    return make(**params), *data


@pytest.fixture(params=RTOL)
def precision(request):
    return request.param


@pytest.fixture
def split(monkeypatch):
    """The rows that early stopping trains on and those that it holds out."""
    parts, original = [], rows_fitting.train_test_split

    def spy(*args, **settings):
        parts[:] = original(*args, **settings)
        return parts

    monkeypatch.setattr(rows_fitting, "train_test_split", spy)
    return parts


def answer(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


def parameters(model):
    norms = [a for norm in model.batch_norms_ for a in (norm.gamma_, norm.beta_)]
    return [*model.coefs_, *model.intercepts_, *norms]


def statistics(model):
    return [a for norm in model.batch_norms_ for a in (norm.mean_, norm.var_)]


def assert_equal(values, expected):
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, other, strict=True)


def assert_close(value, expected, rtol):
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def layers(model, X):
    """The normalization of each hidden layer and what it normalizes, by hand in float64."""
    H = X if model.input_norm_ is None else model.input_norm_.transform(X)
    for coef, norm in zip(model.coefs_[:-1], model.batch_norms_, strict=True):
        Z = H @ coef.astype(np.float64)
        yield norm, Z
        H = ACTIVATIONS[model.activation](norm.transform(Z))
    yield None, H @ model.coefs_[-1].astype(np.float64) + model.intercepts_[-1]


def assert_population_statistics(model, X, weight=None):
    """Exact: mean and variance of the rows of X, weighted, in every layer."""
    rtol = RTOL[str(model.coefs_[0].dtype)]
    for norm, Z in itertools.islice(layers(model, X), len(model.batch_norms_)):
        mean = np.average(Z, axis=0, weights=weight)
        var = np.average((Z - mean) ** 2, axis=0, weights=weight)
        assert (np.abs(norm.mean_ - mean) <= rtol * np.sqrt(var)).all()
        np.testing.assert_allclose(norm.var_, var, rtol=rtol)
        assert norm.n_samples_seen_ == (len(X) if weight is None else weight.sum())


# Statistics of the population -----------------------------------------------------------------

WAYS = [
    *({"activation": activation} for activation in ACTIVATIONS),
    {"dropout": 0.4},
    {"virtual_batch_size": 8, "solver": "adamw"},
    {"solver": "sgd", "normalize_inputs": False, "learning_rate_init": 0.01},
    {"solver": "lbfgs"},
    {"shuffle": False, "batch_size": 1},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_statistics_are_those_of_the_training_rows_in_every_layer(way, precision):
    model = classifier(dtype=precision, **way).fit(*IRIS)
    assert_population_statistics(model, IRIS[0])


def test_statistics_are_weighted_as_the_rows_are(problem, precision, rng):
    model, X, y = problem
    weight = rng.integers(0, 4, size=len(X)).astype(float)
    model.set_params(dtype=precision).fit(X, y, sample_weight=weight)
    assert_population_statistics(model, X, weight)


def test_statistics_are_of_the_rows_that_early_stopping_leaves(problem, precision, split):
    model, X, y = problem
    model.set_params(dtype=precision, early_stopping=True, validation_fraction=0.3).fit(X, y)
    assert 0.6 * len(X) < len(split[0]) < 0.8 * len(X)
    assert_population_statistics(model, X[split[0]])


def test_statistics_of_sparse_rows_are_those_of_dense_ones(problem, precision):
    model, X, y = problem
    X = X * (np.abs(X) > np.median(np.abs(X)))
    model.set_params(dtype=precision).fit(sparse.csr_array(X), y)
    assert_population_statistics(model, X)


@pytest.mark.parametrize(
    *pairwise(problem=list(PROBLEMS), activation=list(ACTIVATIONS), precision=list(RTOL)),
    indirect=["problem"],
)
def test_the_fitted_attributes_by_hand_give_the_answers(problem, activation, precision):
    model, X, y = problem
    model.set_params(activation=activation, dtype=precision, dropout=0.2).fit(X, y)
    *_, (_, Z) = layers(model, X)
    expected = {
        "softmax": lambda: softmax(Z, axis=1),
        "logistic": lambda: expit(Z) if Z.shape[1] > 1 else np.hstack([expit(-Z), expit(Z)]),
        "exp": lambda: np.exp(Z).ravel(),
        "identity": lambda: np.squeeze(model.target_norm_.inverse_transform(Z)),
    }
    assert_close(answer(model, X), expected[model.out_activation_](), RTOL[precision])


def test_rows_are_predicted_alike_alone_and_in_chunks(problem, precision):
    model, X, y = problem
    model.set_params(dtype=precision, hidden_layer_sizes=(8, 1100)).fit(X, y)
    zeros = X * (X > 0)
    for rows in (X, zeros, sparse.csr_array(zeros)):
        whole = answer(model, rows)  # three chunks and more than one row
        alone = np.concatenate([answer(model, rows[i : i + 1]) for i in range(30)])
        assert_close(alone, whole[:30], RTOL[precision] / 10)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_class_weights_enter_the_loss_alone(method):
    def trained(class_weight=None, sample_weight=None):
        model = classifier(class_weight=class_weight, solver="sgd", learning_rate_init=1e-30)
        first = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
        return getattr(model, method)(*IRIS, sample_weight, **first)

    weight = {0: 5.0, 1: 1.0, 2: 0.5}
    even, of_classes = trained(), trained(weight)
    assert of_classes.loss_ != even.loss_
    assert_equal(statistics(of_classes), statistics(even))
    np.testing.assert_array_equal(of_classes.input_norm_.mean_, even.input_norm_.mean_)
    of_rows = trained(sample_weight=[weight[label] for label in IRIS[1]])
    assert (of_rows.batch_norms_[0].mean_ != even.batch_norms_[0].mean_).all()


def test_class_weights_of_several_labels_are_sample_weights_in_the_loss():
    X, y = LABELS
    plain = {"batch_norm": False, "normalize_inputs": False, "dtype": "float64"}
    ours = classifier(class_weight=[{0: 1, 1: 3}, {0: 2, 1: 1}, {0: 1, 1: 1}], **plain).fit(X, y)
    weight = (1 + 2 * y[:, 0]) * (2 - y[:, 1])
    expected = classifier(**plain).fit(X, y, sample_weight=weight)
    assert_close(answer(ours, X), answer(expected, X), 1e-10)


def test_class_weights_serve_a_stream_whose_batches_lack_a_class():
    X, y = IRIS
    model = classifier(class_weight={2: 5.0}).partial_fit(X, y, classes=[0, 1, 2])
    model.partial_fit(X[:100], y[:100])
    assert model.t_ == 250


# recalibrate ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    *pairwise(problem=list(PROBLEMS), precision=list(RTOL), weighted={"": False, "weighted": True}),
    indirect=["problem"],
)
def test_recalibrate_on_the_training_rows_changes_nothing(problem, precision, weighted):
    model, X, y = problem
    weight = np.arange(len(X)) % 3.0 if weighted else None
    model.set_params(dtype=precision).fit(X, y, sample_weight=weight)
    before = answer(model, X)
    for rows in (X, sparse.csr_array(X)):
        assert model.recalibrate(rows, sample_weight=weight) is model
        assert_population_statistics(model, X, weight)
        assert_close(answer(model, X), before, RTOL[precision])


def test_recalibrate_takes_statistics_of_other_rows_and_leaves_the_weights(problem):
    model, X, y = problem
    model.fit(X, y)
    before, learned, input_mean = answer(model, X), parameters(model), model.input_norm_.mean_
    other = 3 * X + X.std(axis=0)
    model.recalibrate(other)
    assert_equal(parameters(model), learned)
    assert model.input_norm_.mean_ is input_mean
    assert_population_statistics(model, other)
    assert not np.allclose(answer(model, X), before, rtol=1e-2)
    assert_close(answer(pickle.loads(pickle.dumps(model)), X), answer(model, X), 1e-7)


def test_recalibrate_undoes_a_change_of_unit(precision):
    model = classifier(dtype=precision, hidden_layer_sizes=8, batch_norm_epsilon=1e-12).fit(*IRIS)
    before = answer(model, IRIS[0])
    other = 7 * IRIS[0] - 50
    assert_close(answer(model.recalibrate(other), other), before, 10 * RTOL[precision])


def test_recalibrate_refuses_what_it_cannot_do_and_changes_nothing():
    X, y = IRIS
    with pytest.raises(NotFittedError):
        classifier().recalibrate(X)
    with pytest.raises(ValueError, match="batch_norm=True"):
        classifier(batch_norm=False).fit(X, y).recalibrate(X)
    model = classifier().fit(X, y)
    before = statistics(model)
    for rows, message in (
        (X[:1], "2 rows"),
        (X[:, :3], "3 features"),
        (X * np.inf, "infinity|NaN"),
    ):
        with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
            model.recalibrate(rows)
    assert_equal(statistics(model), before)


# The same bits --------------------------------------------------------------------------------

# With more parameters than MIN_THREADED_VALUES.
DIGEST = """
    import hashlib, warnings
    import numpy as np
    from skbn import BatchNormMLPClassifier
    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).normal(size=(600, 200))
    model = BatchNormMLPClassifier((800, 600), max_iter=1, random_state=0, dropout=0.2)
    model.fit(X, X[:, 0] > 0)
    arrays = *model.coefs_, *(n.var_ for n in model.batch_norms_), model.input_norm_.mean_
    digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
"""


def test_processes_and_numbers_of_threads_give_the_same_bits(run_python):
    here = {}
    exec(DIGEST.replace("\n    ", "\n"), here)
    code = DIGEST + "    print(digest)"
    digests = {run_python(code, NUMBA_NUM_THREADS=threads).strip() for threads in "12"}
    assert digests == {here["digest"]}


def test_a_seed_gives_the_same_bits_and_another_one_others(problem):
    model, X, y = problem
    model.set_params(dropout=0.3, early_stopping=True, virtual_batch_size=8)
    digests = [
        hashlib.sha256(b"".join(a.tobytes() for a in parameters(model.fit(X, y)))).hexdigest()
        for model.random_state in (0, 0, 1)
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"virtual_batch_size": 32}, {}),
        ({"virtual_batch_size": 1000}, {}),
        ({"weight_decay": 0.0}, {"solver": "adam"}),
        ({"hidden_layer_sizes": [8, 5]}, {}),
    ],
    ids=str,
)
def test_two_ways_to_say_the_same(problem, one, other):
    model, X, y = problem
    expected = parameters(model.set_params(**other).fit(X, y))
    assert_equal(parameters(model.set_params(**one).fit(X, y)), expected)


# X as users have it ---------------------------------------------------------------------------


def test_layouts_of_X_give_the_same_model(layout, dtype):
    X = layout(IRIS[0].astype(dtype))
    native = np.array(X, dtype=dtype, order="C")
    model, expected = (classifier().fit(rows, IRIS[1]) for rows in (X, native))
    assert_equal(parameters(model), parameters(expected))
    assert_close(answer(model, X), answer(expected, native), 1e-5)
    model, expected = model.partial_fit(X, IRIS[1]), expected.partial_fit(native, IRIS[1])
    assert_equal(parameters(model), parameters(expected))
    model.recalibrate(X)
    assert_population_statistics(model, native)


@pytest.mark.parametrize("kind", [np.float16, np.int16, np.uint8, np.int64, bool])
def test_numbers_of_any_kind_give_the_model_of_their_floats(problem, kind):
    model, X, y = problem
    X = (10 * np.abs(X)).astype(kind)
    expected = parameters(model.fit(X.astype(np.float64), y))
    predicted = answer(model, X.astype(np.float64))
    assert_equal(parameters(model.fit(X, y)), expected)
    assert_equal([answer(model, X)], [predicted])


def test_nothing_is_written_into_the_arguments(problem, layout):
    model, X, y = problem
    rows, of_csr = layout(X), sparse.csr_array(X * (X > 0))
    weight = np.ones(len(X))
    arrays = rows, y, weight, of_csr.data, of_csr.indices, of_csr.indptr
    before = [array.copy() for array in arrays]
    for given in (rows, of_csr):
        model.fit(given, y, weight, X_val=given, y_val=y).partial_fit(given, y, weight)
        answer(model.recalibrate(given, weight), given)
    assert_equal(arrays, before)


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array])
def test_seconds_of_timestamps_survive_float32(to_format, rng):
    seconds = rng.integers(0, 60, size=600)
    X = to_format(np.column_stack([1.7e9 + seconds, rng.normal(size=600)]))
    model = classifier(max_iter=60, learning_rate_init=0.01).fit(X, seconds >= 30)
    assert model.coefs_[0].dtype == np.float32
    assert model.score(X, seconds >= 30) > 0.97


def test_a_constant_feature_does_no_harm(problem):
    model, X, y = problem
    model.fit(np.insert(X, 1, 1e6, axis=1), y)
    moved = answer(model, np.insert(X, 1, 1e6 + 1e-9, axis=1))
    assert_close(moved, answer(model, np.insert(X, 1, 1e6, axis=1)), 1e-6)
    assert np.isfinite(moved).all()
