"""The direction of imports: faces above, kernels below."""

import ast

from conftest import ROOT

LAYERS = [
    {"_columns", "_interrupts", "_lazy"},
    {"_cache"},
    {"compile"},
    {"formulas", "layout", "registry"},
    {"cpu", "cuda"},
    {"_blas", "_chunks", "_cuda_setup"},
    {"_streams"},
    {"_device"},
    {"_moments", "_rows"},
    {"_model", "_losses", "_optimizers"},
    {"_inference"},
    {"_validation", "_persistence"},
    {"_training"},
    {"_normalizer", "_show_versions"},
    {"_mlp"},
    {"dask"},
]
WITHOUT_SKLEARN = set.union(*LAYERS[:11])
FILES = sorted(
    p for p in ROOT.glob("skbn/**/*.py") if p.parent.name != "skbn" or p.name != "__init__.py"
)


def module_of(path):
    """The module of a file: its name, or that of its folder below skbn."""
    parts = path.relative_to(ROOT / "skbn").with_suffix("").parts
    return parts[1] if parts[0] == "kernels" else parts[0]


def imported(path):
    """Dotted names of what a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def level(name):
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


def test_imports_run_downward():
    modules = {name for layer in LAYERS for name in layer}
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in FILES
        for dotted in imported(path)
        for name in modules.intersection(dotted.split(".")) - {module_of(path)}
        if level(name) >= level(module_of(path))
    ]
    assert not upward


def test_what_computes_does_not_know_scikit_learn():
    knows = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in FILES
        if module_of(path) in WITHOUT_SKLEARN
        for name in imported(path)
        if name.startswith("sklearn")
    ]
    assert not knows


def test_private_names_of_scikit_learn_are_imported_for_validation_alone():
    for path in FILES:
        private = [n for n in imported(path) if n.startswith("sklearn") and "._" in n]
        assert not private or module_of(path) == "_validation"


ESTIMATORS = {"estimator", "model", "settings"}
BELOW_THE_FACES = set.union(*LAYERS[1:11], {"_training"})


def names_of(node):
    return {getattr(node, "id", None), getattr(node, "arg", None), getattr(node, "attr", None)}


def test_training_and_what_is_below_it_touch_no_estimator():
    """They take TrainOptions, arrays and functions; private attributes are of their own objects."""
    touched = [
        f"{path.relative_to(ROOT)}, line {node.lineno}"
        for path in FILES
        if module_of(path) in BELOW_THE_FACES
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
    ]
