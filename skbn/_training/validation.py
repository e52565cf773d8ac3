"""Scores of validation rows, which are not used for training."""

import numpy as np


class Validation:
    """Score and loss of validation rows, normalized by the running statistics.

    Parameters
    ----------
    rows : DenseRows or SparseRows
        Rows on the device that computes the logits. The host computes the rest.
    targets : ndarray
        Targets in the form that the loss takes.
    sample_weight : ndarray of shape (n,) or None
    loss : Loss
    score : callable
        Computes the score from (targets, logits, sample_weight).
    """

    def __init__(self, rows, targets, sample_weight, loss, score):
        self.rows, self.targets, self.sample_weight = rows, targets, sample_weight
        self.loss, self.score = loss, score

    def __call__(self, folded):
        """Score and loss of a FoldedNetwork; the score is NaN if outputs are not finite."""
        logits = self.rows.device.to_host(folded.logits_of(self.rows))
        is_finite = np.isfinite(logits).all()
        score = self.score(self.targets, logits, self.sample_weight) if is_finite else np.nan
        weight = np.ones(len(logits)) if self.sample_weight is None else self.sample_weight
        loss_weight = (weight / weight.sum()).astype(logits.dtype)
        loss = np.empty(1)
        with np.errstate(over="ignore"):
            self.loss(logits, self.targets, loss_weight, loss, np.empty_like(logits))
        return score, float(loss[0]) * self.loss.reported_factor
