"""A model that was saved predicts and goes on learning, bit for bit, or is refused in words.

``models_format_1.pickle.xz`` holds models of format 1 with their predictions, and stays as it is. A
new format has a file of its own: ``python tests/reliability/test_persistence.py`` writes it.
"""

import copy
import io
import lzma
import pickle
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn._estimators import persistence

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

FOLDER = Path(__file__).parent
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) * [1, 10, 0.1] + [0, 5, 100]
FRAME = pd.DataFrame(X, columns=["age", "height", "weight"])
NUMBER = X[:, 0] + X[:, 1] / 10
SEVERAL = np.digitize(NUMBER, [0, 1])
NAMES = np.array(["low", "mid", "high"])[SEVERAL]
TABLE = FRAME.assign(
    age=FRAME["age"].where(np.arange(60) % 7 > 0),
    word=np.where(np.arange(60) % 5 > 0, NAMES, None),
    size=pd.Categorical(NAMES[::-1], ["low", "mid", "high"], ordered=True),
)
PARTS = {"hidden_layer_sizes": (4, 3), "max_iter": 3, "random_state": 0, "batch_size": 20}
PARTS["numeric_encoding"] = None


def classifier(**params):
    return BatchNormMLPClassifier(**PARTS | params)


def regressor(**params):
    return BatchNormMLPRegressor(**PARTS | params)


def stream(model, *data):
    """Two passes of partial_fit: the state of the optimizer is at work."""
    labels = {"classes": np.unique(data[1])} if isinstance(model, BatchNormMLPClassifier) else {}
    return model.partial_fit(*data, **labels).partial_fit(*data)


# What is saved, and the data to go on with.
MODELS = {
    "normalizer": lambda: (BatchNormalizer(gamma=2.0, beta=[0.0, 1.0, 2.0]).fit(X), X),
    "normalizer of names": lambda: (BatchNormalizer().fit(FRAME), FRAME),
    "average": lambda: (stream(BatchNormalizer(momentum=0.1, epsilon=1e-5, ddof=1), X), X),
    "weighted": lambda: (BatchNormalizer().fit(X, sample_weight=np.abs(X[:, 0])), X),
    "sparse normalizer": lambda: (
        BatchNormalizer(with_mean=False).fit(sparse.csr_array(X)),
        sparse.csr_array(X),
    ),
    "not fitted": lambda: (BatchNormalizer(epsilon=1e-5), X),
    "strings": lambda: (classifier().fit(FRAME, NAMES), FRAME, NAMES),
    "objects": lambda: (classifier().fit(X, NAMES.astype(object)), X, NAMES.astype(object)),
    "two classes": lambda: (stream(classifier(solver="adam"), X, NUMBER > 1), X, NUMBER > 1),
    "several labels": lambda: (classifier().fit(X, X > [0, 5, 100]), X, (X > [0, 5, 100]) * 1),
    "class weights": lambda: (
        stream(classifier(class_weight={0: 1.0, 1: 2.0, 2: 3.0}, dropout=0.2), X, SEVERAL),
        X,
        SEVERAL,
    ),
    "random state": lambda: (
        regressor(random_state=np.random.RandomState(3), dropout=0.1).fit(X, NUMBER),
        X,
        NUMBER,
    ),
    "stream": lambda: (stream(regressor(smooth_clip=3.0), X, NUMBER), X, NUMBER),
    "nesterov": lambda: (
        stream(regressor(solver="sgd", learning_rate="invscaling"), X, NUMBER),
        X,
        NUMBER,
    ),
    "adaptive": lambda: (
        regressor(solver="sgd", nesterovs_momentum=False, learning_rate="adaptive").fit(X, NUMBER),
        X,
        NUMBER,
    ),
    "lbfgs": lambda: (regressor(solver="lbfgs", dtype="float64").fit(X, NUMBER), X, NUMBER),
    "several targets": lambda: (regressor(early_stopping=True, batch_size=9).fit(X, X), X, X),
    "poisson": lambda: (regressor(loss="poisson").fit(X, SEVERAL), X, SEVERAL),
    "validated": lambda: (classifier().fit(X, NAMES, X_val=X, y_val=NAMES), X, NAMES),
    "encoded": lambda: (
        stream(classifier(numeric_encoding="piecewise", n_bins=4), X, SEVERAL),
        X,
        SEVERAL,
    ),
    "pilots": lambda: (
        classifier(max_iter="auto", numeric_encoding="auto").fit(
            np.vstack([X, X + 0.1]), np.tile(SEVERAL, 2)
        ),
        X,
        SEVERAL,
    ),
    "plain network": lambda: (
        classifier(batch_norm=False, normalize_inputs=False, warm_start=True).fit(X, SEVERAL),
        X,
        SEVERAL,
    ),
    "table": lambda: (stream(classifier(), TABLE, SEVERAL), TABLE, SEVERAL),
    "table, not normalized": lambda: (
        stream(regressor(normalize_inputs=False), TABLE, NUMBER),
        TABLE,
        NUMBER,
    ),
}


def by_joblib(model, folder, mmap_mode=None, **options):
    joblib.dump(model, folder / "model.joblib", **options)
    return joblib.load(folder / "model.joblib", mmap_mode=mmap_mode)


def skops_types(types):
    """The types of a file that skops wants to be trusted, which are ours and no others'."""
    assert all(name.startswith(OURS) for name in types), types
    return types


OURS = "skbn._estimators."


def by_skops(model, _folder):
    skops = pytest.importorskip("skops.io")
    saved = skops.dumps(model)
    return skops.loads(saved, trusted=skops_types(skops.get_untrusted_types(data=saved)))


WAYS = {
    **{
        f"pickle {protocol}": lambda model, _, p=protocol: pickle.loads(pickle.dumps(model, p))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": by_joblib,
    "joblib, compressed": lambda model, folder: by_joblib(model, folder, compress=3),
    "joblib, memory map": lambda model, folder: by_joblib(model, folder, mmap_mode="r"),
    "skops": by_skops,
    "copy": lambda model, _: copy.copy(model),
    "deepcopy": lambda model, _: copy.deepcopy(model),
}


def answers(model, given):
    """All that a model says of the rows."""
    methods = ("transform", "predict", "predict_proba", "predict_log_proba")
    said = [getattr(model, name)(given) for name in methods if hasattr(model, name)]
    return [out.toarray() if sparse.issparse(out) else out for out in said]


def assert_same(a, b):
    """Equal to the last bit: type, dtype, attributes, and those within."""
    assert type(a) is type(b) or {type(a), type(b)} == {np.ndarray, np.memmap}
    if isinstance(a, np.ndarray) and a.dtype != object:
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), strict=True)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        assert_same(list(a.values()), list(b.values()))
    elif isinstance(a, (list, tuple, np.ndarray)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif isinstance(a, np.random.RandomState):
        assert_same(a.get_state(), b.get_state())
    elif hasattr(a, "__dict__"):
        assert_same(attributes(a), attributes(b))
    else:
        assert a == b or (a != a and b != b)


def attributes(model):
    kept = ("_folded", "_categories")  # computed from the others
    return {name: value for name, value in sorted(vars(model).items()) if name not in kept}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_saved_model_is_the_model(make, way, tmp_path):
    model, *data = make()
    other = way(model, tmp_path)
    assert_same(model, other)
    if "scale_" in vars(model) or "coefs_" in vars(model):
        assert_same(answers(model, data[0]), answers(other, data[0]))
    if way is WAYS["copy"] and isinstance(getattr(model, "random_state", 0), np.random.RandomState):
        return  # both draw from it
    learn = "partial_fit" if hasattr(model, "partial_fit") and not is_early(model) else "fit"
    for each in (model, other):
        getattr(each, learn)(*data)
    assert_same(answers(model, data[0]), answers(other, data[0]))
    assert_same(model, other)


def is_early(model):
    return getattr(model, "early_stopping", False)


def test_a_saved_pipeline_is_the_pipeline(tmp_path):
    model = make_pipeline(BatchNormalizer(), classifier()).fit(FRAME, NAMES)
    for way in WAYS.values():
        assert_same(answers(model, FRAME), answers(way(model, tmp_path), FRAME))


def test_a_fresh_process_predicts_the_same(tmp_path, run_python):
    for name in ("normalizer", "strings", "stream"):
        model, given, *_ = MODELS[name]()
        joblib.dump((model, given, answers(model, given)), tmp_path / name)
    run_python(f"""
        import joblib
        from pathlib import Path
        for path in Path({str(tmp_path)!r}).iterdir():
            model, given, expected = joblib.load(path)
            method = "transform" if hasattr(model, "transform") else "predict"
            assert (getattr(model, method)(given) == expected[0]).all()
    """)


# The format -----------------------------------------------------------------------------------

FITTED = ("normalizer", "strings", "stream")


@pytest.mark.parametrize("name", FITTED)
def test_a_state_tells_its_format_and_an_estimator_does_not_keep_it(name):
    model, *_ = MODELS[name]()
    for each in (model, clone(model)):
        assert each.__getstate__()["_format"] == persistence.FORMAT
        assert "_format" not in vars(each)
        assert "_format" not in vars(copy.copy(each))


@pytest.mark.parametrize("way", ["pickle 2", "pickle 5", "joblib", "skops"])
@pytest.mark.parametrize("name", FITTED)
def test_a_newer_format_is_refused_by_name(name, way, tmp_path, monkeypatch):
    model, *_ = MODELS[name]()
    ours, state_of = persistence.FORMAT, type(model).__getstate__
    newer = {"_format": ours + 1}
    monkeypatch.setattr(type(model), "__getstate__", lambda model: state_of(model) | newer)
    message = rf"This \w+ was saved by a newer skbn \(format {ours + 1}; .* up to {ours}\): upgrade"
    with pytest.raises(ValueError, match=message):
        WAYS[way](model, tmp_path)


@pytest.mark.parametrize("name", FITTED)
def test_a_state_from_before_formats_were_told_loads(name):
    model, given, *_ = MODELS[name]()
    state = copy.deepcopy(model).__getstate__()
    del state["_format"]
    other = type(model).__new__(type(model))
    other.__setstate__(state)
    assert_same(model, other)
    assert_same(answers(model, given), answers(other, given))


@pytest.mark.parametrize("name", FITTED)
def test_a_state_from_before_a_parameter_is_refused_by_its_name(name):
    model, *_ = MODELS[name]()
    state = model.__getstate__()
    del state["_format"], state["epsilon"]
    with pytest.raises(ValueError, match=r"saved by an early skbn that had no epsilon: fit it"):
        type(model).__new__(type(model)).__setstate__(state)


def test_loading_leaves_the_state_as_it_was_given():
    state = BatchNormalizer().fit(X).__getstate__()
    before = dict(state)
    BatchNormalizer.__new__(BatchNormalizer).__setstate__(state)
    assert state == before


# The models of a format, kept -----------------------------------------------------------------

N_KEPT_AT_FIRST = 19  # models of the first format; later ones have more
KEPT = sorted(FOLDER.glob("models_format_*"))


def write_models():
    """Write the models of this format, with what they say of the rows given."""
    warnings.simplefilter("ignore")
    kept = {}
    for name, make in MODELS.items():
        if name != "not fitted":
            model, *data = make()
            given = data[0][:8]
            kept[name] = model, given, answers(model, given), data[1][:8] if data[1:] else None
    path = FOLDER / f"models_format_{persistence.FORMAT}.pickle.xz"
    path.write_bytes(lzma.compress(pickle.dumps(kept, 5)))


def test_each_format_has_its_models():
    assert [path.name for path in KEPT] == [
        f"models_format_{i + 1}.pickle.xz" for i in range(persistence.FORMAT)
    ]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_models_predict_as_they_did_and_go_on_learning(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)  # of LabelBinarizer
        kept = pickle.loads(lzma.decompress(path.read_bytes()))
    assert len(kept) >= N_KEPT_AT_FIRST
    for model, given, expected, y in kept.values():
        for out, was in zip(answers(model, given), expected, strict=True):
            if was.dtype.kind == "f":
                np.testing.assert_allclose(out, was, rtol=1e-6, atol=1e-6)
            else:
                np.testing.assert_array_equal(out, was)
        if hasattr(model, "partial_fit") and not is_early(model):
            model.partial_fit(given) if y is None else model.partial_fit(given, y)
    assert list(kept["strings"][0].classes_) == ["high", "low", "mid"]
    assert list(kept["strings"][0].feature_names_in_) == list(FRAME.columns)
    assert kept["stream"][0]._optimizer.t > 6


# What loading runs ----------------------------------------------------------------------------


class Recorder(pickle.Unpickler):
    """Takes down every function and type that a pickle names."""

    def __init__(self, file):
        super().__init__(file)
        self.named = set()

    def find_class(self, module, name):
        self.named.add((module, name))
        return super().find_class(module, name)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_pickle_names_types_of_skbn_numpy_and_scikit_learn_alone(make):
    recorder = Recorder(io.BytesIO(pickle.dumps(make()[0])))
    recorder.load()
    for module, name in recorder.named:
        assert module.partition(".")[0] in ("skbn", "numpy", "sklearn"), (module, name)
        if module.startswith(("skbn", "sklearn")):
            assert isinstance(getattr(sys.modules[module], name), type), (module, name)


@pytest.mark.parametrize(
    ("name", "types"),
    {
        "normalizer": {"skbn._estimators.normalizer.BatchNormalizer"},
        "strings": {
            "skbn._estimators.classifier.BatchNormMLPClassifier",
            "skbn._estimators.normalizer.BatchNormalizer",
        },
        "stream": {
            "skbn._estimators.regressor.BatchNormMLPRegressor",
            "skbn._estimators.normalizer.BatchNormalizer",
        },
    }.items(),
)
def test_skops_asks_to_trust_types_of_skbn_alone(name, types):
    skops = pytest.importorskip("skops.io")
    untrusted = skops.get_untrusted_types(data=skops.dumps(MODELS[name]()[0]))
    assert set(untrusted) == types


class Trap:
    """Runs code where it is loaded."""

    sprung = []

    def __setstate__(self, state):
        self.sprung.append(state)


def test_skops_refuses_what_is_not_trusted_and_runs_none_of_it():
    skops = pytest.importorskip("skops.io")
    from skops.io.exceptions import UntrustedTypesFoundException

    model, *_ = MODELS["normalizer"]()
    trusted = skops.get_untrusted_types(data=skops.dumps(model))
    trap = Trap()
    trap.value = 1
    model.gamma = trap
    for types in (None, trusted):
        with pytest.raises(UntrustedTypesFoundException, match="Trap"):
            skops.loads(skops.dumps(model), trusted=types)
    assert not Trap.sprung


if __name__ == "__main__":
    write_models()
