"""Machine code on disk is never that of other sources, and breaks no call."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from conftest import ROOT

from skbn._backends.signals import defer_signals
from skbn.kernels import cpu

pytestmark = pytest.mark.reliability

FOLDER = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])

FIT = """
    import numpy as np
    from skbn import BatchNormalizer
    print(BatchNormalizer().fit(np.array([[1.0], [3.0]])).var_.item())
"""


def test_an_upgrade_does_not_run_the_machine_code_of_the_version_before(run_python, tmp_path):
    """The caller's file stays; numba #1833 would go on with what it has called before."""
    shutil.copytree(ROOT / "skbn", tmp_path / "skbn", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONSAFEPATH": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    assert run_python(FIT, **environment) == "1.0\n"
    formulas = tmp_path / "skbn/kernels/formulas.py"
    before = formulas.read_text()
    after = before.replace("return 0.0 if m2 <= 0.0 else m2", "return 8.0")
    assert after != before
    formulas.write_text(after)
    assert run_python(FIT, **environment) == "4.0\n"


# Of which function, which file of the cache is damaged, and how.
DAMAGED = {
    "a": ("nbi", b""),
    "b": ("nbi", b"x" * 50),
    "c": ("nbc", b""),
    "d": ("nbc", b"x" * 50),
}


def test_a_damaged_cache_is_made_anew(run_python, tmp_path):
    functions = "".join(f"def {name}(x):\n    return 2 * x\n" for name in DAMAGED)
    (tmp_path / "functions.py").write_text(functions)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    code = f"""
        import functions
        from skbn.kernels.compile import jit
        for name in {list(DAMAGED)}:
            compiled = jit(getattr(functions, name))
            print(name, compiled(0.5), sum(compiled.stats.cache_hits.values()))
    """

    def assert_hits(n):
        printed = run_python(code, NUMBA_CACHE_DIR=str(tmp_path), PYTHONPATH=paths)
        assert printed.splitlines() == [f"{name} 1.0 {n}" for name in DAMAGED]

    assert_hits(0)
    for name, (suffix, content) in DAMAGED.items():
        (path,) = tmp_path.rglob(f"functions.{name}-*.{suffix}")
        path.write_bytes(content)
    assert_hits(0)
    assert_hits(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_fork_waits_until_another_thread_has_compiled(run_python, tmp_path):
    code = """
        import os, signal, threading, warnings
        from jobs import twice
        from numba.core.compiler_lock import global_compiler_lock
        from skbn.kernels.compile import jit
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        compiled, is_held = jit(twice), threading.Event()
        def compile_for_a_while():
            with global_compiler_lock:
                is_held.set()
                threading.Event().wait(0.3)
        thread = threading.Thread(target=compile_for_a_while)
        thread.start()
        is_held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(120)
            compiled(0.5)
            os._exit(0)
        print(os.waitpid(child, 0)[1], compiled(0.5))
        thread.join()
    """
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": FOLDER}
    assert run_python(code, **environment) == "0 1.0\n"


@pytest.mark.usefixtures("sigint_raises")
def test_ctrl_c_comes_out_at_the_end_of_what_must_not_be_interrupted():
    done = []

    def interrupted():
        with defer_signals():
            os.kill(os.getpid(), signal.SIGINT)
            done.extend(range(1000))  # Python hears of signals between its instructions
            done.append("the end")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done[-1] == "the end"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.skipif(not hasattr(cpu.column_moments, "_cache"), reason="NUMBA_DISABLE_JIT")
def test_ctrl_c_while_a_kernel_is_loaded_breaks_no_later_call(run_python):
    code = """
        import os, signal
        import numpy as np
        from skbn import BatchNormalizer
        from skbn.kernels import cpu
        refresh, X = cpu.column_moments.targetctx.refresh, np.arange(12.0).reshape(6, 2)
        def interrupted():
            os.kill(os.getpid(), signal.SIGINT)
            refresh()
        cpu.column_moments.targetctx.refresh = interrupted
        normalizer = BatchNormalizer()
        try:
            normalizer.fit(X)
        except KeyboardInterrupt:
            print("interrupted", hasattr(normalizer, "mean_"))
        cpu.column_moments.targetctx.refresh = refresh
        print(normalizer.fit(X).mean_)
    """
    assert run_python(code) == "interrupted False\n[5. 6.]\n"
