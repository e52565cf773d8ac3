"""Score and loss of validation rows, from parts that the partitions compute."""

import numpy as np

from .._moments import RunningMoments
from ..kernels import cpu
from ._workers import Validated


def _merged(group, merge_scores):
    """One Validated of those that are not None."""
    group = [part for part in group if part is not None]
    if not group:
        return None
    weights, scores, losses = zip(*group, strict=True)
    return Validated(
        sum(weights), merge_scores(weights, scores), np.average(losses, weights=weights)
    )


class ScoresLabels:
    """Accuracy: the average of those of the partitions."""

    def _part_of_score(self, targets, logits, weight):
        return self._score_of_logits(targets, logits, weight)

    @staticmethod
    def _merged_scores(group):
        return _merged(group, _average)

    def _score_of_parts(self, score):
        return float(score)


class ScoresValues:
    """R² = 1 − Σw(y − ŷ)² / Σw(y − mean)², averaged over the outputs.

    NaN where ŷ is not finite, and for a single row.
    """

    def _part_of_score(self, targets, logits, weight):
        with np.errstate(over="ignore"):
            predicted = np.exp(logits) if self.loss == "poisson" else logits
        if not np.isfinite(predicted).all():
            return np.nan
        squares = weight @ np.square(targets - predicted, dtype=np.float64)
        return squares, RunningMoments.of(targets, weight)

    @staticmethod
    def _merged_scores(group):
        return _merged(group, _merged_squares)

    def _score_of_parts(self, score):
        if isinstance(score, float):
            return score
        squares, moments = score
        if not (moments.effective_count > 1).all():
            return np.nan  # of a single row, as scikit-learn's r2_score
        spread = moments.table[cpu.M2]
        # Of targets that do not vary scikit-learn's r2_score is 1 or 0.
        ratio = np.divide(squares, spread, where=spread > 0, out=(squares > 0).astype(float))
        return float(np.mean(1.0 - ratio))


def _average(weights, scores):
    return np.average(scores, weights=weights)


def _merged_squares(_weights, scores):
    if any(isinstance(score, float) for score in scores):
        return np.nan
    squares, (first, *others) = zip(*scores, strict=True)
    return sum(squares), first.merge(*others)
