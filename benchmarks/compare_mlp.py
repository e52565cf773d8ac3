"""Measure the MLPs of all baselines side by side in one process, and print tables in Markdown."""

import argparse
import tempfile
from math import nan
from pathlib import Path
from statistics import geometric_mean

# The suite comes before NumPy, so that it can still tell BLAS the number of threads.
from suite import fresh, mlp_measures
from suite.mlp_baselines import BASELINES
from suite.mlp_problems import (
    LONG_FIT,
    MEMORY_SHAPE,
    N_MEMORY_ROWS,
    N_PREDICTED_ROWS,
    SHAPES,
    Problem,
    shrunk,
)
from suite.problems import ROWS_DIVISOR
from suite.side_by_side import (
    REST_SECONDS_AFTER_BLAS,
    interleaved_medians,
    is_installed,
    print_footer,
    print_header,
    print_row,
    rounded,
)

# Calls of predict_proba: how many to a sample, and samples for each one of a fit.
CALLS = 5
CALLS_OF_ONE_ROW = 50
REPEATS = 4

MILLISECONDS = 1e3
MICROSECONDS = 1e6


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows-divisor", type=int, default=ROWS_DIVISOR)
    parser.add_argument("--repeat", type=int, default=5, help="samples of each fit")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--baselines", nargs="+", choices=BASELINES, default=list(BASELINES))
    return parser.parse_args()


def reference(name):
    """Whom to compare with: skbn, given rows of the same dtype."""
    return f"skbn {BASELINES[name].rows_dtype}"


def times_of_reference(seconds):
    """How many times those of skbn the seconds of each baseline are."""
    return {n: s / seconds[reference(n)] for n, s in seconds.items() if reference(n) in seconds}


class Report:
    """Prints the rows of a table, and remembers their factors."""

    def __init__(self, names):
        self.names = names
        self.factors = {}
        print_header("measure", "shape", *names)

    def row(self, measure, shape, texts):
        print_row(measure, shape, *(texts.get(name, "–") for name in self.names))

    def seconds(self, measure, shape, unit, seconds):
        """A row of times, and how many times those of skbn they are."""
        texts = {name: rounded(unit * s, 3) for name, s in seconds.items()}
        for name, factor in times_of_reference(seconds).items():
            texts[name] += f" ({rounded(factor, 2)}×)"
            self.factors.setdefault((measure, name), {})[shape] = factor
        self.row(measure, shape, texts)

    def summary(self):
        """Geometric means, and the shapes where skbn is ahead least."""
        print()
        print_header("measure", "baseline", "geometric mean", "worst", "of")
        for (measure, name), factors in self.factors.items():
            if name != reference(name):
                worst = min(factors, key=factors.get)
                # A difference of two fits may be negative where rows are few.
                middle = geometric_mean(factors.values()) if factors[worst] > 0 else nan
                cells = (f"{rounded(factor, 2)}×" for factor in (middle, factors[worst]))
                print_row(measure, name, *cells, worst)


def training_rows(report, label, baselines, problem, repeat):
    epochs = mlp_measures.epochs(baselines, problem, repeat)
    fits = {name: epoch.fit for name, epoch in epochs.items()}
    report.seconds(f"fit of {LONG_FIT} epochs / {LONG_FIT}, ms", label, MILLISECONDS, fits)
    alone = {name: epoch.alone for name, epoch in epochs.items()}
    report.seconds("epoch alone, ms", label, MILLISECONDS, alone)
    step = MICROSECONDS / problem.shape.n_steps
    texts = {
        name: f"{rounded(step * e.outside_gemms, 3)} ({100 * e.outside_gemms / e.alone:.0f} %)"
        for name, e in epochs.items()
    }
    report.row("step outside GEMM, µs", label, texts)


def prediction_rows(report, label, baselines, problem, repeat):
    calls = {n: mlp_measures.predict_proba(c, problem) for n, c in baselines.items()}
    repeat *= REPEATS
    seconds = interleaved_medians(calls, CALLS, repeat, REST_SECONDS_AFTER_BLAS)
    n_rows = min(N_PREDICTED_ROWS, problem.shape.n_rows)
    report.seconds(f"predict_proba of {n_rows:,} rows, ms", label, MILLISECONDS, seconds)
    calls = {n: mlp_measures.predict_proba_one_row(c, problem) for n, c in baselines.items()}
    seconds = interleaved_medians(calls, CALLS_OF_ONE_ROW, repeat, REST_SECONDS_AFTER_BLAS)
    report.seconds("predict_proba of one row, µs", label, MICROSECONDS, seconds)


def shape_rows(report, label, divisor, repeat):
    """Rows of one shape; a function of its own, so that the data are freed before the next."""
    problem = Problem(shrunk(SHAPES[label], divisor))
    baselines = {name: mlp_measures.fitted(name, problem) for name in report.names}
    training_rows(report, label, baselines, problem, repeat)
    prediction_rows(report, label, baselines, problem, repeat)


def memory_row(report):
    """Anonymous memory of fits of fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X"
        fresh.write_matrix(path, (N_MEMORY_ROWS, SHAPES[MEMORY_SHAPE].units[0]))
        texts = {
            name: f"{fresh.peak_anonymous_megabytes('mlp_memory', name, path):.0f}"
            for name in report.names
            if BASELINES[name].rows_dtype == "float32"
        }
    report.row(f"fit, MB of memory beyond {N_MEMORY_ROWS:,} rows", MEMORY_SHAPE, texts)


def compilation_rows(report):
    """First fits of skbn in fresh processes, the second of which finds the first one's code."""
    with tempfile.TemporaryDirectory() as folder:
        for cache in ("cold", "cached"):
            seconds = fresh.number_printed(fresh.MLP_FIRST_FIT_SECONDS, NUMBA_CACHE_DIR=folder)
            report.row(
                f"first fit of a process, {cache}, s", "–", {"skbn float32": f"{seconds:.2f}"}
            )


def main():
    options = arguments()
    wanted = {name for name in BASELINES if name.startswith("skbn")} | set(options.baselines)
    installed = (n for n in BASELINES if is_installed(lambda n=n: BASELINES[n](None)))
    report = Report([name for name in installed if name in wanted])
    for label in options.shapes:
        shape_rows(report, label, options.rows_divisor, options.repeat)
    if options.rows_divisor == 1:
        memory_row(report)
    if "skbn float32" in report.names:
        compilation_rows(report)
    report.summary()
    print_footer()


if __name__ == "__main__":
    main()
