"""What learners make of tables: measured, and kept in a file."""

import json
import sys
import warnings
from contextlib import suppress
from statistics import fmean
from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, r2_score

MEASURES = ("error", "log-loss", "fit")

# Added to both measures of a ratio, because below these a ratio says nothing.
FLOORS = {"error": 0.005, "log-loss": 0.01, "fit": 0.0}


def warm_up(models):
    """Compile and import what a first fit does, before anything is timed."""
    for load, is_regression in (
        (load_digits, False),
        (load_breast_cancer, False),
        (load_diabetes, True),
    ):
        X, y = (array[:300] for array in load(return_X_y=True))
        for make in models.values():
            with suppress(NotImplementedError):
                make(is_regression, 0).fit(X.astype(np.float32), y)


def measured(make, split, seed):
    """Error (1 − accuracy or 1 − R²), log-loss, and seconds of fit."""
    model = make(split.is_regression, seed)
    X, X_test = split.X, split.X_test
    if getattr(model, "reads_raw_rows", False):
        model.set_params(categorical_features=split.categorical)
        X, X_test = split.X_raw, split.X_test_raw
    started = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's 200 epochs are over
        model.fit(X, split.y)
    seconds = perf_counter() - started
    predicted = model.predict(X_test)
    if split.is_regression:
        return {"error": 1.0 - r2_score(split.y_test, predicted), "fit": seconds}
    probabilities = model.predict_proba(X_test)
    return {
        "error": float(np.mean(predicted != split.y_test)),
        "log-loss": log_loss(split.y_test, probabilities, labels=np.unique(split.y)),
        "fit": seconds,
    }


class Results:
    """What was measured, by learner, table and seed, kept in a file where there is one."""

    def __init__(self, path, max_train):
        self.path, self.max_train = path, max_train
        self.rows = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                if row.pop("max_train") != max_train:
                    raise ValueError(f"{path} holds results of another --max-train: {line}")
                self.add(**row)

    def add(self, learner, table, seed, **row):
        self.rows[learner, table, seed] = row

    def measure(self, learner, make, table, split, seed):
        if (learner, table, seed) in self.rows:
            return
        row = {"is_regression": split.is_regression}
        try:
            row |= measured(make, split, seed)
        except NotImplementedError:
            return
        except ValueError as error:  # training that diverges is a result too
            row |= {"failed": str(error)}
        self.add(learner, table, seed, **row)
        known = {"learner": learner, "table": table, "seed": seed, "max_train": self.max_train}
        known |= row
        print(json.dumps(known), file=sys.stderr, flush=True)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(known) + "\n")

    def ratios(self, learner, reference, measure):
        """For each table, the learner's measure over the reference's, both means over seeds."""
        pairs, floor = {}, FLOORS[measure]
        for (name, table, seed), row in self.rows.items():
            other = self.rows.get((reference, table, seed))
            if name == learner and measure in row and measure in (other or {}):
                pairs.setdefault(table, []).append((row[measure], other[measure]))
        means = {table: map(fmean, zip(*values, strict=True)) for table, values in pairs.items()}
        return {table: (ours + floor) / (theirs + floor) for table, (ours, theirs) in means.items()}

    def mean_error(self, learner, table):
        """The error over all seeds."""
        return fmean(
            row["error"]
            for (name, other, _), row in self.rows.items()
            if (name, other) == (learner, table) and "error" in row
        )

    def n_failed(self, learner):
        return sum("failed" in row for (name, *_), row in self.rows.items() if name == learner)
