"""How well does each model learn from real tables, and how long does its fit take?

    python benchmarks/learning.py [--data DIR ...] [--learners NAME ...] [--ablations] [--out FILE]

Everyone gets the same split and encoding; scaling is the model's own. Prints tables in Markdown.
Without --data the tables come from OpenML. What FILE has already is not fitted again.
"""

import argparse
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median

from suite import tables
from suite.learners import ABLATIONS, LEARNERS, REFERENCE, skbn
from suite.learning_results import MEASURES, Results, warm_up
from suite.side_by_side import is_installed, print_footer, print_header, print_row


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", help="folders of npz with X, y and meta")
    parser.add_argument("--tables", nargs="+", help="which of them; all by default")
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    parser.add_argument("--ablations", action="store_true", help="skbn with one choice undone")
    parser.add_argument("--max-train", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="results, one JSON a line")
    return parser.parse_args()


def load_tables(options):
    """Names and Tables that were asked for."""
    if options.data is None:
        for name in options.tables or tables.OPENML:
            yield name, tables.from_openml(name)
        return
    paths = {path.stem: path for folder in options.data for path in folder.glob("*.npz")}
    for name in options.tables or sorted(paths):
        yield name, tables.from_file(paths[name])


def makers(options):
    """What makes each of the models that were asked for and are installed."""
    wanted = {name: LEARNERS[name] for name in options.learners}
    if options.ablations:
        wanted |= {name: partial(skbn, **changed) for name, changed in ABLATIONS.items()}
    return {name: make for name, make in wanted.items() if is_usable(make)}


def is_usable(make):
    """Whether its library is installed, and it has the parameters for classes or for values."""
    return any(is_installed(lambda task=task: make(task, 0)) for task in (False, True))


def measure_all(options, results):
    models = makers(options)
    warm_up(models)
    for table_name, table in load_tables(options):
        for seed in range(options.seeds):
            split = tables.split(table, options.max_train, seed)
            for name, make in models.items():
                results.measure(name, make, table_name, split, seed)
    return list(models)


def mean_ratio(ratios, chosen):
    """The geometric mean of the ratios of the tables, their median, and how many are at most 1."""
    values = [ratio for table, ratio in ratios.items() if table in chosen]
    if not values:
        return "–"
    n_at_most_1 = sum(value <= 1.0 for value in values)
    mean, middle = geometric_mean(values), median(values)
    return f"{mean:.3f}, median {middle:.3f}, {n_at_most_1} of {len(values)} ≤ 1"


def print_summary(results, names, reference):
    """Means over the tables of the ratios of all models to the reference."""
    regressions = {table for (_, table, _), row in results.rows.items() if row["is_regression"]}
    others = {table for _, table, _ in results.rows} - regressions
    print(f"Geometric means of ratios to {reference}, and the table with the worst error.\n")
    print_header("model", "error, classification", "error, regression", "log-loss", "fit", "worst")
    for name in names:
        error, loss, fit = (results.ratios(name, reference, measure) for measure in MEASURES)
        worst = max(error, key=error.get)
        failed = results.n_failed(name)
        print_row(
            f"{name} ({failed} fits diverged)" if failed else name,
            mean_ratio(error, others),
            mean_ratio(error, regressions),
            mean_ratio(loss, others),
            mean_ratio(fit, others | regressions),
            f"{error[worst]:.2f} {worst}",
        )


def print_errors(results, names, reference):
    """Error of the reference, and everyone's as a ratio to it, table by table."""
    columns = [results.ratios(name, reference, "error") for name in names]
    print_header("table", reference, *names)
    for table in columns[0]:
        ratios = (f"{column[table]:.2f}" if table in column else "–" for column in columns)
        print_row(table, f"{results.mean_error(reference, table):.4f}", *ratios)


def main():
    options = arguments()
    results = Results(options.out, options.max_train)
    names = measure_all(options, results)
    reference = "skbn" if options.ablations else REFERENCE
    if reference not in names:
        raise SystemExit(f"--learners must have {reference!r}, to which the others are compared")
    others = [name for name in names if name != reference]
    print_summary(results, others, reference)
    print()
    print_errors(results, others, reference)
    print_footer()


if __name__ == "__main__":
    main()
