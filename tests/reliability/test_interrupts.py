"""Ctrl-C at random moments and at every line leaves what was before, or whole epochs."""

import json
import os
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from reliability import interrupt_trials
from reliability.figures import say
from threadpoolctl import threadpool_info, threadpool_limits

from skbn import BatchNormalizer, BatchNormMLPClassifier
from skbn._backends import blas as blas
from skbn._backends import threads

pytestmark = pytest.mark.reliability

FOLDER = str(Path(__file__).parent.parent)

TRIALS = """
    import warnings
    from reliability import interrupt_trials
    warnings.simplefilter("ignore")  # of fits that stop at max_iter
    interrupt_trials.main({n}, {seed}, [])
"""


def run_trials(run_python, n, seed, **environment):
    """The outcomes of n trials of each kind of call, which all have to be without fault."""
    printed = run_python(TRIALS.format(n=n, seed=seed), PYTHONPATH=FOLDER, **environment)
    trials = [json.loads(line) for line in printed.splitlines()]
    faults = Counter((name, fault) for name, _, _, fault in trials if fault)
    seconds = [seconds for _, _, seconds, _ in trials if seconds is not None]
    say(
        f"{len(trials)} trials, {len(seconds)} of them interrupted, lost {sum(faults.values())}; "
        f"longest time from SIGINT to return {max(seconds):.4f} s; "
        f"{Counter(outcome for _, outcome, _, _ in trials)}"
    )
    assert not faults
    assert len(seconds) > len(trials) / 4
    return {outcome for _, outcome, _, _ in trials}


def test_sigint_at_random_moments(run_python):
    assert {"raised", "epoch"} <= run_trials(run_python, 6, 0, NUMBA_NUM_THREADS="2")


@pytest.mark.slow
def test_sigint_at_many_random_moments(run_python):
    run_trials(run_python, 120, 1, NUMBA_NUM_THREADS="2")


# At every line ---------------------------------------------------------------------------------


@dataclass
class Lines:
    """How many ran, and what became of the interrupt."""

    ran: int = 0
    outcome: str = "finished"


@contextmanager
def interrupted_at_line(n):
    """SIGINT before the n-th line of skbn that runs; counts those that ran before.

    The signal itself, because some blocks defer it to their end.
    """
    lines, folder = Lines(), str(ROOT / "skbn")

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            lines.ran += 1
            if lines.ran == n:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return trace

    tracer = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    except KeyboardInterrupt:
        lines.outcome = "raised"
    finally:
        sys.settrace(tracer)


def small_calls():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = np.arange(60) % 3
    named = pd.DataFrame(X[:, :2], columns=["a", "b"])

    def classifier(max_iter, **settings):
        common = {"hidden_layer_sizes": 4, "batch_size": 30, "tol": 0.0, "random_state": 0}
        common |= {"learning_rate": "constant", "n_iter_no_change": 100}
        common["numeric_encoding"] = None
        return BatchNormMLPClassifier(max_iter=max_iter, **common | settings)

    def stopped_early(max_iter):
        return classifier(max_iter, early_stopping=True)

    def lbfgs(max_iter):
        return classifier(max_iter, solver="lbfgs")

    def fit_in_turn(normalizer, i):
        normalizer.fit([named, X][i])

    def learn(model, i):
        model.partial_fit(X[i:], y[i:], classes=[0, 1, 2])

    fitted = BatchNormalizer().fit(X)
    stream, fits = interrupt_trials.stream, interrupt_trials.fits
    yield "normalizer", stream(fitted, lambda norm, i: norm.partial_fit(X), 2)
    yield "refit of a normalizer", stream(fitted, fit_in_turn, 2)
    yield "stream", stream(classifier(1), learn, 2)
    named_model = classifier(1).fit(named, y)
    yield "refit", fits(classifier, named_model, lambda model: model.fit(X, y), 3)
    yield "early stopping", fits(stopped_early, named_model, lambda model: model.fit(X, y), 3)
    yield "lbfgs", fits(lbfgs, named_model, lambda model: model.fit(X, y), 3)


@pytest.fixture(scope="module")
def known_calls():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that stop at max_iter
        return dict(small_calls())


def interrupt_lines(call, stride):
    """Interrupt the call at every stride-th line; gives the number of lines and the faults."""
    n, ran, faults = 1, 1, Counter()
    while ran == n:
        model = deepcopy(call.before)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with interrupted_at_line(n) as lines:
                call.run(model)
        ran = lines.ran
        if ran == n:
            outcome = interrupt_trials.outcome_of(caught, lines.outcome)
            faults[interrupt_trials.fault_of(call, model, outcome, was_interrupted=True)] += 1
            n, ran = n + stride, n + stride
    del faults[None]
    return n, faults


KINDS = ["normalizer", "refit of a normalizer", "stream", "refit", "early stopping", "lbfgs"]


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_before_some_lines(known_calls, kind):
    n_lines, faults = interrupt_lines(known_calls[kind], 1 if "normalizer" in kind else 17)
    assert n_lines > 100
    assert not faults


@pytest.mark.slow
@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_before_every_line(known_calls, kind):
    n_lines, faults = interrupt_lines(known_calls[kind], 1)
    assert n_lines > 100
    assert not faults


# On threads ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sigint_raises")
def test_no_helper_writes_any_more_when_an_interrupted_pass_returns(monkeypatch):
    both_run, written = threading.Barrier(2), []

    def write(i):
        both_run.wait()
        if threading.current_thread() is threading.main_thread():
            os.kill(os.getpid(), signal.SIGINT)
        else:
            time.sleep(0.2)
            written.append(i)

    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    with pytest.raises(KeyboardInterrupt):
        threads.for_each(write, [(i,) for i in range(100)])
    assert len(written) == 1


def test_a_handler_that_raises_nothing_ends_no_pass(monkeypatch):
    heard, done = [], []

    def work(i):
        if i == 0:
            os.kill(os.getpid(), signal.SIGINT)
        done.append(i)

    monkeypatch.setattr(threads, "n_threads", lambda: 2)
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        threads.for_each(work, [(i,) for i in range(100)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard
    assert sorted(done) == list(range(100))


@pytest.mark.usefixtures("sigint_raises")
def test_ctrl_c_while_the_pool_starts_lets_the_process_end(run_python):
    code = """
        import os, signal, threading
        import numpy as np
        from skbn import BatchNormalizer
        signal.alarm(120)
        start = threading.Thread.start
        def interrupted(thread):
            start(thread)
            os.kill(os.getpid(), signal.SIGINT)
        X = np.random.default_rng(0).normal(size=(300_000, 8))
        threading.Thread.start = interrupted
        normalizer = BatchNormalizer()
        try:
            normalizer.fit(X)
        except KeyboardInterrupt:
            print("interrupted")
        threading.Thread.start = start
        print(hasattr(normalizer, "mean_"), abs(normalizer.fit(X).mean_).max() < 1)
    """
    printed = run_python(code, NUMBA_NUM_THREADS="2")
    assert printed.split() == ["interrupted", "False", "True"]


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("call", range(1, 7))
def test_ctrl_c_leaves_blas_its_threads(monkeypatch, call):
    """Before and after each setting of the limit, and each taking back."""
    calls, set_threads = [], blas._set_threads

    def interrupted(numbers):
        calls.append(numbers)
        if 2 * len(calls) - 1 == call:
            raise KeyboardInterrupt
        set_threads(numbers)
        if 2 * len(calls) == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(blas, "_set_threads", interrupted)
    with threadpool_limits(2, user_api="blas"):  # also on a machine with one core
        for _ in range(2):
            with suppress(KeyboardInterrupt), blas.limit_blas_threads(1):
                pass
            assert set(blas_threads()) == {2}


@contextmanager
def interrupted_at_call(code):
    """KeyboardInterrupt instead of the next call of the function that has this code."""

    def profile(frame, event, argument):
        if event == "call" and frame.f_code is code:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("solver", ["adamw", "lbfgs"])
def test_ctrl_c_before_blas_gets_its_threads_back(solver):
    with threadpool_limits(2, user_api="blas"):  # also on a machine with one core
        model = BatchNormMLPClassifier(2, max_iter=5, solver=solver, random_state=0)
        X, y = np.eye(8), np.arange(8) % 2
        with (
            suppress(KeyboardInterrupt),
            interrupted_at_call(blas._OneThread.__exit__.__code__),
        ):
            model.fit(X, y)
        assert not hasattr(model, "n_iter_")
        assert set(blas_threads()) == {2}
