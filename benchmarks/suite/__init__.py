"""Benchmarks of skbn and its baselines, who all get the same number of threads."""

import os

N_THREADS = int(os.environ.get("SKBN_BENCHMARK_THREADS", "2"))

# Read at import by Numba, OpenMP and BLAS, so it has to be said before any of them is imported.
for _variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = str(N_THREADS)
