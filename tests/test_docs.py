"""Docstrings, README and examples say what is true."""

import ast
import doctest
import inspect
import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from numpydoc.validate import validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

import skbn.dask
from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

# Not every method needs a second paragraph, a See Also or an example; what is returned has a name,
# as in scikit-learn (RT02), and "self" says what it is.
LENIENT = {"RT02", "ES01", "EX01", "SA01", "SA04", "RT03", "GL01"}


def public_functions(module, public):
    """Names of the functions, and of the methods of our own classes, behind a public name."""
    names = [f"{module.__name__}.{public}"]
    for cls in getattr(getattr(module, public), "__mro__", ()):
        if cls.__module__.startswith(module.__name__):
            methods = [m for m, value in vars(cls).items() if inspect.isfunction(value)]
            names += [f"{names[0]}.{m}" for m in methods if not m.startswith("_")]
    return names


MODULES = skbn, skbn.dask
NAMES = [name for module in MODULES for p in module.__all__ for name in public_functions(module, p)]
# Their parameters are those of the local ones, to whose docstrings they send the reader.
INHERITED = {f"skbn.dask.{name}" for name in skbn.dask.__all__}


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_are_numpydoc(name):
    lenient = LENIENT | {"PR01", "PR02", "PR04"} if name in INHERITED else LENIENT
    errors = [error for error in validate(name)["errors"] if error[0] not in lenient]
    assert not errors


def is_session(page):
    return "_build" not in page.parts and ">>> " in page.read_text()


SESSIONS = [ROOT / "README.md", *filter(is_session, sorted(ROOT.glob("docs/**/*.md")))]


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page):
    text = re.sub(r"^ *(```|:::).*$", "", page.read_text(), flags=re.M)  # ends what is expected
    session = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(session).failed == 0
    assert session.examples


def defaults(cls):
    return {name: p.default for name, p in inspect.signature(cls).parameters.items()}


def told(heading, column):
    """The defaults in a column of the table below a heading of the page on migration."""
    page = (ROOT / "docs/start/migration.md").read_text()
    below = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [re.findall(r"[^|]+", row) for row in re.findall(r"^\| `.*$", below, re.M)]
    cells = {row[0].strip(" `"): row[column].strip(" `") for row in rows}
    return {name: ast.literal_eval(cell) for name, cell in cells.items() if cell != "–"}


@pytest.mark.parametrize(
    ("stock", "ours", "column"),
    [(MLPClassifier, BatchNormMLPClassifier, 1), (MLPRegressor, BatchNormMLPRegressor, 2)],
)
def test_the_page_on_migration_tells_all_defaults_of_the_mlps(stock, ours, column):
    old, new = defaults(stock), defaults(ours)
    changed = [name for name in old if new[name] != old[name]]
    heading = "Defaults of the MLPs that differ"
    assert told(heading, column=1) == {name: old[name] for name in changed}
    assert told(heading, column=2) == {name: new[name] for name in changed}
    added = told("Parameters of the MLPs that are new", column)
    assert added == {name: new[name] for name in new if name not in old}


# New parameters whose defaults change nothing, or that only others make use of.
WITHOUT_EFFECT = {"smooth_clip", "class_weight", "device", "weight_decay", "n_bins"}
WITHOUT_EFFECT |= {"batch_norm_momentum", "batch_norm_epsilon", "virtual_batch_size"}
WITHOUT_EFFECT |= {"target_momentum"}


@pytest.mark.parametrize("path", ["docs/start/migration.md", "docs/guide/mlp.md"])
def test_what_gives_scikit_learns_results_lists_all_new_parameters(path):
    text = (ROOT / path).read_text()
    for stock, ours in (
        (MLPClassifier, BatchNormMLPClassifier),
        (MLPRegressor, BatchNormMLPRegressor),
    ):
        added = defaults(ours).keys() - defaults(stock).keys() - WITHOUT_EFFECT
        neutral = r"\b\W+?(None|False|0|\"input\")"
        found = {name for name in added if re.search(rf"\b{name}{neutral}", text)}
        assert found == added


def test_the_page_on_migration_tells_all_defaults_of_the_normalizer():
    added = told("Parameters of BatchNormalizer that are new", column=1)
    assert defaults(StandardScaler) | added == defaults(BatchNormalizer)


@pytest.mark.parametrize("path", ["docs/CITATION.cff", "docs/about/citing.md"])
def test_the_version_to_cite_is_ours(path):
    versions = re.findall(r"^ *version *[:=] *{?([^},\n]+)", (ROOT / path).read_text(), re.M)
    assert versions == [skbn.__version__]


def test_files_that_contributors_are_told_of_exist():
    text = (ROOT / "docs/about/contributing.md").read_text()
    paths = re.findall(r"`((?:\.ci|benchmarks|docs|skbn|tests)/[\w./]+)`", text)
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]
    names = re.findall(r"`(_[a-z_]\w*(?:/\w+)?(?:\.py)?)`", text)
    assert names
    assert not [name for name in names if not is_module(name)]


def is_module(name):
    """Whether a name such as ``_model`` or ``_model/folded.py`` is a module below skbn."""
    folders = (ROOT / "skbn", ROOT / "skbn/dask")
    return any((folder / f"{name}{end}").exists() for folder in folders for end in ("", ".py"))


def test_the_drawing_of_the_architecture_has_a_word_for_every_module():
    command = [sys.executable, "-W", "error", ROOT / "docs/about/architecture.py"]
    subprocess.run(command, env=os.environ | {"MPLBACKEND": "agg"}, check=True)


def test_an_example_runs(tmp_path):
    """The others take longer, and run when the site is built."""
    environment = os.environ | {"MPLBACKEND": "agg"}
    # Where there is a display, plt.show() says that agg has no window.
    ignored = "ignore:FigureCanvasAgg is non-interactive:UserWarning"
    command = [sys.executable, "-W", "error", "-W", ignored, ROOT / "docs/examples/normalizer.py"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)


def test_the_page_of_results_finds_every_benchmark_that_it_names():
    page = "".join(path.read_text() for path in (ROOT / "docs/benchmarks").glob("*.py"))
    named = set(re.findall(r'"(\w+\.[A-Z]\w+\.(?:time|track)_\w+)"', page))
    saved = [json.loads(path.read_text()) for path in ROOT.glob("benchmarks/results/*/*-*.json")]
    assert len(named) > 10
    assert all(named <= run["results"].keys() for run in saved)
