"""Partitions that differ in kind, from which training in rounds learns less."""

import warnings
from typing import NamedTuple

import numpy as np

from .._backends.stacklevel import levels_below_caller
from .._estimators.categories import number_columns
from .._estimators.validation import feature_names, identity
from .._statistics.moments import RunningMoments
from ..kernels.layout import M2
from ._targets import Labels, merged_parts

# The fraction of a variance that is between partitions, from which on they differ. On covertype
# (40,000 rows, 8 partitions, 10 passes), of which a part was sorted by class, the error was 0.256
# with 0 between partitions, 0.260 with 0.07, 0.263 with 0.12, 0.266 with 0.28, 0.294 with 0.49, and
# 0.461 with 0.76, where all rows were sorted.
LARGE_FRACTION = 0.1

# Random partitions differ by so much with a probability below exp(-20) = 2e-9; see ``largest``.
LOG_PROBABILITY = 20.0

# Number of rows from which on the means of a partition are compared. In a smaller one, a single
# outlier may have more than LARGE_FRACTION of the variance of a column.
MIN_ROWS = 30


class Spread(NamedTuple):
    """The variation of some columns within partitions, and over all their rows.

    Attributes
    ----------
    n : int
        Number of partitions.
    within : ndarray of shape (c,)
        Squared deviations from the mean of the partition, summed over partitions.
    total : RunningMoments or Labels
        Those of the rows of all partitions.
    """

    n: int
    within: np.ndarray
    total: object

    @classmethod
    def of(cls, total):
        """That of one partition, or None if it has too few rows."""
        if isinstance(total, RunningMoments) and not (total.effective_count >= MIN_ROWS).any():
            return None
        return None if total is None else cls(1, _squares(total), total)

    def merge(self, *others):
        n, within, (total, *totals) = zip(self, *others, strict=True)
        return Spread(sum(n), sum(within), total.merge(*totals))

    def largest(self):
        """The column that varies most between partitions, and the fraction of its variance.

        None if it may be by chance. The number of rows times the fraction is approximately χ²
        distributed for random partitions, with ``n - 1`` degrees of freedom (analysis of variance);
        for C labels both are C − 1 times as large (Light & Margolin 1971). The tail of χ² is that
        of Laurent & Massart (2000), lemma 1.
        """
        squares, n_rows, df = _squares(self.total), _n_rows(self.total), _df(self.total)
        with np.errstate(all="ignore"):
            fractions = np.where(squares > 0, 1.0 - self.within / squares, 0.0)
        k, t = df * (self.n - 1), LOG_PROBABILITY
        is_large = df * n_rows * fractions > k + 2 * np.sqrt(k * t) + 2 * t
        is_large &= fractions > LARGE_FRACTION
        if self.n < 2 or not is_large.any():
            return None
        j = int(np.where(is_large, fractions, 0.0).argmax())
        return j, float(fractions[j])


def _squares(total):
    """Σw(x − mean)² by column, for weights that sum to their number."""
    return total.squares() if isinstance(total, Labels) else total.weighed_by_count().table[M2]


def _n_rows(total):
    return total.n_rows if isinstance(total, Labels) else total.effective_count


def _df(total):
    return max(_n_labels(total), 2) - 1


def _n_labels(total):
    """The number of classes; 0 for multilabel y and for values."""
    is_of_classes = isinstance(total, Labels) and total.positives is None
    return len(total.values) if is_of_classes else 0


class Differences(NamedTuple):
    """How partitions differ.

    Attributes
    ----------
    inputs, targets : Spread or None
        That of the columns of X, if their moments are computed, and of y.
    n_labels : tuple of int
        Number of classes in each partition; 0 for a regressor, and without rows of weight > 0.
    """

    inputs: Spread | None = None
    targets: Spread | None = None
    n_labels: tuple = (0,)

    @classmethod
    def of(cls, inputs, targets):
        """Those of a partition, from its moments of X and its Labels or Values of y."""
        compared = targets.compared
        return cls(Spread.of(inputs), Spread.of(compared), (_n_labels(compared),))

    @classmethod
    def merged(cls, group):
        """Those of several groups of partitions, in their order."""
        n_labels = sum((part.n_labels for part in group), ())
        return cls(*(merged_parts(group, name) for name in ("inputs", "targets")), n_labels)

    def of_targets(self):
        """A phrase on y in a list, which is empty if y does not differ."""
        found = self.targets and self.targets.largest()
        if not found:
            return []
        n_classes = _n_labels(self.targets.total)
        fewest, number = min((n or n_classes, i) for i, n in enumerate(self.n_labels))
        if fewest < n_classes:
            return [f"partition {number} has {fewest} of {n_classes} classes"]
        name = "the classes" if n_classes else "y"
        return [_phrase(found, name if len(self.targets.within) == 1 else f"y[:, {found[0]}]")]

    def of_inputs(self, estimator):
        """A phrase on the column of X that differs most, in a list as that of y."""
        found = self.inputs and len(self.inputs.within) and self.inputs.largest()
        if not found:
            return []
        names = feature_names(identity(estimator), estimator.n_features_in_)
        return [_phrase(found, f"column {str(names[number_columns(estimator)[found[0]]])!r}")]


def _phrase(found, name):
    return f"{found[1]:.0%} of the variance of {name} is between partitions"


def warn_of_differences(estimator, differences):
    """Warn if the rows of the partitions differ by more than by chance.

    The estimator knows the features and the categories of X.
    """
    if found := [*differences.of_targets(), *differences.of_inputs(estimator)]:
        warnings.warn(
            f"The partitions of X differ: {', and '.join(found)}. Training in rounds learns less "
            "from such partitions. Set exchange_rows=True, or shuffle the rows before.",
            UserWarning,
            stacklevel=levels_below_caller(),
        )
