"""How many small errors in the sources do the quick tests notice?

``python tests/mutants.py results.md`` draws mutants, each the library with one operator or constant
changed, runs the tests that belong to each, and adds a line to the table in results.md; what pytest
printed is in results.logs. A check that was stopped goes on where it was. Drawn are the mutants
with the smallest hash of function and changed line: a function that moves keeps its mutants.
"""

import argparse
import ast
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import namedtuple
from itertools import accumulate, pairwise
from pathlib import Path

SEED = 0
TIMEOUT = 600  # seconds; a command that takes longer has noticed the mutant
MEMORY = 8_000_000  # KiB of a process, which an endless loop may fill

NUMBERS = {"kernels": 16, "training": 14, "dask": 10}
SOURCES = {
    "kernels": "skbn/kernels/formulas.py skbn/kernels/cpu/*.py",
    "training": "skbn/_model/*.py skbn/_training/*.py skbn/_estimators/*fitting.py",
    "dask": "skbn/dask/*.py",
}
# Commands that run one after the other; the tests that fail soonest come first.
TESTS = {
    "kernels": """\
NUMBA_DISABLE_JIT=1 pytest tests/kernels
pytest tests/model/test_optimizers.py tests/model/test_network.py tests/statistics/test_moments.py
pytest tests/training tests/estimators/test_mlp_statistics.py""",
    "training": """\
pytest tests/model/test_network.py tests/kernels/test_activations.py tests/model/test_optimizers.py
pytest tests/estimators/test_mlp_defaults.py tests/estimators/scikit_learn_mlp tests/training
pytest tests/estimators/mlp tests/estimators/test_mlp_statistics.py
pytest tests/reliability/test_interrupts.py""",
    "dask": """\
pytest tests/on_dask --ignore=tests/on_dask/test_clusters.py
pytest tests/on_dask/test_clusters.py""",
}
PYTEST = f"{sys.executable} -m pytest -x -q -p no:cacheprovider --tb=short --hypothesis-seed=0"

SWAPS = {"+": "-", "*": "/", "+=": "-=", "*=": "/=", "<": "<=", ">": ">=", "==": "!=", "and": "or"}
SWAPS |= {new: old for old, new in SWAPS.items()} | {"not": ""}


# The whole source of a file with a change, and its line before and after the change.
Mutant = namedtuple("Mutant", "path function line column before after source")


def nodes(node, function=""):
    """The nodes below one, each with the name of the function that it is in."""
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            is_run = field not in {"annotation", "returns", "decorator_list"}
            # zip(strict=True) says what is always true.
            if is_run and isinstance(child, ast.AST) and getattr(child, "arg", None) != "strict":
                is_named = isinstance(child, ast.FunctionDef | ast.ClassDef)
                inner = f"{function}.{child.name}".lstrip(".") if is_named else function
                yield child, inner
                yield from nodes(child, inner)


def gaps(node):
    """Where the operators of a node are: places, of line and column, before and after each."""
    operands = []
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return [((node.lineno, node.col_offset), (operand.lineno, operand.col_offset))]
        case ast.BinOp(left=a, right=b) | ast.AugAssign(target=a, value=b):
            operands = a, b
        case ast.Compare(left=a, comparators=others):
            operands = a, *others
        case ast.BoolOp(values=operands):
            pass
    pairs = pairwise(operands)
    return [((a.end_lineno, a.end_col_offset), (b.lineno, b.col_offset)) for a, b in pairs]


def other_constant(node):
    """Another number or truth value than that of a node; None for other nodes."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, int | float)):
        return None
    if isinstance(node.value, bool):
        return repr(not node.value)
    return repr(node.value + 1 if isinstance(node.value, int) else 2.0 * node.value or 1.0)


def changes(source):
    """All changes of a source: the function, where they start and stop, and the new text."""
    starts = [0, *accumulate(map(len, source.splitlines(keepends=True)))]
    for node, function in nodes(ast.parse(source)):
        if (new := other_constant(node)) is not None:
            line = starts[node.lineno - 1]
            yield function, line + node.col_offset, line + node.end_col_offset, new
        for (line, column), (end_line, end_column) in gaps(node):
            start, stop = starts[line - 1] + column, starts[end_line - 1] + end_column
            sign = re.search(rb"[^()\s]+", source[start:stop])
            if (new := SWAPS.get(sign[0].decode())) is not None:
                yield function, start + sign.start(), start + sign.end(), new


def mutants_of(root, path):
    """The mutants of a file."""
    source = path.read_bytes()
    for function, start, stop, new in changes(source):
        changed = source[:start] + new.encode() + source[stop:]
        line, column = source.count(b"\n", 0, start), start - source.rfind(b"\n", 0, start)
        before, after = (text.split(b"\n")[line].decode().strip() for text in (source, changed))
        name = str(path.relative_to(root))
        yield Mutant(name, function, line + 1, column, before, after, changed)


def rank(mutant):
    """A hash, by which mutants are drawn."""
    key = SEED, mutant.function, mutant.before, mutant.after, mutant.column
    return hashlib.sha256(repr(key).encode()).digest()


def drawn(group, root):
    """The mutants of a group that are drawn."""
    mutants = []
    for pattern in SOURCES[group].split():
        paths = sorted(root.glob(pattern))
        if not paths:
            raise SystemExit(f"There is no {pattern}: have files moved?")
        mutants += [mutant for path in paths for mutant in mutants_of(root, path)]
    return sorted(mutants, key=rank)[: NUMBERS[group]]


def failure(command, folder, environment, log):
    """The first test that fails when the command runs in a folder, or None."""
    command = f"ulimit -v {MEMORY}; {command.replace('pytest', PYTEST, 1)}"
    of_process = {"cwd": folder, "env": environment, "shell": True, "start_new_session": True}
    with log.open("w") as file:
        process = subprocess.Popen(command, **of_process, stdout=file, stderr=subprocess.STDOUT)
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and the processes that it has started
            return f"more than {TIMEOUT} s"
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", log.read_text(), re.MULTILINE)
    return None if code == 0 else failed[1] if failed else f"exit code {code} of pytest"


def killer(group, folder, cache, log):
    """The first test of a group that fails in a copy of the repository, or None."""
    own = {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    env = os.environ | own
    failures = (failure(command, folder, env, log) for command in TESTS[group].splitlines())
    return next(filter(None, failures), None)


def check(group, root, folder, results):
    """Test the sources as they are, and each mutant that is not in the table of results."""
    cache, logs = folder / ".numba", results.with_suffix(".logs")
    if failed := killer(group, folder, cache, logs / f"{group}.txt"):
        raise SystemExit(f"Without any change there fails {failed}.")
    for i, mutant in enumerate(drawn(group, root), start=1):
        where = f"{mutant.path}:{mutant.line} {mutant.function}"
        change = f"`{mutant.before}` → `{mutant.after}`".replace("|", "\\|")
        row = f"| {group} {i} | {where} | {change} |"
        if row in results.read_text():
            continue
        (folder / mutant.path).write_bytes(mutant.source)
        own_cache = cache / str(i) if group == "kernels" else cache
        failed = killer(group, folder, own_cache, logs / f"{group}-{i}.txt")
        shutil.copyfile(root / mutant.path, folder / mutant.path)
        verdict = f"killed | `{failed}`" if failed else "survived |"
        with results.open("a") as table:
            table.write(f"{row} {verdict} |\n")


def main():
    """Check all groups in a copy of the repository."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="a Markdown file")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    options = parser.parse_args()
    results = options.results.resolve()
    results.with_suffix(".logs").mkdir(exist_ok=True)
    if not results.exists():
        results.write_text("| | Where | Change | Result | By |\n|-|-|-|-|-|\n")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "skbn")
        shutil.copytree(options.root, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        for group in SOURCES:
            check(group, options.root, copy, results)


if __name__ == "__main__":
    main()
