"""BatchNormalizer for Dask collections."""

from functools import partial
from itertools import repeat
from typing import NamedTuple

import dask
import numpy as np

from .._estimators import normalizer
from .._estimators.validation import identity
from .._statistics.moments import RunningMoments
from ._lazy import checking_sample, in_frame, is_lazy, map_blocks, with_names_of
from ._names import NamesItsModule
from ._partitions import Partitions, check_rows_with_weight, has_no_weight
from ._tasks import merged


class BatchNormalizer(NamesItsModule, normalizer.BatchNormalizer):
    """Normalize the features of a Dask collection by running statistics.

    The estimator has the parameters, fitted attributes and results of
    :class:`skbn.BatchNormalizer`. The local kernels compute the moments of each partition in one
    pass, and the moments are merged in a tree (Chan, Golub & LeVeque 1983). The results do not
    depend on the number of workers, bit for bit, and agree with a local fit of the same rows up to
    rounding. ``transform``, ``inverse_transform`` and ``normalize_batch`` are lazy: they return an
    array with the same chunks for an array, and a DataFrame for a DataFrame. The number of rows of
    a collection may be unknown. Data other than Dask collections are processed as by the local
    estimator.

    Parameters
    ----------
    momentum, epsilon, with_mean, with_std, gamma, beta, ddof, copy, device
        See :class:`skbn.BatchNormalizer`. A call of ``partial_fit`` is one batch, for any number of
        partitions. ``device`` is the device of the workers and of the client.

    See Also
    --------
    skbn.BatchNormalizer : The local estimator, which also transforms collections.

    Notes
    -----
    If a partition has invalid rows, the error is that of the local estimator with the number of the
    partition, and the statistics are unchanged. If the chunks of an array split its columns, the
    chunks are merged so that each partition has whole rows.

    Examples
    --------
    >>> import dask.array as da
    >>> from skbn.dask import BatchNormalizer
    >>> X = da.from_array([[1.0, 200.0], [3.0, 400.0], [5.0, 600.0], [7.0, 800.0]], chunks=(2, 2))
    >>> normalizer = BatchNormalizer().fit(X)
    >>> normalizer.mean_, normalizer.var_
    (array([  4., 500.]), array([5.e+00, 5.e+04]))
    >>> normalizer.transform(X).compute().round(2)
    array([[-1.34, -1.34],
           [-0.45, -0.45],
           [ 0.45,  0.45],
           [ 1.34,  1.34]])
    """

    def to_local(self):
        """Return the :class:`skbn.BatchNormalizer` with the same parameters and statistics.

        Returns
        -------
        normalizer : skbn.BatchNormalizer
        """
        local = normalizer.BatchNormalizer()
        vars(local).update(vars(self))
        return local

    def normalize_batch(self, X, sample_weight=None):
        """Normalize X by its own statistics (the paper's Algorithm 1), lazily.

        Parameters
        ----------
        X : {Dask collection, array-like} of shape (n_samples, n_features)

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the statistics.

        Returns
        -------
        X_normalized : Dask collection of the type and the chunks of X
            Both passes over the rows run when it is computed.
        """
        if not is_lazy(X):
            return super().normalize_batch(X, sample_weight)
        self._validate_changed_params()
        identity = self._identity() if hasattr(self, "scale_") else None
        partitions, identity = self._validate_batch(X, identity)
        local = self._unfitted_local(identity)
        partitions = partitions.with_columns(sample_weight=sample_weight)
        total = merged(partitions.map(_summary, repeat((local,))), _merged_summaries)
        moments = dask.delayed(_moments_of_all)(total)
        of_block = partial(_normalized, local=local)
        return map_blocks("normalize_batch", of_block, X, moments=moments)

    def _unfitted_local(self, identity):
        """An unfitted local estimator with the features of ``identity``."""
        local = normalizer.BatchNormalizer(**self.get_params())
        vars(local).update(identity)
        return local

    def _validate_batch(self, X, identity):
        """The partitions of a collection X, whose features are validated on a sample."""
        if not is_lazy(X):
            return super()._validate_batch(X, identity)
        partitions = Partitions(X=X)
        (sample,) = partitions.sample
        with checking_sample(sample):
            _, identity = super()._validate_batch(sample, identity)
        return partitions, identity

    def _moments_of(self, X, sample_weight, identity):
        if not isinstance(X, Partitions):
            return super()._moments_of(X, sample_weight, identity)
        partitions = X.with_columns(sample_weight=sample_weight)
        arguments = repeat((self._unfitted_local(identity),))
        total = partitions.reduce(_summary, arguments, _merged_summaries)
        return _moments_of_all(total), total.n_rows


class MomentsSummary(NamedTuple):
    """The number of rows, whether any of them has a weight > 0, and their moments."""

    n_rows: int
    has_weight: bool
    moments: RunningMoments


def _summary(local, X, sample_weight):
    """The MomentsSummary of a partition, whose rows may all have weight 0."""
    n_rows, empty = X.shape[0], np.zeros((5, local.n_features_in_))
    if n_rows == 0:
        return MomentsSummary(0, False, RunningMoments(empty))
    local = with_names_of(local, X)
    X, _ = local._validate_batch(X, identity(local))
    if has_no_weight(sample_weight):
        return MomentsSummary(n_rows, False, RunningMoments(empty, is_weighted=True))
    moments, _ = local._moments_of(X, sample_weight, identity(local))
    return MomentsSummary(n_rows, True, moments)


def _merged_summaries(summaries):
    n_rows, has_weight, (first, *others) = zip(*summaries, strict=True)
    return MomentsSummary(sum(n_rows), any(has_weight), first.merge(*others))


def _moments_of_all(total):
    """The moments of all rows. Without rows or weight, raise the error of a local fit."""
    if not total.has_weight:
        check_rows_with_weight(total.n_rows)
    return total.moments


def _normalized(X, local, moments=None):
    """The rows of a partition, normalized by the moments.

    With None, they are normalized by the moments of the partition itself.
    """
    local = with_names_of(local, X)
    batch, _ = local._validate_batch(X, identity(local))
    if moments is None:
        moments, _ = local._moments_of(batch, None, identity(local))
    return in_frame(local._normalized_by(moments, batch), X)
