"""The direction of imports: estimators above, kernels below."""

import ast

from conftest import ROOT

# The folders of skbn from below, and the modules that lie below the rest of their folder.
LAYERS = [
    {"dask._lazy", "_backends.signals", "_backends.stacklevel"},
    {"_backends.numba_cache"},
    {"kernels.compile"},
    {"kernels.formulas", "kernels.layout", "kernels.registry"},
    {"kernels.cpu", "kernels.cuda"},
    {"_backends"},
    {"_statistics"},
    {"_model"},
    {"_training"},
    {"_estimators", "_show_versions"},
    {"dask"},
]
WITHOUT_SKLEARN = set.union(*LAYERS[:8])
MODULES = set.union(*LAYERS)
FILES = sorted(p for p in ROOT.glob("skbn/**/*.py") if p.parent.name != "skbn" or p.name[0] != "_")
FILES += [ROOT / "skbn" / "_show_versions.py"]


def parts_of(path):
    return path.relative_to(ROOT / "skbn").with_suffix("").parts


def module_of(parts):
    """The module of LAYERS that a dotted name below skbn belongs to, or None."""
    names = [".".join(parts[:n]) for n in (2, 1)]
    return next((name for name in names if name in MODULES), None)


def imported(path):
    """What a file imports, as tuples of names; those of skbn begin below skbn."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = parts_of(path)[: -node.level] if node.level else ()
            names = (node.module or "").split(".") if node.module else ()
            yield from ((*package, *names, alias.name) for alias in node.names)


def level(module):
    return next(i for i, layer in enumerate(LAYERS) if module in layer)


def test_every_file_belongs_to_a_layer():
    without = [path for path in FILES if module_of(parts_of(path)) is None]
    assert without == [ROOT / "skbn" / "kernels" / "__init__.py"]


def test_imports_run_downward():
    upward = [
        f"{path.relative_to(ROOT)} imports {'.'.join(names)}"
        for path in FILES
        if (module := module_of(parts_of(path)))
        for names in imported(path)
        if (other := module_of(names)) and other != module and level(other) >= level(module)
    ]
    assert not upward


def test_what_computes_does_not_know_scikit_learn():
    knows = [
        f"{path.relative_to(ROOT)} imports {'.'.join(names)}"
        for path in FILES
        if module_of(parts_of(path)) in WITHOUT_SKLEARN
        for names in imported(path)
        if names[0] == "sklearn"
    ]
    assert not knows


def test_private_names_of_scikit_learn_are_imported_for_validation_alone():
    for path in FILES:
        private = [
            names
            for names in imported(path)
            if names[0] == "sklearn" and any(name.startswith("_") for name in names)
        ]
        assert not private or parts_of(path) == ("_estimators", "validation")


ESTIMATORS = {"estimator", "model", "settings"}
BELOW_THE_ESTIMATORS = set.union(*LAYERS[1:9])


def names_of(node):
    return {getattr(node, "id", None), getattr(node, "arg", None), getattr(node, "attr", None)}


def test_training_and_what_is_below_it_touch_no_estimator():
    """They take TrainOptions, arrays and functions; private attributes are of their own objects."""
    touched = [
        f"{path.relative_to(ROOT)}, line {node.lineno}"
        for path in FILES
        if module_of(parts_of(path)) in BELOW_THE_ESTIMATORS
        for node in ast.walk(ast.parse(path.read_text()))
        if names_of(node) & ESTIMATORS
    ]
    assert not touched


def test_public_names_are_those_of_the_contract():
    import skbn

    assert skbn.__all__ == [
        "BatchNormMLPClassifier",
        "BatchNormMLPRegressor",
        "BatchNormalizer",
        "show_versions",
        "to_sklearn",
    ]
