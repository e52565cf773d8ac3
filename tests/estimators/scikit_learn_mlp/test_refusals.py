"""What scikit-learn's MLP refuses is refused, in its words."""

import re

import numpy as np
import pandas as pd
import pytest
from estimators.scikit_learn_mlp.side_by_side import KINDS, PROBLEMS, estimators, fit, quietly
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor

BAD_SETTINGS = {
    "hidden_layer_sizes": [(5, 0), (5, -1), 0, -3, "wide"],
    "alpha": [-1.0, None],
    "batch_size": [0, -5, 2.5, "all"],
    "learning_rate_init": [0.0, -1.0],
    "power_t": [-0.1],
    "max_iter": [0, 1.5],
    "shuffle": ["yes"],
    "random_state": ["seed", -1],
    "tol": [-1e-3],
    "verbose": [-1],
    "warm_start": ["yes"],
    "momentum": [-0.1, 1.1],
    "nesterovs_momentum": ["yes"],
    "early_stopping": ["yes"],
    "validation_fraction": [-0.1, 1.0],
    "beta_1": [-0.1, 1.0],
    "beta_2": [-0.1, 1.0],
    "epsilon": [0.0],
    "n_iter_no_change": [0, 1.5],
    "max_fun": [0],
}
BAD = [{name: value} for name, values in BAD_SETTINGS.items() for value in values]

NAN = np.array([[np.nan] + [1.0] * 5] * 2)
INF = np.array([[np.inf] + [1.0] * 5] * 2)
BAD_FITS = {
    "1-D": lambda m, X, y: m.fit(X[:, 0], y),
    "3-D": lambda m, X, y: m.fit(X[:, :, None], y),
    "no rows": lambda m, X, y: m.fit(X[:0], y[:0]),
    "no columns": lambda m, X, y: m.fit(X[:, :0], y),
    "complex": lambda m, X, y: m.fit(X * 1j, y),
    "text": lambda m, X, y: m.fit([["a"], ["b"]], y[:2]),
    "COO that is not numbers": lambda m, X, y: m.fit(sparse.coo_array(X).astype(complex), y),
    "NaN": lambda m, X, y: m.fit(NAN, y[:2]),
    "infinity": lambda m, X, y: m.fit(INF, y[:2]),
    "sparse NaN": lambda m, X, y: m.fit(sparse.csr_array(NAN), y[:2]),
    "no y": lambda m, X, y: m.fit(X, None),
    "few y": lambda m, X, y: m.fit(X, y[:-1]),
    "NaN in y": lambda m, X, y: m.fit(X, np.where(y == 0, np.nan, y)),
    "3-D y": lambda m, X, y: m.fit(X, y[:, None, None]),
    "few weights": lambda m, X, y: m.fit(X, y, sample_weight=[1.0, 2.0]),
    "2-D weights": lambda m, X, y: m.fit(X, y, sample_weight=np.ones((len(y), 1))),
    "NaN weights": lambda m, X, y: m.fit(X, y, sample_weight=np.full(len(y), np.nan)),
    "text for weights": lambda m, X, y: m.fit(X, y, sample_weight=["a"] * len(y)),
    "one validation row": lambda m, X, y: m.set_params(early_stopping=True).fit(
        X[:10], np.arange(10) % 3
    ),
    "no validation row": lambda m, X, y: m.set_params(
        early_stopping=True, validation_fraction=0
    ).fit(X, y),
    "all rows for validation": lambda m, X, y: m.set_params(
        early_stopping=True, validation_fraction=0.999
    ).fit(X[:3], np.arange(3)),
}
BAD_CALLS = {
    "other width": lambda m, X, y: m.predict(X[:, :4]),
    "1-D predict": lambda m, X, y: m.predict(X[0]),
    "no rows to predict": lambda m, X, y: m.predict(X[:0]),
    "NaN to predict": lambda m, X, y: m.predict(NAN),
    "infinity to predict": lambda m, X, y: m.predict(INF),
    "other width, sparse": lambda m, X, y: m.predict(sparse.csr_array(X[:, :4])),
    "other width, partial_fit": lambda m, X, y: m.partial_fit(X[:, :4], y),
    "other width, warm_start": lambda m, X, y: m.set_params(warm_start=True).fit(X[:, :4], y),
    "NaN, partial_fit": lambda m, X, y: m.partial_fit(NAN, y[:2]),
    "few weights, partial_fit": lambda m, X, y: m.partial_fit(X, y, sample_weight=[1.0]),
    "early_stopping, partial_fit": lambda m, X, y: m.set_params(early_stopping=True).partial_fit(
        X, y
    ),
    "other names": lambda m, X, y: m.fit(pd.DataFrame(X, columns=list("abcdef")), y).predict(
        pd.DataFrame(X, columns=list("abcxyz"))
    ),
    "score of few y": lambda m, X, y: m.score(X, y[:-1]),
}
BAD_CLASSES = {
    "numbers for classes": lambda m, X, y: m.fit(X, X[:, 0]),
    "labels of several outputs": lambda m, X, y: m.fit(X, np.column_stack([y, y + 1])),
    "text and numbers": lambda m, X, y: m.fit(X, np.array([*y[:-1], "a"], dtype=object)),
    "rows too few to stratify": lambda m, X, y: m.set_params(early_stopping=True).fit(
        X[:10], np.arange(10) % 2
    ),
    "a new class": lambda m, X, y: m.partial_fit(X, y + 1),
    "classes changed": lambda m, X, y: m.partial_fit(X, y, classes=[0, 1, 2]),
    "classes missing at first": lambda m, X, y: type(m)().partial_fit(X, y),
    "a class that was not announced": lambda m, X, y: type(m)().partial_fit(X, y, classes=[0, 5]),
    "warm_start with a new class": lambda m, X, y: m.set_params(warm_start=True).fit(X, y + 1),
    "warm_start with a class less": lambda m, X, y: m.set_params(warm_start=True).fit(
        X, np.zeros(len(y), int)
    ),
    "partial_fit with lbfgs": lambda m, X, y: m.set_params(solver="lbfgs").partial_fit(X, y),
}


def plain(error):
    """What ours says, without its own name and its own word for sizes that follow the rows."""
    said = str(error).replace("BatchNormMLP", "MLP")
    if "max_iter" in said:  # theirs takes no word for it
        said = re.sub("a str among {'(scaled|auto)', '(scaled|auto)'} or ", "", said)
    return re.sub(r"'scaled', (?='auto')|(?<='auto'), 'scaled'", "", said)


# Where ours goes on to name the column, the value or the remedy.
EXPLAINED = {
    *("complex", "text", "COO that is not numbers", "NaN", "infinity", "sparse NaN"),
    *("no validation row", "all rows for validation", "rows too few to stratify"),
    *("NaN to predict", "infinity to predict", "NaN, partial_fit", "numbers for classes"),
}


def begins(message):
    """What a message says before it names values."""
    return message.split("\n")[0].split(": ")[0].rstrip(".")


def assert_refused_alike(call, ours, theirs, name=None):
    X, y = PROBLEMS["binary"][1]
    with pytest.raises((TypeError, ValueError, AttributeError)) as expected:
        quietly(call, theirs, X, y)
    with pytest.raises(expected.type) as error:
        quietly(call, ours, X, y)
    assert type(error.value).__name__ == expected.type.__name__
    if name in EXPLAINED:
        assert begins(str(expected.value)) in plain(error.value)
    else:
        assert plain(error.value) == str(expected.value)


def fitted(kind):
    X, y = PROBLEMS["binary"][1]
    return [quietly(model.fit, X, y) for model in estimators(kind, max_iter=2)]


@pytest.mark.parametrize("settings", BAD, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_settings_raise_the_same_in_fit_and_also_in_partial_fit(kind, settings):
    X, y = PROBLEMS["binary"][1]
    assert_refused_alike(fit, *estimators(kind, **settings))
    ours, _ = fitted(kind)
    _, theirs = estimators(kind, **settings)
    # scikit-learn's partial_fit of a fitted model looks at no parameter again.
    with pytest.raises(ValueError, match="must be") as expected:
        theirs.fit(X, y)
    with pytest.raises(expected.type, match="must be") as error:
        ours.set_params(**settings).partial_fit(X, y)
    assert plain(error.value) == str(expected.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in KINDS for name in ("activation", "solver", "learning_rate")]
    + [(MLPRegressor, "loss")],
)
def test_a_word_that_is_none_of_those_known_is_refused_by_name(kind, name):
    X, y = PROBLEMS["binary"][1]
    for model in estimators(kind, **{name: "fancy"}):
        message = f"The '{name}' parameter of {type(model).__name__} must be a str among"
        with pytest.raises(ValueError, match=f"{message}.*Got 'fancy' instead"):
            model.fit(X, y)


@pytest.mark.parametrize("name", BAD_FITS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_fits_raise_the_same(kind, name):
    assert_refused_alike(BAD_FITS[name], *estimators(kind), name)
    assert_refused_alike(BAD_FITS[name], *fitted(kind), name)


@pytest.mark.parametrize("name", BAD_CALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_calls_raise_the_same(kind, name):
    assert_refused_alike(BAD_CALLS[name], *fitted(kind), name)


@pytest.mark.parametrize("name", BAD_CLASSES)
def test_bad_classes_raise_the_same(name):
    assert_refused_alike(BAD_CLASSES[name], *fitted(MLPClassifier), name)


NO_TARGETS = {"words": np.array(["a", "b"] * 60), "complex": np.array([1 + 1j] * 120)}


@pytest.mark.parametrize("name", NO_TARGETS)
def test_targets_that_are_not_numbers_raise_the_same(name):
    y = NO_TARGETS[name]
    assert_refused_alike(lambda m, X, _: m.fit(X, y), *estimators(MLPRegressor), name)


@pytest.mark.parametrize("method", ["predict", "score", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_needs_a_fit_says_so(kind, method):
    X, y = PROBLEMS["binary"][1]
    ours, theirs = estimators(kind)
    if not hasattr(theirs, method):
        assert not hasattr(ours, method)
        return
    arguments = (X, y) if method == "score" else (X,)
    with pytest.raises(NotFittedError) as expected:
        getattr(theirs, method)(*arguments)
    with pytest.raises(NotFittedError) as error:
        getattr(ours, method)(*arguments)
    assert plain(error.value) == str(expected.value)
