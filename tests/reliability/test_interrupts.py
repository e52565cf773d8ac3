"""Ctrl-C at random moments and at every line leaves what was before, or whole epochs."""

import json
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from reliability import interrupt_trials
from reliability.figures import say
from threadpoolctl import threadpool_info

from skbn import BatchNormalizer, BatchNormMLPClassifier, _blas, _chunks

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


@contextmanager
def interrupted_at_line(n):
    """Ctrl-C before the n-th line of skbn that runs; counts those that ran before."""
    lines, folder = [0], str(ROOT / "skbn")

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            lines[0] += 1
            if lines[0] == n:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    tracer = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    except KeyboardInterrupt:
        pass
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
        ran = lines[0]
        if ran == n:
            outcome = interrupt_trials.outcome_of(caught, "raised")
            faults[interrupt_trials.fault_of(call, model, outcome, was_interrupted=True)] += 1
            n, ran = n + stride, n + stride
    del faults[None]
    return n, faults


KINDS = ["normalizer", "refit of a normalizer", "stream", "refit", "early stopping", "lbfgs"]


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_before_some_lines(known_calls, kind):
    n_lines, faults = interrupt_lines(known_calls[kind], 1 if "normalizer" in kind else 17)
    assert n_lines > 100
    assert not faults


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_before_every_line(known_calls, kind):
    n_lines, faults = interrupt_lines(known_calls[kind], 1)
    assert n_lines > 100
    assert not faults


# On threads ------------------------------------------------------------------------------------


def test_no_helper_writes_any_more_when_an_interrupted_pass_returns(monkeypatch):
    is_begun, written = threading.Event(), []

    def write(i):
        is_begun.set()
        time.sleep(0.2)
        written.append(i)

    class Pool:
        """Its thread has begun when Ctrl-C comes, and there is no future of it."""

        def submit(self, work):
            threading.Thread(target=work).start()
            is_begun.wait(60)
            raise KeyboardInterrupt

    monkeypatch.setattr(_chunks, "n_threads", lambda: 2)
    monkeypatch.setattr(_chunks, "_pool", cache(Pool))
    with pytest.raises(KeyboardInterrupt):
        _chunks.for_each(write, [(i,) for i in range(100)])
    assert written == [0]


def test_no_helper_writes_any_more_when_the_wait_for_it_was_interrupted(monkeypatch):
    both_run, written = threading.Barrier(2), []
    caller = threading.current_thread()

    def write(i):
        both_run.wait(60)
        if threading.current_thread() is not caller:
            time.sleep(0.2)
            written.append(i)

    def interrupted(futures):
        raise KeyboardInterrupt

    monkeypatch.setattr(_chunks, "n_threads", lambda: 2)
    monkeypatch.setattr(_chunks, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _chunks.for_each(write, [(0,), (1,)])
    assert len(written) == 1


def test_ctrl_c_while_the_pool_starts_lets_the_process_end(run_python):
    code = """
        import faulthandler, threading
        import numpy as np
        from skbn import BatchNormalizer
        faulthandler.dump_traceback_later(60, exit=True)
        start = threading.Thread.start
        def interrupted(thread):
            start(thread)
            raise KeyboardInterrupt
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


@pytest.mark.parametrize("call", range(1, 7))
def test_ctrl_c_leaves_blas_its_threads(monkeypatch, call):
    """Before and after each setting of the limit, and each taking back."""
    calls, set_threads = [], _blas._set_threads

    def n_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    def interrupted(numbers):
        calls.append(numbers)
        if 2 * len(calls) - 1 == call:
            raise KeyboardInterrupt
        set_threads(numbers)
        if 2 * len(calls) == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(_blas, "_set_threads", interrupted)
    before = n_threads()
    for _ in range(2):
        try:
            with _blas.threads_for(1):
                pass
        except KeyboardInterrupt:
            pass
        assert n_threads() == before
