"""Targets over partitions: learned from mergeable summaries, and scored from parts."""

from copy import copy
from typing import NamedTuple

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from .._estimators.label_targets import LabelTargets, LabelTotals
from .._estimators.regression_targets import RegressionTargets
from .._statistics.moments import RunningMoments
from ..kernels.layout import M2


class Labels(NamedTuple):
    """The labels of y.

    Attributes
    ----------
    values, counts : ndarray of shape (n_values,)
        The labels that occur, and their counts. The labels are 0 and 1 for multilabel y.
    positives : ndarray of shape (n_labels,) or None
        The number of rows in which each label is 1, for multilabel y.
    """

    values: np.ndarray
    counts: np.ndarray
    positives: np.ndarray | None

    @classmethod
    def of(cls, y):
        return cls(*np.unique(y, return_counts=True), y.sum(axis=0) if y.ndim > 1 else None)

    def merge(self, *others):
        group = (self, *others)
        values = np.concatenate([labels.values for labels in group])
        values, index = np.unique(values, return_inverse=True)
        counts = np.bincount(index, np.concatenate([labels.counts for labels in group]))
        positives = [labels.positives for labels in group]
        return Labels(values, counts, None if positives[0] is None else sum(positives))

    def sample(self):
        """A y with these labels, each of them in three rows.

        With three rows, scikit-learn does not warn. It warns if there are more than half as many
        labels as rows.
        """
        if self.positives is None:
            return np.repeat(self.values, 3)
        return np.repeat(self.values[:, None], len(self.positives), axis=1)

    @property
    def compared(self):
        """By which a partition is compared with others."""
        return self

    @property
    def n_rows(self):
        """The number of rows."""
        return self.counts.sum() / (1 if self.positives is None else len(self.positives))

    def squares(self):
        """Σ(x − mean)² of the indicators: of all labels (1,), or of each for multilabel y."""
        if self.positives is None:
            return np.array([self.n_rows - np.square(self.counts, dtype=float).sum() / self.n_rows])
        return self.positives * (1.0 - self.positives / self.n_rows)

    def balanced(self):
        """The dict of weights for "balanced"; for multilabel y a list of dicts."""
        if self.positives is None:
            return _balanced(self.values, self.counts)
        rows = self.n_rows
        return [_balanced(np.arange(2), np.array([rows - n, n])) for n in self.positives]


def _balanced(values, counts):
    values, counts = values[counts > 0], counts[counts > 0]
    weights = compute_class_weight("balanced", classes=values, y=values, sample_weight=counts)
    return dict(zip(values.tolist(), weights.tolist(), strict=True))


class Values(NamedTuple):
    """The number of outputs of y, and their moments.

    Attributes
    ----------
    n_outputs : int
    moments : RunningMoments or None
        The moments by which targets are standardized; None if they are not.
    compared : RunningMoments or None
        The moments of a partition, by which it is compared with others.
    """

    n_outputs: int
    moments: RunningMoments | None
    compared: RunningMoments | None = None

    def merge(self, *others):
        """The Values of all rows."""
        return Values(self.n_outputs, merged_parts([self, *others], "moments"))

    def sample(self):
        """Return None, because a stream of values needs no sample."""


def merged_parts(group, name):
    """Merge what is in the attribute ``name`` of a group, except None; or return None."""
    present = [getattr(part, name) for part in group if getattr(part, name) is not None]
    return present[0].merge(*present[1:]) if present else None


class PartitionScore(NamedTuple):
    """The weight of rows, and the parts from which their score and loss are computed."""

    weight: float
    score: object
    loss: float


class PartitionedTargets:
    """Base class of targets of partitions, for targets without class weights.

    Subclasses define ``summary``, ``fit_summary``, ``score_part`` and ``merged_scores``.
    """

    def of_parts(self, _summary, _incremental):
        """The targets that encode the rows of each partition: self without class weights."""
        return self

    def without_class_weight(self):
        """The targets without class weights."""
        return self

    def loss_weight_of_part(self, _y, weight):
        """The weights of the rows in the loss, or None."""
        return weight

    def fit_totals(self, _prepared, _incremental):
        """Learn from the encoded targets of all partitions; most targets need nothing of it."""

    def score_of_parts(self, score):
        """The score of all rows."""
        return float(score)


class PartitionedLabels(PartitionedTargets, LabelTargets):
    """Labels, of which a partition may contain only some. The score is accuracy."""

    def summary(self, y, _weight):
        """The labels of a partition."""
        return Labels.of(y)

    def fit_summary(self, labels, first_pass, incremental):
        """Learn the labels of all partitions."""
        self.fit(labels.sample(), None, first_pass, incremental)

    def of_parts(self, labels, incremental):
        """A copy whose class weights can be applied to the rows of each partition."""
        self.loss_weight(labels.sample(), None, incremental)  # raises for invalid class weights
        other = copy(self)
        if self.class_weight == "balanced":
            other.class_weight = labels.balanced()
        elif isinstance(self.class_weight, list):
            other.class_weight = [{0: 1.0, 1: 1.0} | weights for weights in self.class_weight]
        return other

    def without_class_weight(self):
        """A copy without class weights, so that only sample weights enter the loss."""
        other = copy(self)
        other.class_weight = None
        return other

    def loss_weight_of_part(self, y, weight):
        """The weights in the loss of rows that may have only some of the classes, or None."""
        if self.class_weight is None:
            return weight
        class_weight = self.class_weights(y)
        return class_weight if weight is None else weight * class_weight

    def fit_totals(self, prepared, incremental):
        """Learn the fraction of the training rows that each label has."""
        totals = prepared.label_totals(LabelTotals.of, self.n_outputs)
        self.add_totals(totals, incremental)

    def score_part(self, targets, logits, weight):
        """The part of the score that the rows of a partition give."""
        return self.score(targets, logits, weight)

    @staticmethod
    def merged_scores(group):
        """Merge several PartitionScore into one."""
        return _merged(group, _average)


class PartitionedRegression(PartitionedTargets, RegressionTargets):
    """Target values of partitions.

    The score is R² = 1 − Σw(y − ŷ)² / Σw(y − mean)², averaged over the outputs. It is NaN if ŷ is
    not finite, and for a single row.
    """

    def summary(self, y, weight):
        """The number of outputs and the moments of a partition."""
        n_outputs = y.reshape(len(y), -1).shape[1]
        if weight is not None and not weight.any():
            return Values(n_outputs, None)
        moments = compared = self.moments(y, weight)
        if compared is None and y.dtype.kind in "biuf":
            compared = RunningMoments.of(y.reshape(len(y), -1), weight)
        return Values(n_outputs, moments, compared)

    def fit_summary(self, values, first_pass, incremental):
        """Learn the number and the units of the outputs of all partitions."""
        self.fit_outputs(values.n_outputs, first_pass)
        self.fit_units(values.moments, first_pass, incremental)

    def score_part(self, targets, logits, weight):
        """The part of the score that the rows of a partition give."""
        predicted = self.predicted(logits)
        if not np.isfinite(predicted).all():
            return np.nan
        squares = weight @ np.square(targets - predicted, dtype=np.float64)
        return squares, RunningMoments.of(targets, weight)

    @staticmethod
    def merged_scores(group):
        """Merge several PartitionScore into one."""
        return _merged(group, _merged_squares)

    def score_of_parts(self, score):
        if isinstance(score, float):
            return score
        squares, moments = score
        if not (moments.effective_count > 1).all():
            return np.nan  # for a single row, as scikit-learn's r2_score
        spread = moments.table[M2]
        # For targets that do not vary, scikit-learn's r2_score is 1 or 0.
        ratio = np.divide(squares, spread, where=spread > 0, out=(squares > 0).astype(float))
        return float(np.mean(1.0 - ratio))


def _merged(group, merge_scores):
    """Merge the PartitionScore that are not None, or return None if there are none."""
    group = [part for part in group if part is not None]
    if not group:
        return None
    weights, scores, losses = zip(*group, strict=True)
    return PartitionScore(
        weight=sum(weights),
        score=merge_scores(weights, scores),
        loss=np.average(losses, weights=weights),
    )


def _average(weights, scores):
    return np.average(scores, weights=weights)


def _merged_squares(_weights, scores):
    if any(isinstance(score, float) for score in scores):
        return np.nan
    squares, (first, *others) = zip(*scores, strict=True)
    return sum(squares), first.merge(*others)
