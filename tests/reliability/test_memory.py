"""Memory under load that goes on: a leak would show as a slope."""

import os
from pathlib import Path

import pytest
from reliability.figures import say

pytestmark = [
    pytest.mark.reliability,
    pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc"),
]

SECONDS = 60
FOLDER = str(Path(__file__).parent)

LOAD = """
    import pickle, threading, time, warnings
    import numpy as np
    from jobs import BatchNormalizer, classifier, data
    warnings.filterwarnings("ignore", "Stochastic Optimizer")
    X, y = data(100_000)
    normalizer, stream = BatchNormalizer(), classifier().fit(X[:400], y[:400])
    forgetful = BatchNormalizer(momentum=0.1)
    def normalize(i):
        BatchNormalizer().fit(X).merge(normalizer.partial_fit(X[:100]))
        forgetful.partial_fit(X[i % 50_000 :]).transform(X)
        normalizer.inverse_transform(normalizer.transform(X.astype(np.float32)))
    def train(i):
        stream.partial_fit(X[i % 1000 :][:400], y[i % 1000 :][:400])
        stream.predict_proba(X[:1000])
        model = pickle.loads(pickle.dumps(classifier().fit(X[:400], y[:400])))
        model.recalibrate(X[:1000]).predict(X[:1])
    def refuse(i):
        for call in (normalizer.partial_fit, stream.predict):
            try:
                call(X[:, :3])
            except ValueError:
                pass
    calls, end, errors = [0] * 4, time.monotonic() + {seconds} + 3, []
    def run(i):
        try:
            while time.monotonic() < end:
                for work in ((normalize, refuse) if i == 0 else (train,) if i == 1 else (other,)):
                    work(calls[i])
                calls[i] += 1
        except BaseException as error:
            errors.append(error)
            raise
    own = threading.local()
    def other(i):
        BatchNormalizer().fit_transform(X)
        classifier(solver="lbfgs" if i % 2 else "sgd").fit(X[:400], y[:400]).predict(X[:1000])
    warnings.filterwarnings("ignore", "lbfgs failed")
    def anonymous():
        for line in open("/proc/self/status"):
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / 1024
    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(3)  # until arenas and caches have their size
    times, peaks = [], []
    while time.monotonic() < end:
        stop = time.monotonic() + {window}
        times.append(stop)
        peak = 0
        while time.monotonic() < stop:
            peak = max(peak, anonymous())
            time.sleep(0.005)
        peaks.append(peak)
    for thread in threads:
        thread.join()
    assert not errors
    slope = np.polyfit(times, peaks, 1)[0] * 60
    print(slope, max(peaks), sum(calls))
"""


def slope_of(run_python, seconds, window):
    """The slope of peak memory in MB a minute, under load in four threads."""
    code = LOAD.format(seconds=seconds, window=window)
    printed = run_python(code, PYTHONPATH=FOLDER, NUMBA_NUM_THREADS="2", OPENBLAS_NUM_THREADS="1")
    slope, peak, n_calls = map(float, printed.split())
    say(f"{n_calls:.0f} rounds, peak {peak:.1f} MB, slope {slope:.3f} MB a minute")
    return slope


def test_memory_stays_for_seconds(run_python):
    """In so short a time the noise of the allocator is some 10 MB a minute."""
    assert slope_of(run_python, 4, 0.25) <= 60


@pytest.mark.slow
def test_memory_stays(run_python):
    assert slope_of(run_python, SECONDS, 1.0) <= 1.0
