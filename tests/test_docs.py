"""Docstrings, README and examples say what is true."""

import doctest
import inspect
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from numpydoc.validate import validate

import skbn

README = (ROOT / "README.md").read_text()

# Not every method needs a second paragraph, a See Also or an example; what is returned has a name,
# as in scikit-learn (RT02), and "self" says what it is.
LENIENT = {"RT02", "ES01", "EX01", "SA01", "SA04", "RT03", "GL01"}


def public_functions(public):
    """Names of the functions, and of the methods of our own classes, behind a public name."""
    names = [f"skbn.{public}"]
    for cls in getattr(getattr(skbn, public), "__mro__", ()):
        if cls.__module__.startswith("skbn"):
            methods = [m for m, value in vars(cls).items() if inspect.isfunction(value)]
            names += [f"skbn.{public}.{m}" for m in methods if not m.startswith("_")]
    return names


NAMES = [name for public in skbn.__all__ for name in public_functions(public)]


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_are_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in LENIENT]
    assert not errors


def test_the_code_of_the_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert blocks
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for block in blocks:
        runner.run(parser.get_doctest(block, {}, "README", "README.md", 0))
    assert runner.summarize().failed == 0


EXAMPLES = sorted(ROOT.glob("docs/examples/*.py"))
QUICK_EXAMPLES = {"quickstart.py", "normalizer.py"}
# Beyond matplotlib, which all of them but the quickstart need.
NEEDED = {
    "deployment.py": ["skl2onnx", "onnxruntime"],
    "permutation_importance.py": ["pandas"],
}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, id=path.name, marks=() if path.name in QUICK_EXAMPLES else pytest.mark.slow
        )
        for path in EXAMPLES
    ],
)
def test_examples_run(path, tmp_path):
    for package in NEEDED.get(path.name, []):
        pytest.importorskip(package)
    environment = os.environ | {"MPLBACKEND": "agg"}
    # Where there is a display, plt.show() says that agg has no window.
    ignored = "ignore:FigureCanvasAgg is non-interactive:UserWarning"
    command = [sys.executable, "-W", "error", "-W", ignored, path]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
