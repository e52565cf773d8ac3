"""The stub files have the public interface of the source, and type checkers read them."""

import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

import skbn.dask

MODULES = {"skbn": skbn, "skbn.dask": skbn.dask}
CLASSES = [
    f"{module}.{name}"
    for module in MODULES
    for name in MODULES[module].__all__
    if name.startswith("BatchNorm")
]
STUBS = {
    module: ast.parse((ROOT / module.replace(".", "/") / "__init__.pyi").read_text())
    for module in MODULES
}
DEFINED = {
    f"{module}.{node.name}": node
    for module, tree in STUBS.items()
    for node in tree.body
    if isinstance(node, (ast.ClassDef, ast.FunctionDef))
}


def source_of(name):
    module, _, attribute = name.rpartition(".")
    return getattr(MODULES[module], attribute)


def lineage(name):
    """The stubs of a class and of its base classes."""
    node = DEFINED[name]
    bases = [ast.unparse(base) for base in node.bases]
    module = name.rpartition(".")[0]
    return [node, *(n for base in bases for n in lineage(complete(base, module)))]


def complete(name, module):
    return name if name.startswith("skbn.") else f"{module}.{name}"


def members(name, kind):
    """The methods or attributes of a class that its stubs have, by name."""
    nodes = [node for parent in lineage(name) for node in parent.body if isinstance(node, kind)]
    names = [node.target.id if kind is ast.AnnAssign else node.name for node in nodes]
    return dict(zip(reversed(names), reversed(nodes), strict=True))


def parameters_of_stub(function):
    """Name, kind and default of each parameter; the default ``...`` says only that there is one."""
    plain = function.args
    n_required = len(plain.args) - len(plain.defaults)
    defaults = [None] * n_required + plain.defaults
    kinds = inspect.Parameter
    found = [
        (a.arg, kinds.POSITIONAL_OR_KEYWORD, d) for a, d in zip(plain.args, defaults, strict=True)
    ]
    found += [(plain.vararg.arg, kinds.VAR_POSITIONAL, None)] if plain.vararg else []
    keywords = zip(plain.kwonlyargs, plain.kw_defaults, strict=True)
    found += [(a.arg, kinds.KEYWORD_ONLY, d) for a, d in keywords]
    found += [(plain.kwarg.arg, kinds.VAR_KEYWORD, None)] if plain.kwarg else []
    empty = kinds.empty
    return [(n, k, empty if d is None else ast.literal_eval(d)) for n, k, d in found]


def assert_same_parameters(function, source):
    stub = parameters_of_stub(function)
    given = inspect.signature(source).parameters.values()
    assert [p[:2] for p in stub] == [(p.name, p.kind) for p in given]
    for (name, _, default), parameter in zip(stub, given, strict=True):
        has_default = parameter.default is not inspect.Parameter.empty
        assert default == parameter.default or (default is ... and has_default), name


@pytest.mark.parametrize("name", CLASSES)
def test_methods_have_the_parameters_of_the_source(name):
    cls, methods = source_of(name), members(name, ast.FunctionDef)
    public = {m for m in dir(cls) if not m.startswith("_") and callable(getattr(cls, m))}
    assert methods.keys() - {"__init__"} == public
    for method, function in methods.items():
        assert_same_parameters(function, getattr(cls, method))


def test_functions_have_the_parameters_of_the_source():
    for name in ("skbn.show_versions", "skbn.to_sklearn"):
        assert_same_parameters(DEFINED[name], source_of(name))


@pytest.mark.parametrize("name", CLASSES)
def test_attributes_are_the_parameters_and_what_the_docstring_lists(name):
    cls = source_of(f"skbn.{name.rpartition('.')[2]}")
    listed = inspect.getdoc(cls).split("Attributes\n---")[1].split("See Also\n")[0]
    names = re.findall(r"^(\w+_(?:, \w+_)*) :", listed, re.M)
    fitted = {attribute for line in names for attribute in line.split(", ")}
    parameters = set(inspect.signature(source_of(name)).parameters)
    assert members(name, ast.AnnAssign).keys() == fitted | parameters


def test_the_package_tells_that_it_is_typed():
    assert (ROOT / "skbn/py.typed").exists()


RIGHT = """
import numpy as np
from numpy.typing import NDArray

import skbn
from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn.dask import BatchNormMLPClassifier as DaskClassifier


def of_classes(X: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    model = BatchNormMLPClassifier((32, 16), "gelu", max_iter=10, class_weight={0: 1.0, 1: 2.0})
    model = model.set_params(alpha=0.1).fit(X, y, X_val=X, y_val=y)
    probabilities: NDArray[np.float32] = model.predict_proba(X)
    print(probabilities.max(), model.predict(X), model.classes_, model.batch_norms_[0].gamma_)
    stock = model.recalibrate(X).to_sklearn()
    print(stock.predict(X), model.alpha, skbn.to_sklearn(model))
    return model.partial_fit(X, y, classes=[0, 1]).score(X, y)


def of_numbers(X: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    model = BatchNormMLPRegressor("poisson", hidden_layer_sizes=8, random_state=0)
    return model.fit(X, y).partial_fit(X, y).predict(X)


def of_streams(X: NDArray[np.float64]) -> BatchNormalizer:
    normalizer = BatchNormalizer(momentum=0.1, gamma=[1.0, 2.0]).partial_fit(X)
    print(normalizer.transform(X), normalizer.fold()[0].sum(), normalizer.mean_)
    return normalizer.merge(BatchNormalizer().fit(X))


print(DaskClassifier(sync_every=4).to_local().predict([[1.0]]).sum())
skbn.show_versions()
"""
WRONG = """
from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor
from skbn.dask import BatchNormMLPRegressor as DaskRegressor

BatchNormMLPClassifier(drop_out=0.1)
BatchNormMLPRegressor(max_iter=[10])
BatchNormalizer(0.1)
DaskRegressor(sync=4)
BatchNormMLPClassifier().fit([[1.0]], [1]).coef_
"""
ERRORS = [
    (5, "call-arg"),
    (6, "arg-type"),
    (7, "call-arg"),
    (8, "call-arg"),
    (9, "attr-defined"),
]


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy")
def test_mypy_accepts_what_is_right_and_finds_what_is_wrong(tmp_path):
    for name, text in (("right", RIGHT), ("wrong", WRONG)):
        (tmp_path / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "right.py", "wrong.py"]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^(.+?):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.M)
    assert found == [("wrong.py", str(line), code) for line, code in ERRORS], done.stdout
