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
from .._model.optimizers import OPTIMIZERS
from .._model.tables import numbers_of
from .._training.history import MAX_LOSS_RATIO
from .categories import Categories
from .encoders import learn_bin_edges
from .sizes import scaled_max_iter
from .state import shallow_copy

# Fewer rows are cross-validated, because a tenth of them is a poor judge. On 40 tables the error
# relative to MLPClassifier was 0.798 with cross-validation of fewer than 1,000 rows, and 0.815
# without.
MIN_SPLIT_ROWS = 1000
N_FOLDS = 5
VALIDATION_FRACTION = 0.1

# "auto" encodes no columns if the network had more inputs.
MAX_INPUTS = 1000

# The logits are multiplied by 1/temperature. The validation rows of a pilot are too few to raise
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
    fitted = vars(estimator)
    if estimator.max_iter == "auto":
        is_chosen = not first_pass and fitted.get("pilots_") and estimator.solver in OPTIMIZERS
        estimator.max_iter = estimator.max_iter_ if is_chosen else "scaled"
    if estimator.numeric_encoding == "auto":
        estimator.numeric_encoding = None if first_pass else fitted.get("numeric_encoding_")


def split_rows(n, weight, labels, shuffle, seed, min_rows):
    """Training and validation rows of the pilots: a list of (index, index), empty for no pilots.

    ``labels`` (n,) are those to stratify by, or None. Rows without weight belong to no part. With
    fewer than ``min_rows`` rows there are no parts.
    """
    index = np.arange(n) if weight is None else np.flatnonzero(weight)
    if len(index) < min_rows:
        return []
    if labels is not None:
        labels = labels[index]
        counts = np.unique(labels, return_counts=True)[1]
        if counts.min() < 2 or len(counts) < 2:
            return []
    parts = _parts(len(index), labels, seed) if shuffle else _last_rows(len(index), labels)
    return [(np.sort(index[train]), np.sort(index[validation])) for train, validation in parts]


def _last_rows(n, labels):
    """The last rows held out; no part if the others lack one of their labels."""
    train, validation = np.split(np.arange(n), [n - round(VALIDATION_FRACTION * n)])
    if labels is not None and len(np.unique(labels[train])) < len(np.unique(labels)):
        return []
    return [(train, validation)]


def _parts(n, labels, seed):
    """The positions of the rows of each part, at random."""
    positions = np.arange(n)
    if n < MIN_SPLIT_ROWS:
        n_folds, folds = N_FOLDS, KFold
        if labels is not None:
            largest = int(np.unique(labels, return_counts=True)[1].max())
            n_folds, folds = min(N_FOLDS, largest), StratifiedKFold
        with warnings.catch_warnings():  # of labels that fewer rows have than there are folds
            warnings.simplefilter("ignore")
            return list(folds(n_folds, shuffle=True, random_state=seed).split(positions, labels))
    n_labels = 1 if labels is None else len(np.unique(labels))
    n_validation = max(round(VALIDATION_FRACTION * n), n_labels)
    return [train_test_split(positions, test_size=n_validation, stratify=labels, random_state=seed)]


class Judged(NamedTuple):
    """What judges a pilot: the validation rows of one of its parts.

    Attributes
    ----------
    targets : Targets
        Those of the pilot, without label smoothing.
    encoded : ndarray of shape (n,) or (n, n_outputs)
    logits : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,) or None
        Weights of the rows in the loss.
    """

    targets: object
    encoded: np.ndarray
    logits: np.ndarray
    weight: np.ndarray | None

    def loss(self, inverse_temperature=1.0):
        """The loss of the rows; infinity if it is not finite."""
        dtype = self.logits.dtype
        weight = np.ones(len(self.logits)) if self.weight is None else self.weight
        loss, value = self.targets.loss(CPU, dtype), np.empty(1)
        scaled = (inverse_temperature * self.logits).astype(dtype)
        with np.errstate(all="ignore"):
            fractions = (weight / weight.sum()).astype(dtype)
            loss(scaled, self.encoded, fractions, value, np.empty_like(scaled))
        return float(value[0]) * loss.reported_factor if np.isfinite(value[0]) else np.inf


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
    rows, validation_rows : LabelledRows
        The rows of the fit, and those that judge the pilots: the same, or a validation set.
    parts : list of (index, index)
        The training rows and the validation rows of each part of a pilot.
    seed : int
        Seed of the pilots.
    make_fitting : callable
        Returns the RowsFitting of an estimator and targets to rows.
    """

    max_iter = None  # the number of subtasks of the fit is unknown

    def __init__(self, estimator, targets, rows, validation_rows, parts, seed, make_fitting):
        self.estimator, self.targets = estimator, targets
        self.rows, self.validation_rows, self.parts = rows, validation_rows, parts
        self.seed, self.make_fitting = seed, make_fitting
        self.scaled, self.results = scaled_max_iter(rows.X.shape[0]), {}

    def begin(self, context, arguments):
        """Run the pilots as subtasks of the context, and return the Fitting."""
        self.context, self.arguments = context, arguments
        with warnings.catch_warnings():  # the fit itself warns
            warnings.simplefilter("ignore")
            settings, best = self._choose()
        records = [pilot.record for pilot in self.results.values()]
        vars(self.estimator).update(settings, pilots_=records)
        if self.targets.has_temperature:
            self.targets.temperature = self._temperature(best, settings)
            self.estimator.temperature_ = self.targets.temperature
            settings = settings | {"temperature": round(self.targets.temperature, 3)}
        self._say("Chosen: " + _described(settings))
        return self.make_fitting(self.estimator, self.targets, self.rows)

    def _choose(self):
        """The settings of the fit, and the pilot that is the reason for them.

        If no pilot can be judged, "auto" is "scaled" without an encoding.
        """
        given = self.estimator.max_iter
        if given != "auto":
            full = self.scaled if given == "scaled" else given
            best = self._best_encoding(max(1, round(self._lengths.long * full)))
            return best.settings | {"max_iter": full}, best
        short, long, full = (self._n_epochs(length) for length in self._lengths[:3])
        best = self._best_encoding(short)
        if best.loss == np.inf:
            return best.settings | {"max_iter": self.scaled}, best
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
        X = numbers_of(self.rows.X)
        are_sparse = sparse.issparse(X) or sparse.issparse(self.validation_rows.X)
        if are_sparse or X.shape[1] > MAX_INPUTS:
            return False
        sample = X[:: max(1, X.shape[0] // MIN_SPLIT_ROWS)]
        categories = Categories.of(self.estimator)
        if categories is not None:  # ranks have no bins
            sample = sample[:, ~categories.is_ordered[categories.number_columns]]
        edges = learn_bin_edges(sample, None, self.estimator.n_bins)
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
        judged = [self._run_part(settings, *part) for part in self.parts]
        losses = [np.inf if part is None else part.loss() for part in judged]
        return Pilot(settings, float(np.mean(losses)), judged, start)

    def _run_part(self, settings, train, validation):
        """Fit to a part of the rows; return what judges the fit, or None.

        It is None if training diverges, or if the loss comes from single rows far from all others.
        """
        fitting = self._fitting_of_part(settings, train)
        rows = self.validation_rows.take(validation)
        context = self.context.subcontext(task_name="pilot", max_subtasks=fitting.max_iter)
        context.call_on_fit_task_begin(**self.arguments)
        judged = self._trained_and_judged(fitting, rows, context)
        context.call_on_fit_task_end(**self.arguments, reconstruction_attributes=fitting.attributes)
        return judged

    def _trained_and_judged(self, fitting, rows, context):
        try:
            encoded = fitting.targets.encode(rows.y, fitting.network.dtype, rows.weight)
            fitting.run_pilot(fitting.tasks_of(context, self.arguments))
        except ValueError:  # training diverged, or targets overflow in the units of the part
            return None
        targets, logits = fitting.targets.unsmoothed(), fitting.logits(rows.X)
        judged = Judged(targets, encoded, logits, rows.loss_weight)
        has_far_rows = judged.loss() > MAX_LOSS_RATIO * fitting.history.largest_loss
        return None if has_far_rows else judged

    def _fitting_of_part(self, settings, train):
        pilot = shallow_copy(self.estimator)
        vars(pilot).update(settings, random_state=self.seed, verbose=False)
        targets = type(self.targets).of(pilot)
        return self.make_fitting(pilot, targets, self.rows.take(train))

    def _temperature(self, best, settings):
        """The temperature of the fit, from the logits of the validation rows of the best pilot."""
        if best.loss == np.inf:
            return 1.0

        def loss(log_inverse):
            return np.mean([part.loss(np.exp(log_inverse)) for part in best.judged])

        found = minimize_scalar(loss, bounds=np.log(INVERSE_TEMPERATURES), method="bounded")
        is_longer = settings["max_iter"] > best.settings["max_iter"]
        inverse = np.exp(found.x * (EXPONENT_OF_LONGER_FITS if is_longer else 1.0))
        # The search approaches its bound 1, and does not reach it.
        temperature = float(1.0 / np.clip(inverse, *INVERSE_TEMPERATURES))
        return 1.0 if temperature < 1.001 else temperature

    def _say(self, line):
        if self.estimator.verbose:
            sys.stdout.write(line + "\n")


class Pilot:
    """The settings and the result of a pilot.

    Attributes
    ----------
    settings : dict
    loss : float
        Mean loss of the validation rows of all parts; infinity if a part could not be judged.
    judged : list of Judged or None
        One for each part.
    record : dict
        What ``pilots_`` keeps.
    """

    def __init__(self, settings, loss, judged, start):
        self.settings, self.loss, self.judged = settings, loss, judged
        self.record = settings | {"loss": loss, "seconds": perf_counter() - start}

    @property
    def encoding(self):
        return self.settings["numeric_encoding"]

    def __str__(self):
        return f"{_described(self.settings)}, validation loss = {self.loss:.6f}"


def _described(settings):
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
