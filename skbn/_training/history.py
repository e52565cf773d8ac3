"""What training leaves behind for the user to read, and what its end is decided by."""

from dataclasses import dataclass, field

import numpy as np

ATTRIBUTES = {
    "n_iter": "n_iter_",
    "t": "t_",
    "loss": "loss_",
    "loss_curve": "loss_curve_",
    "best_loss": "best_loss_",
    "validation_loss_curve": "validation_loss_curve_",
    "validation_scores": "validation_scores_",
    "best_validation_score": "best_validation_score_",
    "no_improvement_count": "_no_improvement_count",
}


@dataclass
class History:
    """The course of training, which becomes the fitted attributes of ATTRIBUTES.

    Attributes
    ----------
    n_iter, t : int
        Epochs of this call, and rows seen by all calls.
    loss : float
        Of the last epoch, with penalty.
    loss_curve : list of float
        That of every epoch.
    best_loss : float or None
        The least of them; None with early stopping.
    validation_loss_curve : list of float or None
        Loss of the validation rows, without penalty.
    validation_scores : list of float or None
    best_validation_score : float or None
    no_improvement_count : int
        Epochs in a row without improvement.
    """

    n_iter: int = 0
    t: int = 0
    loss: float = np.inf
    loss_curve: list = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_loss_curve: list | None = None
    validation_scores: list | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0

    def begin(self, has_validation, early_stopping):
        """Make ready for the epochs of one more call."""
        self.n_iter = 0
        if has_validation and self.validation_scores is None:
            self.validation_scores, self.validation_loss_curve = [], []
            self.best_validation_score = -np.inf
        if early_stopping:
            self.best_loss = None
        elif self.best_loss is None:
            self.best_loss = min(self.loss_curve, default=np.inf)

    def end_epoch(self, loss, n_rows):
        """Record the loss of an epoch over so many rows."""
        self.n_iter += 1
        self.t += n_rows
        self.loss = loss
        self.loss_curve.append(loss)

    def end_validation(self, score, loss):
        """Record the score and the loss of the validation rows."""
        self.validation_scores.append(score)
        self.validation_loss_curve.append(loss)

    def follow_loss(self, tol):
        """Count the epochs whose loss was no better than the best by ``tol``."""
        self._count(self.loss > self.best_loss - tol)
        self.best_loss = min(self.loss, self.best_loss)

    def follow_score(self, tol):
        """Count the epochs whose score was no better than the best by ``tol``."""
        self._count(self.validation_scores[-1] < self.best_validation_score + tol)

    def _count(self, is_stuck):
        self.no_improvement_count = self.no_improvement_count + 1 if is_stuck else 0

    def update_best_score(self):
        """Whether the last validation score is the best so far."""
        score = self.validation_scores[-1]
        is_best = score > self.best_validation_score
        if is_best:
            self.best_validation_score = score
        return is_best

    def copy(self):
        """The same history, which goes on for itself."""
        return History(**{name: _copied(value) for name, value in vars(self).items()})

    def attributes(self):
        """The fitted attributes."""
        values = vars(self.copy())
        return {attribute: values[name] for name, attribute in ATTRIBUTES.items()}

    @classmethod
    def of(cls, estimator):
        """The history that the fitted attributes of an estimator tell."""
        fitted = vars(estimator)
        known = {name: fitted[a] for name, a in ATTRIBUTES.items() if a in fitted}
        return cls(**known).copy()


def _copied(value):
    # Not deepcopy, which takes 0.3 µs an epoch of all that were.
    return list(value) if isinstance(value, list) else value
