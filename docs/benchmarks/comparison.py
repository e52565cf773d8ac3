"""Lays out the results of all libraries beside those of skbn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from asv_results import BENCHMARKS, medians
from matplotlib.ticker import LogLocator

# They do not compute what the others do.
FLOORS = ["pure read", "copy"]
MARKERS = {"skbn": "D", "scikit-learn": "o", "torch": "s", "oneDAL": "^", "sklearnex": "v"}
MARKERS |= {"pure read": "|", "copy": "x"}
# From here on two times are level: between runs on a shared machine they differ by more.
LEVEL = 0.95
PER_SECOND = {"s": 1.0, "ms": 1e3, "µs": 1e6}


def rounded(number, digits=3):
    return np.format_float_positional(number, digits, fractional=False, trim="-")


def by_library(values):
    """A row for each problem, a column for each library; what all rows share is left out.

    The baseline "torch float32" is the library torch, for rows of float32.
    """
    frame = values.rename("value").reset_index()
    baseline = frame.pop("baseline").str.partition(" float")
    frame["library"], frame["rows"] = baseline[0], baseline[1].str.strip() + baseline[2]
    problem = [c for c in frame if c not in ("library", "value") and frame[c].nunique() > 1]
    problem = problem or frame.columns.intersection(["machine", "device"])[-1:].to_list()
    for name in problem:  # in the order of the parameters, not of the alphabet
        frame[name] = pd.Categorical(frame[name], frame[name].unique())
    wide = frame.set_index([*problem, "library"])["value"].unstack(sort=False)
    return wide.sort_index().rename_axis(columns=None)


def names(values):
    """What each row of a table is of."""
    return [", ".join(np.atleast_1d(problem)) for problem in values.index]


class Measured:
    """A table: a row for each problem, a column for each library; less is better.

    Attributes
    ----------
    values : DataFrame
    what, unit : str
        What it has, and in which unit.
    """

    def __init__(self, values, what, unit):
        self.values, self.what, self.unit = values, what, unit

    def draw(self, ax):
        """A line for each problem, a marker for each library."""
        lines = np.arange(len(self.values))[::-1]
        for library, column in self.values.items():
            is_own = library == "skbn"
            style = {"markerfacecolor": "black" if is_own else "none", "zorder": 3 if is_own else 2}
            ax.plot(column, lines, f"k{MARKERS[library]}", label=library, markersize=7, **style)
        ax.set_yticks(lines, names(self.values))
        ax.set(title=self.what, xlabel=f"{self.unit}, logarithmic", ylim=(-0.6, len(lines) - 0.4))
        self._label_values(ax)
        ax.grid(color="lightgray")
        ax.set_axisbelow(True)

    def _label_values(self, ax):
        is_wide = self.values.max(axis=None) > 1e4 * self.values.min(axis=None)
        ax.set_xscale("log", subs=[])
        ax.xaxis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")


class Comparison(Measured):
    """The times of all libraries in one benchmark.

    Attributes
    ----------
    ratios : DataFrame
        How many times skbn's they are, as shown.
    is_loss : DataFrame of bool
        Where skbn takes longer than a peer.
    """

    def __init__(self, name, what, unit):
        factor = PER_SECOND[unit] if BENCHMARKS[name]["unit"] == "seconds" else 1.0
        super().__init__(by_library(medians(name) * factor), what, unit)
        ratios = self.values.div(self.values["skbn"], axis=0)
        self.ratios = ratios.map(lambda ratio: float(f"{ratio:.2g}"))
        self.is_loss = (self.ratios < LEVEL) & ~self.ratios.columns.isin(FLOORS)

    @property
    def n_compared(self):
        """How often skbn was compared with a peer."""
        is_known = self.ratios.drop(columns=["skbn", *FLOORS], errors="ignore").notna()
        return int(is_known.to_numpy().sum())

    def losses(self):
        """A row for each loss, in words."""
        lost = self.ratios.where(self.is_loss)
        for problem, (_, row) in zip(names(lost), lost.iterrows(), strict=True):
            for peer, ratio in row.dropna().items():
                yield self.what, problem, peer, f"{rounded(ratio)}×"

    def text(self):
        """The table: medians, ratios, and a mark for each loss."""
        ratios = self.ratios.map(lambda ratio: f" ({rounded(ratio, 2)}×)")
        marks = self.is_loss.map(lambda is_loss: " ◀" if is_loss else "")
        return (self.values.map(rounded) + ratios + marks).where(self.values.notna(), "–")

    def _repr_html_(self):
        return f"<p>{self.what}, {self.unit}</p>" + self.text().to_html(border=0)


def draw(*tables):
    """The tables as pictures, one below the other, with one legend."""
    heights = [len(table.values) + 1.5 for table in tables]
    size = 6.4, 0.8 + 0.32 * sum(heights)
    options = {"figsize": size, "height_ratios": heights, "layout": "constrained"}
    fig, axes = plt.subplots(len(heights), squeeze=False, **options)
    legend = {}
    for ax, table in zip(axes[:, 0], tables, strict=True):
        table.draw(ax)
        handles, labels = ax.get_legend_handles_labels()
        legend |= dict(zip(labels, handles, strict=True))
    fig.legend(legend.values(), legend, loc="outside upper center", ncols=4)


def losses(*comparisons):
    """A row for each problem and peer with which skbn takes longer."""
    rows = [row for comparison in comparisons for row in comparison.losses()]
    return pd.DataFrame(rows, columns=["measurement", "shape", "library", "its time ÷ skbn's"])
