"""Measure all baselines side by side in one process, and print a table in Markdown."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from suite import fresh, measures, problems
from suite.baselines import BASELINES, able_to
from suite.side_by_side import (
    interleaved_medians,
    is_installed,
    print_footer,
    print_header,
    print_row,
    rounded,
)

# Calls of microseconds: how many to a sample, and samples for each one of a large call.
SMALL_CALLS = 50
SMALL_REPEATS = 10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows-divisor", type=int, default=problems.ROWS_DIVISOR)
    parser.add_argument("--repeat", type=int, default=7, help="samples of each large call")
    parser.add_argument("--baselines", nargs="+", choices=BASELINES, default=list(BASELINES))
    return parser.parse_args()


def time_cells(prepared, number, repeat):
    """Milliseconds, and how many times those of skbn that is."""
    calls = {name: measure.call for name, measure in prepared.items()}
    seconds = interleaved_medians(calls, number, repeat)
    return {
        name: f"{rounded(1e3 * s, 3)} ({rounded(s / seconds['skbn'], 2)}×)"
        for name, s in seconds.items()
    }


def error_cells(prepared):
    return {name: f"{m.error:.0e}" for name, m in prepared.items() if m.error is not None}


def large_rows(shape, names, repeat):
    """Rows of one shape; a function of its own, so that the matrix is freed before the next."""
    problem = problems.Problem(problems.normal_matrix(shape))
    label = "{:,} × {:,} float32".format(*shape)
    fits = {name: measures.fit(name, problem) for name in names if name in able_to("fit")}
    yield "fit, ms", label, time_cells(fits, 1, repeat)
    yield "fit, relative error of the variance", label, error_cells(fits)
    transforms = {n: measures.transform(n, problem) for n in names if n in able_to("transform")}
    yield "transform, ms", label, time_cells(transforms, 1, repeat)


def careful_rows(shape, names, repeat):
    """Rows of the fits that look at every value: with missing ones, and with weights."""
    scalers = [name for name in names if name in able_to("fit_weighted")]
    label = "{:,} × {:,} float32".format(*shape)
    X = problems.normal_matrix(shape)
    missing = problems.Problem(problems.with_missing(X))
    prepared = {name: measures.fit(name, missing) for name in scalers}
    yield "fit with 1 % missing, ms", label, time_cells(prepared, 1, repeat)
    weighted = problems.Problem(X)
    prepared = {name: measures.fit_weighted(name, weighted) for name in scalers}
    yield "fit with weights, ms", label, time_cells(prepared, 1, repeat)


def small_rows(names, repeat):
    problem = problems.Problem(problems.normal_matrix(problems.STREAM_SHAPE, np.float64))
    n, c = problems.BATCH_SHAPE
    for method, measure, label in (
        ("partial_fit", measures.partial_fit, f"{n} × {c} float64"),
        ("transform", measures.transform_one_row, f"1 × {c} float64"),
    ):
        prepared = {name: measure(name, problem) for name in names if name in able_to(method)}
        yield f"{method}, ms", label, time_cells(prepared, SMALL_CALLS, SMALL_REPEATS * repeat)


def memory_rows(names):
    """Anonymous memory of fresh processes, beyond the output in that of ``transform``."""
    shape = problems.MEMORY_MAP_SHAPE
    label = "{:,} × {:,} float32, memory map".format(*shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X"
        fresh.write_matrix(path, shape)
        for method, output in (("fit", 0.0), ("transform", path.stat().st_size / 1e6)):
            megabytes = {
                name: fresh.peak_anonymous_megabytes("memory", method, name, path, shape[1])
                - output
                for name in names
                if name in able_to(method)
            }
            cells = {name: f"{max(mb, 0.0):.0f}" for name, mb in megabytes.items()}
            yield f"{method}, MB of memory", label, cells


def all_rows(names, divisor, repeat):
    for shape in problems.SHAPES:
        yield from large_rows(problems.shrunk(shape, divisor), names, repeat)
    for shape in problems.CAREFUL_SHAPES:
        yield from careful_rows(problems.shrunk(shape, divisor), names, repeat)
    yield from small_rows(names, repeat)
    if divisor == 1:
        yield from memory_rows(names)


def main():
    options = arguments()
    wanted = {"skbn", *options.baselines}
    names = [n for n in BASELINES if n in wanted and is_installed(BASELINES[n])]
    print_header("measure", "shape", *names)
    for measure, label, cells in all_rows(names, options.rows_divisor, options.repeat):
        print_row(measure, label, *(cells.get(name, "–") for name in names))
    print_footer()


if __name__ == "__main__":
    main()
