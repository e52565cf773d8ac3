"""Runs in a process of its own: calls that SIGINT interrupts, and what they leave behind.

Every kind of call is known beforehand, from calls that nobody interrupts: the digests of the
estimator as it was and after each whole epoch or batch. What is left behind must be one of these.
"""

import json
import signal
import subprocess
import sys
import time
import warnings
from copy import deepcopy

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from skbn import BatchNormalizer, BatchNormMLPClassifier, BatchNormMLPRegressor

N_EPOCHS = 12

WARNINGS = {"epoch": "Training interrupted by user", "statistics": "statistics of hidden layers"}

# Sends SIGINT to its parent, after as many seconds as it reads, and tells when it did.
SENDER = """
import os, signal, sys, time
for line in sys.stdin:
    time.sleep(float(line))
    sent = time.monotonic()
    os.kill(os.getppid(), signal.SIGINT)
    print(sent, flush=True)
"""


class Call:
    """A call, and the states in which it may leave an estimator.

    Attributes
    ----------
    before : estimator
    run : callable
        Of a copy of it.
    allowed : dict
        The number of epochs or batches of each state, by its digest.
    """

    def __init__(self, before, run, references):
        self.before, self.run, self.references = before, run, references
        self.last = references[-1]
        self.allowed = {digest(model): n for n, model in enumerate(references)}

    def differences(self, model):
        """The names of the attributes in which a model differs from the state closest to it."""
        found = attributes(model)
        names = []
        for reference in map(attributes, self.references):
            both = found.keys() | reference.keys()
            names.append(
                sorted(
                    name
                    for name in both
                    if joblib.hash(found.get(name)) != joblib.hash(reference.get(name))
                )
            )
        return min(names, key=len)


def attributes(model):
    """All that a later call reads. Each draws its random numbers anew, and folds the network."""
    left_out = {"max_iter", "max_iter_", "pilots_", "_folded", "_random_state"}
    return {name: value for name, value in vars(model).items() if name not in left_out}


def digest(model):
    return joblib.hash(deepcopy(attributes(model)))


def fits(make, before, fit, n_epochs=N_EPOCHS):
    """``fit`` of ``make(max_iter)``, as it is before or with what was fitted on other data."""

    def started(max_iter):
        return deepcopy(before).set_params(**make(max_iter).get_params())

    references = [started(n_epochs)]
    references += [fit(started(n)) for n in range(1, n_epochs + 1)]
    return Call(started(n_epochs), fit, references)


def stream(model, learn, n_batches):
    """``learn(model, i)`` for some batches in a row."""
    references = [deepcopy(model)]
    for i in range(n_batches):
        model = deepcopy(model)
        learn(model, i)
        references.append(model)

    def run(model):
        for i in range(n_batches):
            learn(model, i)

    return Call(references[0], run, references)


def calls():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 12)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int) + (X[:, 2] > 0)
    named = pd.DataFrame(X[:, :5], columns=list("abcde"))
    common = {"random_state": 0, "tol": 0.0, "batch_size": 100, "n_iter_no_change": 1000}
    common["learning_rate"] = "constant"

    def classifier(max_iter, **settings):
        return BatchNormMLPClassifier(
            hidden_layer_sizes=(20,), max_iter=max_iter, **common | settings
        )

    def regressor(max_iter, **settings):
        return BatchNormMLPRegressor(
            hidden_layer_sizes=(20, 10), max_iter=max_iter, **common | settings
        )

    def lbfgs(max_iter):
        return classifier(max_iter, solver="lbfgs")

    def stopped_early(max_iter):
        return classifier(max_iter, early_stopping=True, dropout=0.1)

    fitted = classifier(1).fit(named, y)  # another width, and names
    yield "classifier", fits(classifier, classifier(1), lambda model: model.fit(X, y))
    yield "refit of a classifier", fits(classifier, fitted, lambda model: model.fit(X, y))
    yield "refit to names", fits(classifier, classifier(1).fit(X, y), lambda m: m.fit(named, y))
    yield "early stopping", fits(stopped_early, classifier(1), lambda model: model.fit(X, y))
    yield "regressor", fits(regressor, regressor(1), lambda model: model.fit(X, X[:, 0]))
    yield "lbfgs", fits(lbfgs, fitted, lambda model: model.fit(X, y))

    def learn(model, i):
        model.partial_fit(X[i * 200 :][:400], y[i * 200 :][:400], classes=[0, 1, 2])

    def learn_targets(model, i):
        model.partial_fit(X[i * 200 :][:400], X[i * 200 :][:400, 0] * 10)

    wide = rng.normal(size=(300_000, 8))  # on threads

    def update(model, i):
        model.partial_fit(wide[i * 10_000 :])

    def fit_in_turn(model, i):
        (model.fit(named) if i % 2 else model.fit(X)).transform(named if i % 2 else X)

    yield "stream of a classifier", stream(classifier(1), learn, 12)
    yield "stream of a regressor", stream(regressor(1), learn_targets, 12)
    yield "stream of a normalizer", stream(BatchNormalizer(), update, 12)
    yield "forgetting", stream(BatchNormalizer(momentum=0.1), update, 12)
    yield "refits of a normalizer", stream(BatchNormalizer(), fit_in_turn, 40)


class Interrupts:
    """SIGINT from another process, and the time when this process heard of it.

    Attributes
    ----------
    last_duration : float
        Seconds that the last call took.
    """

    def __init__(self):
        command = [sys.executable, "-c", SENDER]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.sender = subprocess.Popen(command, text=True, bufsize=1, **pipes)
        self.is_armed = self.heard = self.has_raised = False
        signal.signal(signal.SIGINT, self.hear)

    def hear(self, signum, frame):
        self.heard = True
        if self.is_armed:
            self.is_armed, self.has_raised = False, True
            raise KeyboardInterrupt

    def during(self, run, model, delay):
        """Run on the model, interrupted after a delay.

        Returns
        -------
        outcome : "finished", "raised", or the warning: "epoch" or "statistics"
        seconds : float or None
            From the signal to the return; None where it came too late.
        """
        self.heard = self.has_raised = False
        begin = time.monotonic()
        outcome = "finished"
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self.sender.stdin.write(f"{delay}\n")
                self.is_armed = True
                run(model)
                self.is_armed = False
        except KeyboardInterrupt:
            outcome = "raised"
        end = time.monotonic()
        self.last_duration = end - begin
        outcome = outcome_of(caught, outcome)
        sent = float(self.sender.stdout.readline())
        while not self.heard:
            time.sleep(1e-4)
        self.is_armed = False
        return outcome, end - sent if self.has_raised else None


def outcome_of(caught, otherwise):
    """What the warnings tell of a call."""
    said = " ".join(str(warning.message) for warning in caught)
    return next((outcome for outcome, words in WARNINGS.items() if words in said), otherwise)


def n_blas_threads():
    return sorted(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")


def fault_of(call, model, outcome, was_interrupted):
    """What is wrong with the model that a call left, or None."""
    n = call.allowed.get(digest(model))
    if was_interrupted and outcome == "finished":
        return "the interrupt was swallowed"
    if outcome == "statistics":
        # All epochs, and the statistics of the last one: the rest is as after all of them.
        expected = attributes(call.last)
        same = [name for name in expected if name != "batch_norms_"]
        found = attributes(model)
        is_same = all(joblib.hash(found[name]) == joblib.hash(expected[name]) for name in same)
        return None if is_same else "between"
    if n is None:
        return "between: " + ", ".join(call.differences(model))
    if outcome == "epoch" and n == 0:
        return "a warning and no epoch"
    return None


def main(n_trials, seed, names):
    rng, interrupts, n_threads = np.random.default_rng(seed), Interrupts(), n_blas_threads()
    for name, call in calls():
        if names and name not in names:
            continue
        model = deepcopy(call.before)
        start = time.perf_counter()
        call.run(model)
        duration = time.perf_counter() - start
        for i in range(n_trials):
            model = deepcopy(call.before)
            # Every second one at the end, where the estimator takes over what was learned.
            delay = duration * (rng.uniform(0, 1.05) if i % 2 else rng.uniform(0.9, 1.05))
            outcome, seconds = interrupts.during(call.run, model, delay)
            if seconds is None:  # too late: the machine was busier when the duration was measured
                duration = min(duration, interrupts.last_duration)
            fault = fault_of(call, model, outcome, seconds is not None)
            if n_blas_threads() != n_threads:
                fault = f"BLAS is left with {n_blas_threads()} threads"
            sys.stdout.write(json.dumps([name, outcome, seconds, fault]) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of fits that stop at max_iter
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
