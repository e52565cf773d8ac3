"""Every private name of scikit-learn that skbn uses, and that scikit-learn has it."""

import ast
import sys
from importlib import import_module

import numpy as np
import pytest
from conftest import ROOT
from sklearn.callback import ProgressBar
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormMLPClassifier

IMPORTED = {
    "sklearn.base._fit_context",
    "sklearn.utils._missing.is_pandas_na",
    "sklearn.utils._param_validation.Interval",
    "sklearn.utils._param_validation.Options",
    "sklearn.utils._param_validation.StrOptions",
    "sklearn.utils._set_output._wrap_data_with_container",
    "sklearn.utils.multiclass._check_partial_fit_first_call",
    "sklearn.utils.optimize._check_optimize_result",
    "sklearn.utils.validation._check_sample_weight",
}


def private_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if "._" in name)


def test_the_private_names_that_are_imported_are_these():
    used = {name for path in ROOT.glob("skbn/**/*.py") for name in private_imports(path)}
    assert used == IMPORTED


@pytest.mark.parametrize("name", sorted(IMPORTED))
def test_scikit_learn_has_the_private_names(name):
    module, _, attribute = name.rpartition(".")
    assert hasattr(import_module(module), attribute)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_estimators_have_the_private_attributes_that_are_read_or_set():
    stock = MLPClassifier(2, max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
    set_by_to_sklearn = {"_label_binarizer", "_random_state", "_no_improvement_count"}
    set_by_to_sklearn |= {"_best_coefs", "_best_intercepts"}
    assert set_by_to_sklearn <= vars(stock).keys()
    assert "_sklearn_output_config" in vars(StandardScaler().set_output(transform="default"))
    model = BatchNormMLPClassifier().set_callbacks(ProgressBar())
    assert "_skl_callbacks" in vars(model)
    assert hasattr(model, "_init_callback_context")
    assert hasattr(model, "_validate_params")


def test_lbfgs_needs_no_private_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.utils.optimize", None)
    model = BatchNormMLPClassifier(2, solver="lbfgs", max_iter=1)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 1 iteration"):
        model.fit(np.eye(4), [0, 1, 0, 1])
