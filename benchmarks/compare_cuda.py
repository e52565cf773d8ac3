"""Measure what the GPU is held to, in one process, and print a table in Markdown."""

import argparse
import sys
from functools import partial

# The suite comes before NumPy, so that it can still tell BLAS the number of threads.
from suite import N_THREADS, batch_norm_baselines, launches, measures, mlp_measures, problems
from suite.baselines import BASELINES
from suite.batch_norm_baselines import PASSES
from suite.devices import back_to_back, copy, n_calls
from suite.mlp_baselines import BASELINES as MLP_BASELINES
from suite.mlp_problems import ACCURACY_MARGIN, GPU_SHAPES, SHAPES, shrunk
from suite.mlp_problems import Problem as MLPProblem
from suite.side_by_side import (
    interleaved_medians,
    is_installed,
    print_footer,
    print_header,
    print_row,
    rounded,
)

from skbn._backends.cuda import describe_cuda
from skbn._backends.selection import device_of

SHAPE = (10_000_000, 100)
MLP_BARS = dict(zip(GPU_SHAPES, (1.3, 1.0), strict=True))
CURVE_SHAPE = "50-256-256-10"
N_CURVE_EPOCHS = 20

# Steps of an epoch from which on accuracies are not left to chance.
MIN_STEPS = 100


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    divisor = {"help": "divides the rows of all shapes"}
    parser.add_argument("--rows-divisor", type=int, default=problems.ROWS_DIVISOR, **divisor)
    parser.add_argument("--repeat", type=int, default=7, help="samples of each call")
    return parser.parse_args()


def installed(makers, *arguments):
    """The makers of baselines, by name, that can make one for the GPU."""
    return {n: m for n, m in makers.items() if is_installed(partial(m, *arguments, "cuda"))}


def milliseconds(seconds):
    return f"{rounded(1e3 * seconds, 3)} ms"


def factor_row(measure, seconds, name, bar):
    """How many times those of skbn the seconds of another are."""
    ours, theirs = seconds["skbn"], seconds[name]
    factor = f"{rounded(theirs / ours, 3)}×"
    return measure, name, milliseconds(ours), milliseconds(theirs), factor, f"≥ {bar}×"


def share_row(measure, rate, bandwidth, bar):
    """Bytes a second as a share of those of the copy."""
    cells = (f"{rounded(1e-9 * per_second, 3)} GB/s" for per_second in (rate, bandwidth))
    return measure, "copy, 2·N·C·4 bytes", *cells, f"{100 * rate / bandwidth:.0f} %", bar


def batch_norm_seconds(problem, repeat):
    """Of each pass of each baseline, as (name, pass), and of "copy"."""
    calls = {"copy": copy(problem.x.nbytes, "cuda")}
    for name in installed(batch_norm_baselines.BASELINES, problem):
        baseline = batch_norm_baselines.checked(name, problem, "cuda")
        calls |= {(name, passes): getattr(baseline, passes) for passes in PASSES}
    in_a_row = {key: back_to_back(call, "cuda") for key, call in calls.items()}
    seconds = interleaved_medians(in_a_row, 1, repeat)
    return {key: s / n_calls("cuda") for key, s in seconds.items()}


def batch_norm_rows(divisor, repeat):
    shape = problems.shrunk(batch_norm_baselines.SHAPE, divisor)
    problem = batch_norm_baselines.Problem(shape)
    seconds, n_bytes = batch_norm_seconds(problem, repeat), problem.x.nbytes
    for passes, n_matrices in PASSES.items():
        name, total = passes.replace("_", " + "), n_matrices * n_bytes
        measure = "batch normalization, {}, {:,} × {:,} float32".format(name, *shape)
        counted = f"{measure}, {n_matrices}·N·C·4 bytes = {rounded(1e-9 * total, 3)} GB"
        rates = total / seconds["skbn", passes], 2 * n_bytes / seconds["copy"]
        yield share_row(counted, *rates, "≥ 80 %" if passes == "forward" else "–")
        if ("torch", passes) in seconds:
            of_pass = {name: seconds[name, passes] for name in ("skbn", "torch")}
            yield factor_row(measure, of_pass, "torch", 1.0)


def normalizer_rows(divisor, repeat):
    problem = problems.Problem(problems.normal_matrix(problems.shrunk(SHAPE, divisor)))
    host = f"skbn on {N_THREADS} cores"
    calls = {host: measures.fit_transform("skbn", problem).call}
    for name in installed({name: BASELINES[name] for name in ("skbn", "torch")}):
        calls[name] = measures.fit_transform(name, problem, "cuda").call
    seconds, total = interleaved_medians(calls, 1, repeat), 3 * problem.X.nbytes
    measure = "fit + transform on the device, {:,} × {:,} float32".format(*problem.X.shape)
    counted = f"{measure}, 3·N·C·4 bytes = {rounded(1e-9 * total, 3)} GB"
    for name, bar in ((host, 50.0), ("torch", 1.0)):
        if name in seconds:
            yield factor_row(counted, seconds, name, bar)


def mlp_baselines(problem):
    """Those on the GPU, all trained, and all about as accurate."""
    there = installed({n: MLP_BASELINES[n] for n in ("skbn float32", "torch float32")}, None)
    baselines = {n.split()[0]: mlp_measures.fitted(n, problem, "cuda") for n in there}
    X = problem.rows["float32"]
    accuracies = [problem.check(c.predict_proba(X)) for c in baselines.values()]
    # Too few rows to learn from leave it to chance.
    if problem.shape.n_steps > MIN_STEPS:
        apart = max(accuracies) - min(accuracies)
        assert apart < ACCURACY_MARGIN, f"accuracies are {accuracies}"
    return baselines


def mlp_rows(label, divisor, repeat):
    problem = MLPProblem(shrunk(GPU_SHAPES[label], divisor))
    epochs = mlp_measures.epochs(mlp_baselines(problem), problem, repeat)
    seconds = {name: epoch.alone for name, epoch in epochs.items()}
    measure = f"MLP epoch, {problem.shape.n_rows:,} rows, {label}"
    if "torch" in seconds:
        yield factor_row(measure, seconds, "torch", MLP_BARS[label])
    ours, gemms = seconds["skbn"], epochs["skbn"].gemms
    share = f"{100 * gemms / ours:.0f} %"
    yield measure, "its products alone", milliseconds(ours), milliseconds(gemms), share, "–"


def loss_curve(problem, device):
    baseline = MLP_BASELINES["skbn float32"](problem.shape, device)
    baseline.fit(problem.rows["float32"], problem.y, N_CURVE_EPOCHS)
    return baseline.model.loss_curve_


def curve_row(divisor):
    """How far the loss curves of device and host are apart."""
    problem = MLPProblem(shrunk(SHAPES[CURVE_SHAPE], divisor))
    curves = [loss_curve(problem, device) for device in ("cuda", "cpu")]
    apart = max(abs(cuda / host - 1.0) for cuda, host in zip(*curves, strict=True))
    measure = f"loss over {N_CURVE_EPOCHS} epochs, {CURVE_SHAPE}, same random_state"
    last = (rounded(curve[-1], 4) for curve in curves)
    return measure, "skbn on the host", *last, f"{apart:.1e}", "≤ 1e-3"


def all_rows(divisor, repeat):
    yield from batch_norm_rows(divisor, repeat)
    yield from normalizer_rows(divisor, repeat)
    for label in GPU_SHAPES:
        yield from mlp_rows(label, divisor, repeat)
    yield curve_row(divisor)


def print_counts():
    for units in {shape.units for shape in GPU_SHAPES.values()}:
        n_launches, n_gemms = launches.of_a_step(units)
        counts = f"{n_launches} kernel launches + {n_gemms} GEMMs per step"
        print(f"\n{'-'.join(map(str, units))}: {counts}, beside what CuPy launches of its own")


def main():
    options = arguments()
    try:
        device_of("cuda")
    except RuntimeError as error:
        sys.exit(str(error))
    print_header("measure", "against", "skbn", "other", "measured", "bar")
    for cells in all_rows(options.rows_divisor, options.repeat):
        print_row(*cells)
    print_counts()
    print(f"\n{describe_cuda()}; float32 without TF32")
    print_footer()


if __name__ == "__main__":
    main()
