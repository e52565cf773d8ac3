"""Reads what asv has saved in benchmarks/results."""

from ast import literal_eval
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.results import iter_results

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
COMMAND = """\
cd benchmarks
asv machine --yes
asv run -E existing --set-commit-hash $(git rev-parse HEAD)"""
VERSIONS = "libraries.Start.track_milliseconds"


def newest_runs():
    """The results of the newest commit on each machine, by the name of the machine."""
    runs = sorted(iter_results(str(FOLDER / "results")), key=lambda run: run.date)
    if not runs:
        raise FileNotFoundError(f"{FOLDER / 'results'} has no results. To make them:\n{COMMAND}")
    return {run.params["machine"]: run for run in runs}


def known_benchmarks():
    """What asv knows of each benchmark."""
    config = Config.from_json({"project": "skbn", "repo": str(FOLDER.parent)})
    config.results_dir = str(FOLDER / "results")
    return Benchmarks.load(config)


RUNS = newest_runs()
BENCHMARKS = known_benchmarks()


def label(value):
    """A parameter as readers see it: the shape (1000, 8) is "1,000 × 8"."""
    if isinstance(value, tuple):
        return " × ".join(f"{n:,}" for n in value)
    return value if isinstance(value, str) else f"{value:,g}"


def medians_of_run(run, name):
    """The median of a benchmark for all parameters; those that were skipped are left out."""
    params = run.get_result_params(name)
    levels = [[label(literal_eval(value)) for value in values] for values in params]
    index = pd.MultiIndex.from_product(levels, names=BENCHMARKS[name]["param_names"])
    return pd.Series(run.get_result_value(name, params), index, dtype=float).dropna()


def medians(name):
    """The median of a benchmark for each machine and all parameters."""
    of_runs = {
        machine: medians_of_run(run, name)
        for machine, run in RUNS.items()
        if name in run.get_result_keys(BENCHMARKS)
    }
    if not of_runs:
        raise KeyError(f"The results have nothing of {name}. To make them:\n{COMMAND}")
    return pd.concat(of_runs, names=["machine"])


def failed():
    """The names of the benchmarks of which a baseline failed, which is not to be skipped."""
    return sorted(
        {
            name
            for run in RUNS.values()
            for name in run.get_result_keys(BENCHMARKS)
            if None in run.get_result_value(name, run.get_result_params(name))
        }
    )


def describe(run):
    """Where, when, and of which commit the results are."""
    measured = datetime.fromtimestamp(max(run.started_at.values()) / 1e3, UTC)
    libraries = medians(VERSIONS).loc[run.params["machine"]].index
    return {
        "processor": f"{run.params['cpu']}, {run.params['num_cpu']} cores",
        "memory": f"{float(run.params['ram']) / 2**30:.0f} GiB",
        "system": run.params["os"],
        "commit": run.commit_hash[:10],
        "measured on": measured.date().isoformat(),
        **dict(library.rsplit(" ", 1) for library in libraries),
    }


def machines():
    """A column for each machine."""
    return pd.DataFrame({name: describe(run) for name, run in RUNS.items()})
