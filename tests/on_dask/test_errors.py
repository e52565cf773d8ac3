"""An error of a partition says which one it is, keeps its type and is told once."""

import pickle
from functools import partial

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from helpers import pairwise
from on_dask.models import PAIRS, SMALL, N, problem
from on_dask.parts import SIZES, collection, frame, in_parts, unknown

import skbn
from skbn.dask import BatchNormalizer, BatchNormMLPClassifier, _rounds
from skbn.dask._errors import in_partition

X, y = problem("classifier")
PARTS = in_parts(X, SIZES["equal"]), in_parts(y, SIZES["equal"])


class OwnError(ValueError):
    """A type of a library, whose message is an argument."""


class TwoArgumentsError(RuntimeError):
    """A type whose message is made of its arguments."""

    def __str__(self):
        return f"{self.args[0]} of {self.args[1]}"


ERRORS = [
    OSError("The disk is gone"),
    OSError(5, "Input/output error", "rows.npy"),
    FileNotFoundError(2, "No such file or directory", "rows.parquet"),
    OwnError("bad row"),
    TwoArgumentsError("file", "folder"),
    KeyError("weight"),
    ZeroDivisionError(),
]
SCHEDULERS = ["threads", "synchronous"]


def copied(error):
    """Another error like it: one that was raised is changed."""
    return pickle.loads(pickle.dumps(error))


def raises(error):
    raise error


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_error_keeps_its_type_and_its_attributes(error):
    with pytest.raises(type(error), match=r"In partition 3[:.]") as raised:
        in_partition("partition 3", raises, copied(error))
    assert type(raised.value) is type(error)
    assert raised.value.__cause__ is raised.value.__context__ is None
    moved = copied(raised.value)
    assert str(error) in str(moved)
    assert [str(moved), *getattr(moved, "__notes__", [])][-1].startswith("In partition 3")
    assert getattr(moved, "errno", None) == getattr(error, "errno", None)


def failing_block(rows, error, block_id=None):
    if block_id[0] == 2:
        raise copied(error)
    return rows


def array_that_cannot_be_read(error):
    """A Dask array, of which reading block 2 raises the error."""
    return PARTS[0].map_blocks(failing_block, error=error, meta=PARTS[0]._meta)


def failing_part(i, error):
    if i == 2:
        raise copied(error)
    return pd.DataFrame(X[50 * i : 50 * i + 50], columns=[f"f{j}" for j in range(6)])


def frame_that_cannot_be_read(error):
    """A Dask DataFrame, of which reading partition 2 raises the error."""
    read = partial(failing_part, error=error)
    return dd.from_map(read, range(4), meta=read(0).iloc[:0], enforce_metadata=False)


UNREADABLE = {"array": array_that_cannot_be_read, "frame": frame_that_cannot_be_read}


@pytest.fixture(params=[*SCHEDULERS, "processes of a cluster"])
def scheduler(request):
    if request.param in SCHEDULERS:
        with dask.config.set(scheduler=request.param):
            yield
    else:
        with request.getfixturevalue("client").as_current():
            yield


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("error", [ERRORS[1], ERRORS[3]], ids=repr)
def test_rows_that_cannot_be_read_are_found(scheduler, unreadable, error):
    rows = unreadable(error)
    labels = PARTS[1] if isinstance(rows, da.Array) else frame(y, SIZES["equal"])
    readable = PARTS[0] if isinstance(rows, da.Array) else frame(X, SIZES["equal"])
    model, normalizer = BatchNormMLPClassifier(**SMALL, warm_start=True), BatchNormalizer()
    failing = {
        "In partition 2[.:]": [
            partial(normalizer.fit, rows),
            partial(model.fit, rows, labels),
            partial(model.partial_fit, rows, labels, classes=[0, 1, 2]),
        ],
        r"In partition 2 of X_val[.:]": [
            partial(model.fit, readable, labels, X_val=rows, y_val=labels)
        ],
    }
    for message, calls in failing.items():
        for call in calls:
            with pytest.raises(type(error), match=message) as raised:
                call()
            told = [str(raised.value), *getattr(raised.value, "__notes__", [])]
            assert sum("In partition" in text for text in told) == 1
    assert not hasattr(model, "coefs_")
    assert not hasattr(normalizer, "mean_")


def test_rows_to_score_that_cannot_be_read_are_found():
    model = BatchNormMLPClassifier(**SMALL).fit(*PARTS)
    with pytest.raises(OSError, match=r"In partition 2\."):
        model.score(array_that_cannot_be_read(ERRORS[1]), y)


def test_rows_to_count_that_cannot_be_read_are_found():
    rows = unknown(array_that_cannot_be_read(ERRORS[1]))
    with pytest.raises(OSError, match=r"In partition 2\."):
        BatchNormMLPClassifier(**SMALL).fit(rows, unknown(in_parts(y, SIZES["many"])))
    with pytest.raises(OSError, match=r"In partition 2 of y\."):
        BatchNormMLPClassifier(**SMALL).fit(in_parts(X, SIZES["many"]), rows[:, 0])


def test_a_file_that_is_missing_is_found(tmp_path):
    for i in range(4):
        pd.DataFrame({"a": [0.0, 1.0, i], "b": [1, 0, 1]}).to_parquet(tmp_path / f"{i}.parquet")
    files = dd.read_parquet(tmp_path)
    (tmp_path / "1.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"1\.parquet[^\0]*In partition 1\."):
        BatchNormMLPClassifier(**SMALL).fit(files[["a"]], files.b)


def test_an_error_of_reading_for_all_partitions_names_the_first_of_them():
    def fails(_):
        raise OSError(5, "Input/output error")

    everything = dask.delayed(fails, pure=True)(0)
    rows = [da.from_delayed(everything[i], (50, 6), dtype=float) for i in range(4)]
    with pytest.raises(OSError, match="In partition 0"):
        BatchNormalizer().fit(da.concatenate(rows))


class Epochs:
    """A callback that counts epochs."""

    n = 0

    def setup(self, estimator, context):
        """Nothing to set up."""

    def teardown(self, estimator, context):
        """Nothing to tear down."""

    def on_fit_task_begin(self, estimator, context):
        self.n += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context):
        return False


def with_value(array, row, value):
    array = np.array(array, dtype=float)
    array[row] = value
    return array


HELD_OUT = {
    "Input X contains infinity": {"X_val": with_value(X, 70, np.inf)},
    "Input y contains NaN": {"y_val": with_value(y, 70, np.nan)},
    "classes not in": {"y_val": with_value(y, 70, 7.0)},
    "Negative values": {"sample_weight_val": with_value(np.ones(N), 70, -1.0)},
}


@pytest.mark.parametrize(("message", "bad"), HELD_OUT.items(), ids=HELD_OUT)
def test_an_error_of_validation_rows_says_so_before_training(message, bad):
    validation_data = {"X_val": X, "y_val": y, "sample_weight_val": np.ones(N)} | bad
    validation_data = {
        name: in_parts(array, SIZES["equal"]) for name, array in validation_data.items()
    }
    epochs = Epochs()
    model = BatchNormMLPClassifier(**SMALL).fit(*PARTS)
    state = dict(vars(model))
    model.set_callbacks(epochs)
    with pytest.raises(ValueError, match=f"In partition 1 of X_val: .*{message}"):
        model.fit(*PARTS, **validation_data)
    assert epochs.n == 0
    assert {name: value for name, value in vars(model).items() if name in state} == state


@pytest.mark.parametrize("name", PAIRS)
def test_validation_rows_without_weight_are_refused(name):
    targets = PARTS[1]
    validation_data = {"X_val": PARTS[0], "y_val": targets, "sample_weight_val": np.zeros(N)}
    with pytest.raises(ValueError, match="X_val has no row of weight above 0"):
        PAIRS[name][0](**SMALL).fit(PARTS[0], targets, **validation_data)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_rows_that_early_stopping_holds_out_need_weight(batch_norm):
    parameters = {**SMALL, "early_stopping": True, "validation_fraction": 0.1}
    weight = np.zeros(N)
    weight[70] = 1.0
    message = "sample_weight sums to 0 over the rows to train on or over those"
    for Model, rows in ((BatchNormMLPClassifier, PARTS), (skbn.BatchNormMLPClassifier, (X, y))):
        with pytest.raises(ValueError, match=message):
            Model(**parameters, batch_norm=batch_norm).fit(*rows, weight)


@pytest.mark.parametrize("sample_weight", [np.zeros(N), in_parts(np.zeros(N), SIZES["equal"]), 0.0])
def test_weights_of_zero_are_refused_as_by_a_local_fit(sample_weight):
    for Model in (skbn.BatchNormMLPClassifier, BatchNormMLPClassifier):
        rows = (X, y) if Model is skbn.BatchNormMLPClassifier else PARTS
        with pytest.raises(ValueError, match="must contain at least one non-zero number"):
            Model(**SMALL).fit(*rows, sample_weight)


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_no_rows_are_refused_as_by_a_local_fit(kind):
    rows, labels = (in_parts(a[:0], (0, 0)) for a in (X, y))
    if kind == "frame":
        rows, labels = frame(X[:0], (0, 0)), frame(y[:0], (0, 0))
    with pytest.raises(ValueError, match=r"Found array with 0 sample"):
        BatchNormMLPClassifier(**SMALL).fit(rows, labels)
    with pytest.raises(ValueError, match=r"Found array with 0 sample"):
        BatchNormMLPClassifier(**SMALL).fit(*PARTS).score(rows, labels)


def test_partitions_after_an_empty_one_have_their_number(monkeypatch):
    sizes = (0, 50, 0, 100, 50)

    def fails_in_partition_3(config, rows, *arguments):
        if rows.number == 3:
            raise MemoryError("no more memory")
        return train_round(config, rows, *arguments)

    train_round = _rounds.train_round
    monkeypatch.setattr(_rounds, "train_round", fails_in_partition_3)
    with pytest.raises(MemoryError, match="In partition 3: no more memory"):
        BatchNormMLPClassifier(**SMALL).fit(in_parts(X, sizes), in_parts(y, sizes))


def test_columns_of_text_are_named_before_anything_is_computed():
    rows = frame(X, SIZES["equal"]).assign(name="red")
    labels = frame(y, SIZES["equal"])
    message = r"could not convert string to float in column 'name' of X\. Encode text"
    model = BatchNormMLPClassifier(**SMALL, categorical_features=None)
    for call in (BatchNormalizer().fit, partial(model.fit, y=labels)):
        with pytest.raises(ValueError, match=message):
            call(rows)


def test_columns_of_text_to_predict_are_named():
    rows = pd.DataFrame(X[:, :2], columns=["a", "b"])
    collection = dd.from_pandas(rows.assign(b="red"), npartitions=2)
    normalizer = skbn.BatchNormalizer().fit(rows)
    model = skbn.BatchNormMLPClassifier(**SMALL).fit(rows, y)
    for method in (normalizer.transform, normalizer.inverse_transform):
        with pytest.raises(ValueError, match=r"to float in column 'b' of X\. Encode text"):
            method(collection)
    with pytest.raises(ValueError, match="Column 'b' of X had numbers or no values in fit"):
        model.predict(collection)


def test_targets_of_text_are_named():
    names = frame(np.array(["blue", "green", "red"])[y], SIZES["equal"])
    with pytest.raises(ValueError, match=r"could not convert string to float: y has text\."):
        PAIRS["regressor"][0](**SMALL).fit(frame(X, SIZES["equal"]), names)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_training_that_diverges_names_the_farthest_value_and_its_partition(kind):
    far = X.copy()
    far[60, 2], far[130, 1] = 1e20, 1e38
    rows, labels = collection(far, SIZES["equal"], kind), collection(y, SIZES["equal"], kind)
    column = "x1" if kind == "array" else "f1"
    model = BatchNormMLPClassifier(
        **SMALL, solver="sgd", batch_norm=False, normalize_inputs=False, activation="identity"
    )
    message = rf"is 1e\+38 in row 30 of X, feature {column}, in partition 2\.$"
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(rows, labels)
    assert raised.value.__cause__ is None
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("numeric_encoding", [None, "auto"], ids=["fit", "pilots"])
@pytest.mark.parametrize("normalize_targets", [True, False])
def test_a_far_target_is_named_by_its_partition_and_its_row_there(
    numeric_encoding, normalize_targets
):
    targets = X[:, 0].copy()
    targets[130] = 1e300
    parts = in_parts(X, SIZES["equal"]), in_parts(targets, SIZES["equal"])
    parameters = {"numeric_encoding": numeric_encoding, "normalize_targets": normalize_targets}
    model = PAIRS["regressor"][0](**SMALL | parameters)
    message = r"In partition 2: y contains .*: 1e\+300 in row 30\."
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match=message):
        model.fit(*parts)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_targets_of_another_number_of_outputs_are_named(method):
    model = PAIRS["regressor"][0](**SMALL, warm_start=True)
    parts = [in_parts(X[:, :k], SIZES["equal"]) for k in (2, 3)]
    getattr(model, method)(in_parts(X, SIZES["equal"]), parts[0])
    with pytest.raises(ValueError, match=r"y has 3 outputs, but .* was trained on 2"):
        getattr(model, method)(in_parts(X, SIZES["equal"]), parts[1])


@pytest.mark.parametrize(
    *pairwise(
        name=list(PAIRS),
        validation_data=["X_val", "a share", "nothing"],
        normalize_inputs=[True, False],
    )
)
def test_rows_without_weight_may_be_far(name, validation_data, normalize_inputs):
    weight = np.ones(N)
    weight[[60, 130]] = 0.0
    targets = y if name == "classifier" else X[:, 0]
    far, far_targets = X.copy(), targets.copy()
    far[[60, 130], 1] = 1e300
    if name == "regressor":
        far_targets[130] = 1e300
    curves = []
    for rows in ((X, targets, weight), (far, far_targets, weight)):
        parts = [in_parts(array, SIZES["equal"]) for array in rows]
        names = ("X_val", "y_val", "sample_weight_val")
        options = dict(zip(names, parts, strict=True)) if validation_data == "X_val" else {}
        model = PAIRS[name][0](
            **SMALL, normalize_inputs=normalize_inputs, early_stopping=validation_data == "a share"
        )
        model.fit(*parts, **options)
        scores = [] if validation_data == "nothing" else model.validation_scores_
        curves.append([*model.loss_curve_, *scores, *model.batch_norms_[0].var_])
    np.testing.assert_allclose(*curves, rtol=1e-6)
