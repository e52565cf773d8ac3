"""Machine code on disk is never that of other sources, and breaks no call."""

import os
import shutil
import signal
import textwrap

import pytest
from conftest import ROOT

from skbn._interrupts import interrupts_later
from skbn.kernels import cpu

pytestmark = pytest.mark.reliability

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


@pytest.mark.parametrize("content", [b"", b"x" * 50], ids=["empty", "overwritten"])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_damaged_cache_is_made_anew(run_python, tmp_path, suffix, content):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    run_python(FIT, **environment)
    files = sorted(tmp_path.rglob(f"*.{suffix}"))
    assert files
    for path in files:
        path.write_bytes(content)
    assert run_python(FIT, **environment) == "1.0\n"
    hits = "from skbn.kernels import cpu; print(sum(cpu.column_moments.stats.cache_hits.values()))"
    assert run_python(textwrap.dedent(FIT) + hits, **environment) == "1.0\n1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_fork_waits_until_another_thread_has_compiled(run_python, tmp_path):
    code = """
        import os, signal, threading, warnings
        import numpy as np
        from numba.core.compiler_lock import global_compiler_lock
        from skbn import BatchNormalizer
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        X, is_held = np.arange(12.0).reshape(6, 2), threading.Event()
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
            BatchNormalizer().fit(X)
            os._exit(0)
        print(os.waitpid(child, 0)[1], BatchNormalizer().fit(X).mean_)
        thread.join()
    """
    assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path)) == "0 [5. 6.]\n"


@pytest.mark.usefixtures("sigint_raises")
def test_ctrl_c_comes_out_at_the_end_of_what_must_not_be_interrupted():
    done = []

    def interrupted():
        with interrupts_later():
            os.kill(os.getpid(), signal.SIGINT)
            done.extend(range(1000))  # Python hears of signals between its instructions
            done.append("the end")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done[-1] == "the end"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.skipif(not hasattr(cpu.column_moments, "_cache"), reason="NUMBA_DISABLE_JIT")
def test_ctrl_c_while_a_kernel_is_loaded_breaks_no_later_call(run_python, tmp_path):
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
    assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path)) == "interrupted False\n[5. 6.]\n"
