"""Pilots: short fits on a part of the rows, which choose the settings called "auto"."""

import sys
import warnings
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from .._backends.cpu import CPU
from .._training import TrainingDivergedError
from .encoders import learn_bin_edges
from .sizes import scaled_max_iter
from .state import shallow_copy

# With fewer rows no pilots run.
MIN_ROWS = 100

# Fewer rows are cross-validated, because a tenth of them is a poor judge. On 40 tables the error
# relative to MLPClassifier was 0.798 with cross-validation of fewer than 1,000 rows, and 0.815
# without.
MIN_HELD_OUT_ROWS = 1000
N_FOLDS = 5
VALIDATION_FRACTION = 0.1

# "auto" encodes no columns if the network had more inputs.
MAX_INPUTS = 1000

# The logits are multiplied by 1/temperature. The held-out rows of a pilot are too few to raise
# their confidence, and a longer fit is more overconfident than its pilot: with the exponent, the
# log-loss relative to MLPClassifier was 0.748 on 40 tables, without it 0.759.
INVERSE_TEMPERATURES = 0.2, 1.0
EXPONENT_OF_LONGER_FITS = 1.5


class LabelledRows(NamedTuple):
    """Validated rows, with their labels or target values.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n, d)
    y : ndarray of shape (n,) or (n, n_outputs)
    weight, loss_weight : ndarray of shape (n,) or None
        Weights of the rows in the statistics and in the loss.
    """

    X: object
    y: np.ndarray
    weight: np.ndarray | None
    loss_weight: np.ndarray | None

    def take(self, index):
        """The rows at the index."""
        return LabelledRows(*(None if array is None else array[index] for array in self))


def resolve_auto(estimator, first_pass):
    """Set the settings called "auto" of a copy of an estimator, without pilots."""
    fitted, chosen = vars(estimator), {"max_iter": "scaled", "numeric_encoding": None}
    for name, value in chosen.items():
        if fitted[name] == "auto":
            fitted[name] = value if first_pass else fitted.get(f"{name}_", value)


def split_rows(n, weight, labels, shuffle, seed):
    """Training and held-out rows of the pilots: a list of (index, index), empty for no pilots.

    ``labels`` (n,) are those to stratify by, or None. Rows without weight belong to no part.
    """
    index = np.arange(n) if weight is None else np.flatnonzero(weight)
    if len(index) < MIN_ROWS:
        return []
    if labels is not None:
        labels = labels[index]
        if np.unique(labels, return_counts=True)[1].min() < 2:
            return []
    parts = _parts(len(index), labels, seed) if shuffle else [_last_rows(len(index))]
    return [(np.sort(index[train]), np.sort(index[held_out])) for train, held_out in parts]


def _last_rows(n):
    return np.split(np.arange(n), [n - round(VALIDATION_FRACTION * n)])


def _parts(n, labels, seed):
    """The positions of the rows of each part, at random."""
    positions = np.arange(n)
    if n < MIN_HELD_OUT_ROWS:
        folds = KFold if labels is None else StratifiedKFold
        with warnings.catch_warnings():  # of labels that fewer rows have than there are folds
            warnings.simplefilter("ignore")
            return list(folds(N_FOLDS, shuffle=True, random_state=seed).split(positions, labels))
    n_labels = 1 if labels is None else len(np.unique(labels))
    n_held_out = max(round(VALIDATION_FRACTION * n), n_labels)
    return [train_test_split(positions, test_size=n_held_out, stratify=labels, random_state=seed)]


def held_out_loss(targets, encoded, logits, weight, inverse_temperature=1.0):
    """The loss of rows, of which the logits are multiplied; infinity if it is not a number."""
    weight = np.ones(len(logits)) if weight is None else weight
    loss, fractions = targets.loss(CPU, logits.dtype), (weight / weight.sum()).astype(logits.dtype)
    value, scaled = np.empty(1), (inverse_temperature * logits).astype(logits.dtype)
    with np.errstate(all="ignore"):
        loss(scaled, encoded, fractions, value, np.empty_like(logits))
    return float(np.nan_to_num(value[0], nan=np.inf)) * loss.reported_factor


class Pilots:
    """The pilots of a fit. ``begin`` runs them, and returns the fit with the settings chosen.

    Two short pilots choose the encoding, then a long one the length. If the long one is better,
    the encoding is chosen again at its length.

    Parameters
    ----------
    estimator : BatchNormMLP
        A copy of the estimator, with validated data of the columns.
    targets : Targets
        Fitted to y.
    rows, held_out : LabelledRows
        The rows of the fit, and those of which the pilots' held-out rows are a part.
    parts : list of (index, index)
        The training and the held-out rows of each part of a pilot.
    seed : int
        Seed of the pilots.
    make_fitting : callable
        Returns the RowsFitting of an estimator and targets to rows.
    """

    max_iter = None  # the number of subtasks of the fit is unknown

    def __init__(self, estimator, targets, rows, held_out, parts, seed, make_fitting):
        self.estimator, self.targets = estimator, targets
        self.rows, self.held_out, self.parts = rows, held_out, parts
        self.seed, self.make_fitting = seed, make_fitting
        self.scaled, self.results = scaled_max_iter(rows.X.shape[0]), {}

    def begin(self, context, arguments):
        """Run the pilots as subtasks of the context, and return the Fitting."""
        self.context, self.arguments = context, arguments
        with warnings.catch_warnings():  # the fit itself warns
            warnings.simplefilter("ignore")
            settings, best = self._choose()
        self._say("Chosen: " + _described(settings))
        records = [pilot.record for pilot in self.results.values()]
        vars(self.estimator).update(settings, pilots_=records)
        if self.targets.has_temperature:
            self.targets.temperature = self._temperature(best, settings)
            self.estimator.temperature_ = self.targets.temperature
        return self.make_fitting(self.estimator, self.targets, self.rows)

    def _choose(self):
        """The settings of the fit, and the pilot that is the reason for them."""
        if self.estimator.max_iter != "auto":
            length = max(1, round(self._lengths.long * self.estimator.max_iter))
            best = self._best_encoding(length)
            return best.settings | {"max_iter": self.estimator.max_iter}, best
        short, long, full = (self._n_epochs(length) for length in self._lengths[:3])
        best = self._best_encoding(short)
        if self._pilot(long, best.encoding).loss >= best.loss:
            return best.settings, best
        best = self._best_encoding(long)
        is_gain = best.loss < self._lengths.gain * self._pilot(short, best.encoding).loss
        return best.settings | ({"max_iter": full} if is_gain else {}), best

    @property
    def _lengths(self):
        return self.targets.pilot_lengths

    def _n_epochs(self, length):
        return max(1, round(length * self.scaled))

    def _best_encoding(self, max_iter):
        """The best pilot of this length over the encodings that are possible."""
        return min((self._pilot(max_iter, e) for e in self._encodings()), key=lambda p: p.loss)

    def _encodings(self):
        given = self.estimator.numeric_encoding
        if given != "auto":
            return [given]
        return [None, "piecewise"] if self._can_encode() else [None]

    def _can_encode(self):
        """Whether X has columns to encode, and not too many."""
        X = self.rows.X
        if sparse.issparse(X) or X.shape[1] > MAX_INPUTS:
            return False
        edges = learn_bin_edges(X[:MIN_HELD_OUT_ROWS], None, self.estimator.n_bins)
        n_bins = sum(max(len(of_column) - 1, 0) for of_column in edges)
        return 0 < n_bins <= MAX_INPUTS - X.shape[1]

    def _pilot(self, max_iter, encoding):
        """The pilot of these settings, which is run once."""
        settings = {"max_iter": max_iter, "numeric_encoding": encoding}
        key = max_iter, encoding
        if key not in self.results:
            self.results[key] = self._run(settings)
            self._say(f"Pilot {len(self.results)}: {self.results[key]}")
        return self.results[key]

    def _run(self, settings):
        start = perf_counter()
        held_out = [self._run_part(settings, *part) for part in self.parts]
        loss = float(np.mean([held_out_loss(*part) for part in held_out]))
        return Pilot(settings, loss if np.isfinite(loss) else np.inf, held_out, start)

    def _run_part(self, settings, train, held_out):
        """Fit to a part of the rows. Returns targets, and of the held-out rows what judges them."""
        fitting, rows = self._fitting_of_part(settings, train), self.held_out.take(held_out)
        context = self.context.subcontext(task_name="pilot", max_subtasks=fitting.max_iter)
        context.call_on_fit_task_begin(**self.arguments)
        try:
            fitting.run_pilot(fitting.tasks_of(context, self.arguments))
            logits = fitting.logits(rows.X)
        except TrainingDivergedError:
            logits = np.full((len(rows.y), fitting.network.layer_units[-1]), np.nan)
        context.call_on_fit_task_end(**self.arguments, reconstruction_attributes=fitting.attributes)
        encoded = fitting.targets.encode(rows.y, logits.dtype, rows.weight)
        return fitting.targets.unsmoothed(), encoded, logits, rows.loss_weight

    def _fitting_of_part(self, settings, train):
        pilot = shallow_copy(self.estimator)
        vars(pilot).update(settings, random_state=self.seed, verbose=False)
        targets = type(self.targets).of(pilot)
        return self.make_fitting(pilot, targets, self.rows.take(train))

    def _temperature(self, best, settings):
        """The temperature of the fit, from the held-out logits of the best pilot."""
        if best.loss == np.inf:
            return 1.0

        def loss(log_inverse):
            return np.mean([held_out_loss(*part, np.exp(log_inverse)) for part in best.held_out])

        found = minimize_scalar(loss, bounds=np.log(INVERSE_TEMPERATURES), method="bounded")
        is_longer = settings["max_iter"] > best.settings["max_iter"]
        inverse = np.exp(found.x * (EXPONENT_OF_LONGER_FITS if is_longer else 1.0))
        return float(1.0 / np.clip(inverse, *INVERSE_TEMPERATURES))

    def _say(self, line):
        if self.estimator.verbose:
            sys.stdout.write(line + "\n")


class Pilot:
    """The settings and the result of a pilot.

    Attributes
    ----------
    settings : dict
    loss : float
        Mean loss of held-out rows; infinity if training diverged.
    held_out : list of tuple
        Held-out rows of each split.
    record : dict
        What ``pilots_`` keeps.
    """

    def __init__(self, settings, loss, held_out, start):
        self.settings, self.loss, self.held_out = settings, loss, held_out
        self.record = settings | {"loss": loss, "seconds": perf_counter() - start}

    @property
    def encoding(self):
        return self.settings["numeric_encoding"]

    def __str__(self):
        return f"{_described(self.settings)}, validation loss = {self.loss:.6f}"


def _described(settings):
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
