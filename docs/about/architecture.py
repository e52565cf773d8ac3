"""Draws the modules of skbn, from the layers that tests/test_architecture.py enforces."""

import ast
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

ROOT = Path(sys.argv[0]).resolve().parents[2]
WORDS = {
    "dask": "the same on a cluster",
    "_estimators": "parameters, fit, predict",
    "_show_versions": "for bug reports",
    "_training": "epochs, batches, stops",
    "_model": "layers, losses, optimizers",
    "_statistics": "moments, passes over rows",
    "_backends": "CPU, CUDA, BLAS, threads",
    "kernels.cpu": "loops, by Numba",
    "kernels.cuda": "the same for GPUs",
    "kernels.formulas": "the mathematics",
    "kernels.layout": "order of rows",
    "kernels.registry": "names of kernels",
    "kernels.compile": "flags of Numba",
    "_backends.numba_cache": "machine code on disk",
    "_backends.signals": "Ctrl-C, later",
    "_backends.stacklevel": "of warnings",
    "dask._lazy": "collections, row by row",
}
FONT_SIZE, WIDTH, HEIGHT, GAP = 9, 4.6, 0.5, 0.14  # points, then inches


def constants(path, *names):
    """The values of constants of a module, which is not run."""
    tree, values = ast.parse(path.read_text()), {}
    tree.body = [n for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id in names]
    exec(compile(tree, path, "exec"), values)
    return [values[name] for name in names]


def draw_box(ax, left, bottom, width, name, word, **style):
    style = {"facecolor": "white", "edgecolor": "black", "boxstyle": "round,pad=0"} | style
    ax.add_patch(FancyBboxPatch((left, bottom), width, HEIGHT, **style))
    middle = left + width / 2
    bold = {"size": FONT_SIZE, "weight": "bold", "family": "monospace"}
    ax.text(middle, bottom + 0.69 * HEIGHT, name, ha="center", va="center", **bold)
    ax.text(middle, bottom + 0.29 * HEIGHT, word, ha="center", va="center", size=FONT_SIZE)


def draw_layer(ax, modules, bottom):
    """The modules of a layer side by side."""
    width = (WIDTH - GAP * (len(modules) - 1)) / len(modules)
    for i, module in enumerate(sorted(modules)):
        draw_box(ax, i * (width + GAP), bottom, width, module.replace(".", "/"), WORDS[module])


def draw_line(ax, bottom, text):
    """A dashed line below a layer, and what holds for all below it."""
    ax.plot([0, WIDTH], [bottom, bottom], "k--", linewidth=1)
    ax.text(WIDTH, bottom - 0.04, text, ha="right", va="top", size=FONT_SIZE, style="italic")


layers, without_sklearn = constants(
    ROOT / "tests" / "test_architecture.py", "LAYERS", "WITHOUT_SKLEARN"
)
fig, ax = plt.subplots(layout="constrained")
bottom = 0.0
draw_box(ax, 0, bottom, WIDTH, "import skbn", "what users see", facecolor="lightgray", linewidth=2)
for above, modules in zip([set(), *reversed(layers)], reversed(layers), strict=False):
    bottom -= HEIGHT + GAP
    if modules <= without_sklearn and not above <= without_sklearn:
        draw_line(ax, bottom + HEIGHT + GAP / 2, "below: no scikit-learn")
        bottom -= 0.2
    draw_layer(ax, modules, bottom)
ax.set(xlim=(-0.05, WIDTH + 0.05), ylim=(bottom - 0.05, HEIGHT + 0.05), aspect="equal")
ax.axis("off")
fig.set_size_inches(WIDTH + 0.2, HEIGHT - bottom + 0.2)
