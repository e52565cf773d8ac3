"""What training leaves behind for the user to read, and what its end is decided by."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# Above this multiple of the largest training loss a validation loss comes from single rows far
# from all others, and float32 keeps nothing of the other rows beside them. With one cell of 1e6
# standard deviations an early epoch was kept: R² 0.85 on the training rows instead of 0.97.
MAX_LOSS_RATIO = 1.0 / float(np.finfo(np.float32).eps)

# Score and loss of an epoch whose validation cannot be compared with that of others.
NOT_COMPARABLE = -np.inf, np.inf

ATTRIBUTES = {
    "n_iter": "n_iter_",
    "t": "t_",
    "loss": "loss_",
    "best_loss": "best_loss_",
    "validation_loss_curve": "validation_loss_curve_",
    "validation_scores": "validation_scores_",
    "best_validation_score": "best_validation_score_",
    "best_validation": "_best_validation",
    "largest_loss": "_largest_loss",
    "no_improvement_count": "_no_improvement_count",
}


class Comparison(NamedTuple):
    """An epoch against the best one before it: by ``tol``, and for the model that is kept."""

    is_best: bool
    is_improved: bool


@dataclass
class History:
    """The course of training, which becomes the fitted attributes of ATTRIBUTES.

    Attributes
    ----------
    n_iter, t : int
        Epochs of this call, and rows seen by all calls.
    loss : float
        Of the last epoch, with penalty.
    largest_loss : float
        The largest of all epochs.
    losses : list of float
        That of every epoch of this call.
    previous_losses : list of float
        ``loss_curve_`` as previous calls left it; never written to before this call is committed.
    best_loss : float or None
        The least of them; None with early stopping.
    validation_loss_curve : list of float or None
        Loss of the validation rows, without penalty.
    validation_scores : list of float or None
    best_validation_score : float or None
        That of the best epoch.
    best_validation : tuple of (float, float)
        Score and loss of the best epoch, as far as they can be compared with others.
    no_improvement_count : int
        Epochs in a row without improvement.
    """

    n_iter: int = 0
    t: int = 0
    loss: float = np.inf
    largest_loss: float = 0.0
    losses: list = field(default_factory=list)
    previous_losses: list = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_loss_curve: list | None = None
    validation_scores: list | None = None
    best_validation_score: float | None = None
    best_validation: tuple = NOT_COMPARABLE
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
            self.best_loss = min(self.previous_losses, default=np.inf)

    def end_epoch(self, loss, n_rows):
        """Record the loss of an epoch over so many rows."""
        self.n_iter += 1
        self.t += n_rows
        self.loss = loss
        self.largest_loss = max(self.largest_loss, loss)
        self.losses.append(loss)

    def end_validation(self, score, loss):
        """Record the score and the loss of the validation rows."""
        self.validation_scores.append(score)
        self.validation_loss_curve.append(loss)

    def follow_loss(self, tol):
        """Count the epochs whose loss was no better than the best by ``tol``."""
        self._count(is_improved=self.loss <= self.best_loss - tol)
        self.best_loss = min(self.loss, self.best_loss)

    def follow_score(self, tol):
        """Count the epochs whose validation was no better than the best by ``tol``.

        Returns
        -------
        is_best : bool
            Whether the last epoch takes the place of the best one.
        """
        comparison = self.compare_validation(tol)
        self._count(comparison.is_improved)
        return self.update_best_validation(comparison)

    def compare_validation(self, tol):
        """Compare the validation of the last epoch with that of the best one.

        The higher score is better. Where scores are equal, or neither is a finite number, the loss
        decides if it falls by ``tol``. While nothing could be compared, the last epoch is the best.
        """
        score, loss = self._comparable_validation()
        best_score, best_loss = self.best_validation
        falls = score == best_score and loss < best_loss and best_loss - loss >= tol
        rises = score > best_score
        return Comparison(
            is_best=rises or falls or self.best_validation == NOT_COMPARABLE,
            is_improved=falls or (rises and score >= best_score + tol),
        )

    def _comparable_validation(self):
        """Score and loss of the last epoch, as far as they can be compared with others."""
        score, loss = self.validation_scores[-1], self.validation_loss_curve[-1]
        if MAX_LOSS_RATIO * self.largest_loss < loss < np.inf:
            return NOT_COMPARABLE
        return comparable(score, loss)

    def update_best_validation(self, comparison):
        """Take the last epoch for the best one where the comparison says so; whether it does."""
        if comparison.is_best:
            self.best_validation_score = self.validation_scores[-1]
            self.best_validation = self._comparable_validation()
        return comparison.is_best

    def _count(self, is_improved):
        self.no_improvement_count = 0 if is_improved else self.no_improvement_count + 1

    def copy(self):
        """The same history, which goes on for itself."""
        values = {name: _copied(value) for name, value in self._own().items()}
        return History(**values, previous_losses=self.previous_losses)

    def attributes(self):
        """The fitted attributes but ``loss_curve_``."""
        own = self._own()
        return {attribute: _copied(own[name]) for name, attribute in ATTRIBUTES.items()}

    def _own(self):
        """What is not shared: a copy of all losses of a stream took 20 ms after 3,000,000."""
        return {name: value for name, value in vars(self).items() if name != "previous_losses"}

    def loss_curve(self):
        """``loss_curve_`` as training stands."""
        return self.previous_losses + self.losses

    def extend_loss_curve(self):
        """Add the losses of this call to the curve of previous calls, and give it.

        Copies of it made ``partial_fit`` slower with every call.
        """
        self.previous_losses.extend(self.losses)
        return self.previous_losses

    @classmethod
    def of(cls, fitted):
        """The history that the fitted attributes, a dict by name, tell."""
        known = {name: _copied(fitted[a]) for name, a in ATTRIBUTES.items() if a in fitted}
        history = cls(**known, previous_losses=fitted["loss_curve_"])
        if "_best_validation" not in fitted:  # of format 1
            history.best_validation = history._best_of_curves()
        return history

    def _best_of_curves(self):
        """Score and loss of the epoch whose score is ``best_validation_score``, if there is one."""
        score = self.best_validation_score
        if score not in (self.validation_scores or []):
            return NOT_COMPARABLE
        loss = self.validation_loss_curve[self.validation_scores.index(score)]
        return comparable(score, loss)


def comparable(score, loss):
    """Score and loss, the worst where they are no finite numbers."""
    worst_score, worst_loss = NOT_COMPARABLE
    return (
        score if np.isfinite(score) else worst_score,
        loss if np.isfinite(loss) else worst_loss,
    )


def _copied(value):
    # Not deepcopy, which takes 0.3 µs an epoch of all that were.
    return list(value) if isinstance(value, list) else value
