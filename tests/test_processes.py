"""What only a fresh process can show: threads, forks, caches, imports."""

import os
import shutil

import pytest
from conftest import ROOT

DIGEST = """
    import hashlib
    import numpy as np
    from skbn import BatchNormalizer
    for dtype in ("float32", "float64"):
        for order in "CF":
            X = np.random.default_rng(0).normal(size=(400_000, 7)).astype(dtype) + 3
            X = np.asarray(X, order=order)
            normalizer = BatchNormalizer().fit(X)
            results = normalizer.mean_, normalizer.var_, normalizer.transform(X)
            print(dtype, order, *(hashlib.sha256(r.tobytes()).hexdigest() for r in results))
"""


def test_one_and_two_threads_and_another_run_give_the_same_bits(run_python):
    first, *others = (run_python(DIGEST, NUMBA_NUM_THREADS=n).splitlines() for n in "1122")
    assert len(first) == 4
    assert others == [first] * 3


def test_import_compiles_nothing_and_starts_neither_threads_nor_cuda(run_python):
    code = """
        import sys, threading
        import skbn
        from skbn.kernels import cpu, formulas
        names = vars(cpu) | vars(formulas)
        functions = [f for f in names.values() if hasattr(f, "overloads")]
        print(len(functions) > 10, sum(len(f.overloads) for f in functions))
        print(threading.active_count(), "cupy" in sys.modules, "numba.cuda.cudadrv" in sys.modules)
        print("dask" in sys.modules, "torch" in sys.modules)
    """
    assert run_python(code).split() == ["True", "0", "1", *["False"] * 4]


def test_joblib_workers_merge_what_they_learned(run_python, tmp_path):
    # The workers of loky and multiprocessing import the function from a file.
    (tmp_path / "worker.py").write_text(
        "from skbn import BatchNormalizer\ndef learn(X):\n    return BatchNormalizer().fit(X)\n"
    )
    code = """
        import warnings
        import joblib
        import numpy as np
        from worker import learn
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork among threads
        X = np.random.default_rng(0).normal(size=(300_000, 8))
        for backend in ("loky", "threading", "multiprocessing"):
            with joblib.parallel_config(backend, n_jobs=2):
                first, *others = joblib.Parallel()(joblib.delayed(learn)(p) for p in np.split(X, 4))
            print(np.allclose(first.merge(*others).var_, X.var(axis=0), rtol=1e-13))
    """
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    assert run_python(code, PYTHONPATH=paths).split() == ["True"] * 3


def test_without_a_writable_cache_folder_everything_still_runs(run_python, tmp_path):
    shutil.copytree(ROOT / "skbn", tmp_path / "skbn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "skbn" / "kernels" / "__pycache__").write_text("a file where the folder would be")
    code = """
        import skbn
        print(skbn.BatchNormalizer().fit([[1.0], [3.0]]).mean_)
        print(skbn.__file__)
        skbn.show_versions()
    """
    printed = run_python(
        code,
        PYTHONPATH=str(tmp_path),
        PYTHONSAFEPATH="1",
        HOME=os.devnull,
        XDG_CACHE_HOME=os.devnull,
        NUMBA_CACHE_DIR="",
        LOCALAPPDATA=os.devnull,
    )
    assert printed.startswith("[2.]")
    assert str(tmp_path) in printed
    assert "cache folder: none" in printed


def test_show_versions_names_what_a_bug_report_needs(run_python):
    printed = run_python("import skbn; skbn.show_versions()", NUMBA_NUM_THREADS="1")
    lines = dict(line.split(": ", 1) for line in printed.splitlines())
    names = ["skbn", "python", "platform", "numpy", "scipy", "scikit-learn", "numba", "threads"]
    assert list(lines) == [*names, "cache folder", "CUDA device"]
    assert lines["threads"] == "1"
    assert lines["cache folder"].startswith(os.environ["NUMBA_CACHE_DIR"])


@pytest.mark.slow
def test_fit_and_transform_take_little_memory_beyond_input_and_output(run_python, tmp_path):
    """Anonymous memory: the pages of the memory map itself are the file's, not ours."""
    code = f"""
        import threading, time
        import numpy as np
        from skbn import BatchNormalizer
        def anonymous():
            for line in open("/proc/self/status"):
                if line.startswith("RssAnon"):
                    return int(line.split()[1]) / 1024
        def peak_of(call):
            peak, stop = [0.0], threading.Event()
            def watch():
                while not stop.wait(0.0005):
                    peak[0] = max(peak[0], anonymous())
            watcher = threading.Thread(target=watch)
            before = anonymous()
            watcher.start()
            result = call()
            stop.set()
            watcher.join()
            return peak[0] - before, result
        rows = np.random.default_rng(0).normal(size=(100_000, 100)).astype(np.float32)
        path = {str(tmp_path / "X.npy")!r}
        X = np.lib.format.open_memmap(path, "w+", np.float32, (5_000_000, 100))
        for i in range(50):
            X[i * 100_000 : (i + 1) * 100_000] = rows
        X.flush()
        X = np.load(path, mmap_mode="r")
        normalizer = BatchNormalizer().fit(rows)
        fit_memory, _ = peak_of(lambda: BatchNormalizer().fit(X))
        transform_memory, Y = peak_of(lambda: normalizer.transform(X))
        print(fit_memory, transform_memory - Y.nbytes / 2**20)
    """
    if not os.path.exists("/proc/self/status"):
        pytest.skip("anonymous memory is read from /proc")
    fit_memory, transform_memory = map(float, run_python(code).split())
    assert fit_memory <= 64
    assert transform_memory <= 32
