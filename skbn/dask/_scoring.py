"""Scores of predictions, computed for each partition and merged: a few numbers move."""

from itertools import repeat

import numpy as np
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score

from .._statistics.moments import RunningMoments
from ..kernels.layout import M2
from ._cluster import compute
from ._errors import naming_partitions
from ._lazy import checking_sample, is_lazy, with_names_of
from ._partitions import Partitions, check_rows_with_weight
from ._tasks import all_persisted
from ._workers import for_workers


class Accuracy:
    """The fraction of the weight of the rows that is predicted correctly."""

    metric = staticmethod(accuracy_score)

    @staticmethod
    def of_part(y, predicted, weight):
        """The weight of the rows, and of those that are predicted correctly."""
        if weight is not None and not weight.any():
            return 0.0, 0.0
        # Three times, because scikit-learn warns if more than half of the rows have other labels.
        y, predicted = np.repeat(y, 3, axis=0), np.repeat(predicted, 3, axis=0)
        weight = np.ones(len(y)) if weight is None else np.repeat(weight, 3)
        correct = accuracy_score(y, predicted, sample_weight=weight, normalize=False)
        return float(weight.sum()) / 3.0, float(correct) / 3.0

    @staticmethod
    def merged(parts):
        """The score of all rows, from those of the partitions."""
        weights, correct = zip(*parts, strict=True)
        if not sum(weights):
            check_rows_with_weight(1)
        return sum(correct) / sum(weights)


class R2:
    """R², averaged over the outputs."""

    metric = staticmethod(r2_score)

    @staticmethod
    def of_part(y, predicted, weight):
        """The number of rows, and squared errors and moments of each output in one tuple."""
        y, predicted = (np.asarray(a, float).reshape(len(a), -1) for a in (y, predicted))
        if weight is not None and not weight.any():
            return (len(y),)
        errors = mean_squared_error(y, predicted, sample_weight=weight, multioutput="raw_values")
        total = len(y) if weight is None else weight.sum()
        moments = RunningMoments.of(y, weight)
        return len(y), *(errors * total).tolist(), *moments.table.ravel().tolist()

    @staticmethod
    def merged(parts):
        """The score of all rows, as r2_score computes it."""
        if sum(int(part[0]) for part in parts) < 2:
            return r2_score([0.0], [0.0])  # warns, and is NaN
        if all(len(part) == 1 for part in parts):
            check_rows_with_weight(1)
        tables = [np.reshape(part[1:], (6, -1)) for part in parts if len(part) > 1]
        first, *others = (RunningMoments(np.ascontiguousarray(table[1:])) for table in tables)
        spread = first.merge(*others).table[M2]
        squares = np.sum([table[0] for table in tables], axis=0)
        # For targets that do not vary, scikit-learn's r2_score is 1 or 0.
        ratio = np.divide(squares, spread, where=spread > 0, out=(squares > 0).astype(float))
        return float(np.mean(1.0 - ratio))


def score_of(estimator, scorer, X, y, sample_weight):
    """The score of the predictions for a collection X.

    Values in memory do not say to which partitions of unknown sizes they belong. Then the
    predictions are computed, and scored here.
    """
    columns = {"y": y, "sample_weight": sample_weight}
    lazy = {name: value for name, value in columns.items() if is_lazy(value, name)}
    partitions, shared = Partitions(X=X, **lazy), for_workers(estimator)
    with checking_sample(partitions.sample[0]):
        estimator.predict(partitions.sample[0])
    if all(value is None or name in lazy for name, value in columns.items()):
        return scorer.merged(_results(partitions, score_rows, (shared, scorer, tuple(lazy))))
    parts = _results(partitions, predict_rows, (shared,))
    arrays = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    columns |= zip(["predicted", *lazy], arrays, strict=True)
    return scorer.metric(columns["y"], columns["predicted"], sample_weight=columns["sample_weight"])


def score_rows(estimator, scorer, names, X, *columns):
    """What the rows of a partition give for the score, or None without rows."""
    if X.shape[0] == 0:
        return None
    values = dict(zip(names, map(np.asarray, columns), strict=True))
    weight = values.get("sample_weight")
    weight = None if weight is None else weight.astype(np.float64).ravel()
    return scorer.of_part(values.get("y"), with_names_of(estimator, X).predict(X), weight)


def predict_rows(estimator, X, *columns):
    """The predictions for a partition and its columns as arrays, or None without rows."""
    if X.shape[0] == 0:
        return None
    return [with_names_of(estimator, X).predict(X), *map(np.asarray, columns)]


def _results(partitions, function, arguments):
    """The results of the partitions that have rows. They are computed together with the columns.

    A shuffle gives another order of rows each time that it is computed.
    """
    results = all_persisted(partitions.map(function, repeat(arguments)), partitions.places)
    with naming_partitions(results, partitions.places):
        parts = [part for part in compute(*results) if part is not None]
    if not parts:
        check_rows_with_weight(0)
    return parts
