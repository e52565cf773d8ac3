"""Threads, forks, joblib, and a cache that several processes write."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from reliability.figures import say

pytestmark = pytest.mark.reliability

SECONDS = 60
FOLDER = str(Path(__file__).parent)
BACKENDS = ["loky", "threading", "multiprocessing"]

# In a child of fork there are no threads but the one that forked: Python and joblib warn of it.
BEGIN = """
import json, os, signal, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
import joblib
import numpy as np
from jobs import *
signal.alarm({limit})  # of faulthandler a child of fork would wait for the thread
warnings.simplefilter("ignore", DeprecationWarning)
warnings.filterwarnings("ignore", "Stochastic Optimizer")
os.environ["PYTHONWARNINGS"] = "ignore"
X, y = data(300_000)
"""


@pytest.fixture
def run_jobs(run_python):
    """Run code after BEGIN, and give the lines it printed; a process that hangs is a failure."""

    def run(code, n_threads=2, limit=120, **environment):
        code = BEGIN.format(limit=limit + SECONDS) + textwrap.dedent(code)
        environment = {"NUMBA_NUM_THREADS": str(n_threads), "PYTHONPATH": FOLDER} | environment
        return run_python(code, **environment).splitlines()

    return run


EIGHT_THREADS = """
    expected = digest(X, y)
    shared = BatchNormalizer().fit(X)
    model = classifier().fit(X[:400], y[:400])
    of_shared = joblib.hash(shared.transform(X)), joblib.hash(model.predict_proba(X))
    def own(i):
        return digest(X, y) == expected
    def common(i):
        results = joblib.hash(shared.transform(X)), joblib.hash(model.predict_proba(X))
        return results == of_shared
    n, end = 0, time.monotonic() + {seconds}
    with ThreadPoolExecutor(8) as pool:
        while n == 0 or time.monotonic() < end:
            for work in (own, common):
                assert all(pool.map(work, range(16)))
                n += 16
    print(n)
    print(sum(thread.name.startswith("skbn") for thread in threading.enumerate()))
"""


def test_eight_threads_fit_their_own_and_use_the_same(run_jobs):
    """The threads of skbn are one pool, whoever calls: 8 callers do not have 8 of them."""
    n, n_threads = run_jobs(EIGHT_THREADS.format(seconds=0), n_threads=3)
    assert int(n) == 32
    assert 1 <= int(n_threads) <= 2  # the pool starts a thread when work waits and none is idle


@pytest.mark.slow
def test_eight_threads_for_a_while(run_jobs):
    n, _ = run_jobs(EIGHT_THREADS.format(seconds=SECONDS), n_threads=3)
    say(f"{n} calls in 8 threads, lost 0")


FORKS = """
    expected = digest(X, y)
    shared = BatchNormalizer().fit(X)
    of_shared = joblib.hash(shared.transform(X))
    def fork():
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            is_right = digest(X, y) == expected and n_threads(X, y) == (2, 1)
            if not grandchildren:
                os._exit(0 if is_right else 1)
            grandchildren.clear()
            is_right &= os.waitpid(fork(), 0)[1] == 0
            os._exit(0 if is_right else 1)
        return child
    n, end = 0, time.monotonic() + {seconds}
    with ThreadPoolExecutor(2) as pool:
        while n == 0 or time.monotonic() < end:
            grandchildren = [True]
            # Of the forks some are in the midst of what other threads do.
            busy = [pool.submit(shared.transform, X) for _ in range(8)] if {busy} else []
            children = [fork() for _ in range(2)]
            assert digest(X, y) == expected
            assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
            assert all(joblib.hash(b.result()) == of_shared for b in busy)
            n += 2
    print(n)
"""

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")


@forks
@pytest.mark.parametrize("busy", [False, True], ids=["at rest", "while threads work"])
def test_fork_after_use_then_use_in_parent_child_and_grandchild(run_jobs, busy):
    assert run_jobs(FORKS.format(seconds=0, busy=busy)) == ["2"]


@forks
@pytest.mark.slow
def test_forks_for_a_while(run_jobs):
    (n,) = run_jobs(FORKS.format(seconds=SECONDS, busy=True))
    say(f"{n} forks, lost 0")


def test_joblib_and_grid_search_give_what_one_process_gives(run_jobs):
    code = f"""
        X, y = data()
        expected = digest(X, y), best(X[:600], y[:600], None)
        for backend in {BACKENDS}:
            with joblib.parallel_config(backend, n_jobs=2):
                digests = joblib.Parallel()(joblib.delayed(digest)(X, y) for _ in range(4))
                found = best(X[:600], y[:600], 2)
            print(backend, set(digests) == {{expected[0]}}, found == expected[1])
    """
    assert run_jobs(code) == [f"{backend} True True" for backend in BACKENDS]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nested_parallelism_has_no_more_threads_than_asked_for(run_jobs, backend):
    """Of 4 threads two workers have 2 each, or 1 where nobody tells them that they are two."""
    code = f"""
        n_threads(X, y)
        config = {{"inner_max_num_threads": 2}} if {backend!r} == "loky" else {{}}
        with joblib.parallel_config({backend!r}, n_jobs=2, **config):
            for work in (n_threads, nested):
                print(json.dumps(joblib.Parallel()(joblib.delayed(work)(X, y) for _ in range(2))))
    """
    lines = run_jobs(code, n_threads=4)
    allowed = {"loky": 2, "threading": 4, "multiprocessing": 1}[backend]
    flat, in_nested = (json.loads(line) for line in lines)
    for n, own in flat:
        assert n == allowed
        # Beside the caller; the pool starts a thread when work waits and none is idle.
        assert min(allowed - 1, 1) <= own <= allowed - 1
    for counts in in_nested:
        assert all(own < max(2, allowed) and n <= allowed for n, own in counts)


def test_two_processes_compile_into_one_cache(tmp_path):
    code = """
        import numpy as np
        from skbn.kernels import cpu
        total = np.array([4.0, 5.0])
        cpu.add_scaled(np.ones(2), 1.0, total)
        print(total, sum(cpu.add_scaled.stats.cache_hits.values()))
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def start():
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    both = [start(), start()]
    printed = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    later = start().communicate(timeout=300)[0]
    assert later.endswith(" 1\n")  # from the cache
    assert {line.rsplit(maxsplit=1)[0] for line in (*printed, later)} == {"[5. 6.]"}
    assert not list(tmp_path.rglob("*.tmp*"))


def test_a_full_disk_costs_the_cache_and_nothing_else(run_python, tmp_path):
    """The folder takes files, and none of any length: so the cache can be probed, not written."""
    pytest.importorskip("resource", reason="this platform limits no sizes of files")
    code = """
        import resource
        from jobs import twice
        from skbn.kernels.compile import jit
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        print(jit(twice)(21))
    """
    for _ in range(2):  # the second finds what the first has left
        assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path), PYTHONPATH=FOLDER).strip() == "42"
