"""BatchNormMLPClassifier and BatchNormMLPRegressor for Dask collections."""

from copy import copy, deepcopy
from itertools import repeat

import numpy as np
from sklearn.utils import check_random_state

from .._backends.cuda import on_host
from .._estimators import classifier, regressor
from .._estimators.base import naming_validation_data
from .._estimators.pilots import resolve_auto
from .._estimators.state import hidden_units
from .._estimators.table_validation import (
    check_same_categories,
    mask_of,
    take_categories,
    take_columns,
    warn_of_identifiers,
    without_categories,
)
from ._cluster import compute, explaining_lost_cluster
from ._differences import warn_of_differences
from ._exchange import exchange_rows
from ._lazy import checking_sample, in_memory, is_lazy, validation_data_in_memory
from ._names import NamesItsModule
from ._parameters import ADDED, CONSTRAINT, with_distributed_parameters
from ._partitions import Partitions, check_rows_with_weight
from ._pilots import choose
from ._preparing import (
    Prepared,
    categories_of_partition,
    check_split,
    merged_categories,
    merged_summaries,
    one_column,
    summary,
)
from ._scoring import R2, Accuracy, score_of
from ._targets import PartitionedLabels, PartitionedRegression
from ._trainer import DistributedFitting
from ._workers import for_workers


class DistributedMixin(NamesItsModule):
    """Mixin class for MLPs that train on Dask collections."""

    def to_local(self):
        """Return the local estimator of skbn with the same parameters and fitted attributes.

        Returns
        -------
        model : estimator
        """
        local = self._local()
        attributes = {name: value for name, value in vars(copy(self)).items() if name not in ADDED}
        vars(local).update(attributes)
        return local

    def score(self, X, y, sample_weight=None):
        """Score the predictions of X: accuracy, or R² of a regressor.

        Collections are scored by partition on the workers, so that predictions do not move. If X is
        a collection and y or the weights are in memory, the predictions of X are fetched, and the
        score is computed in this process.

        Parameters
        ----------
        X : {Dask collection, array-like} of shape (n_samples, n_features)

        y : {Dask collection, array-like} of shape (n_samples,) or (n_samples, n_outputs)

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
        """
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        if not is_lazy(X):
            y, weight = in_memory("y", y), in_memory("sample_weight", sample_weight)
            return super().score(X, y, weight)
        return score_of(self, self._scorer, X, y, sample_weight)

    def recalibrate(self, X, sample_weight=None):
        """Set the statistics of the hidden layers to those of other rows, which are in memory.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The estimator with new ``batch_norms_``.

        Raises
        ------
        ValueError
            If X is a collection of Dask; see also :meth:`skbn.BatchNormMLPClassifier.recalibrate`.
        """
        if is_lazy(X):
            raise ValueError(
                "recalibrate needs rows in memory, got a Dask collection: pass X.compute(), or a "
                "sample of it."
            )
        return super().recalibrate(X, in_memory("sample_weight", sample_weight))

    def _prepared(self, X, y, sample_weight, validation_data, incremental, first_call):
        """The fitting of a copy to collections. The local estimator prepares rows in memory."""
        if not is_lazy(X):
            y, weight = in_memory("y", y), in_memory("sample_weight", sample_weight)
            validation_data = validation_data_in_memory(*validation_data)
            return super()._prepared(X, y, weight, validation_data, incremental, first_call)
        self._check_solver_has_batches()
        with explaining_lost_cluster():
            return self._prepared_on_workers(
                self._partitions(X, y, sample_weight), validation_data, incremental, first_call
            )

    def _partitions(self, X, y, sample_weight):
        partitions = Partitions(X=X, y=y, sample_weight=sample_weight)
        return exchange_rows(partitions, self._seed()) if self.exchange_rows else partitions

    def _prepared_on_workers(self, partitions, validation_data, incremental, first_call):
        """The fitting of a copy, whose rows are prepared on the workers."""
        estimator, targets = copy(self), self._targets()
        first_pass = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        is_piloted = first_pass and not incremental and estimator._is_piloted()
        if not is_piloted:
            resolve_auto(estimator, first_pass)
        dtype_of_X = estimator._check_sample(partitions, first_pass)
        total = estimator._learn(targets, partitions, first_pass, incremental, first_call)
        if is_piloted:
            estimator._choose_settings(targets, partitions, total.n_rows)
        estimator._take_inputs(total, first_pass, incremental)
        estimator._random_state = check_random_state(self.random_state)
        estimator.n_layers_ = len(hidden_units(self)) + 2
        fitting = estimator._distributed_fitting(
            targets, partitions, total, validation_data, first_pass, incremental, dtype_of_X
        )
        if len(fitting.prepared.rows) > 1:  # one group mixes its rows
            warn_of_differences(estimator, total.differences)
        return fitting

    def _learn(self, targets, partitions, first_pass, incremental, first_call):
        """Learn categories and targets of all rows; return their TrainingSummary."""
        found = self._learn_categories(partitions, incremental) if first_pass else None
        total = self._summary_of(targets, partitions)
        if found is not None and not incremental:
            names = vars(self).get("feature_names_in_", range(len(found)))
            warn_of_identifiers(names, found, sum(total.n_rows))
        if incremental:
            first_call = {name: on_host(compute(v)[0]) for name, v in first_call.items()}
            targets.begin_stream(total.targets.sample(), **first_call)
        targets.fit_summary(total.targets, first_pass, incremental)
        if first_pass:
            vars(self).update(targets.without_pilots)
        return total

    def _take_inputs(self, total, first_pass, incremental):
        """Set what is learned of the inputs to that of a TrainingSummary."""
        self._take_moments(total.inputs, total.has_missing, first_pass, incremental)
        self._take_range(total.column_range, first_pass, incremental)
        if first_pass:
            self._take_bins(total.values if self.numeric_encoding else None)

    def _seed(self):
        """A seed by random_state, which stays as it is."""
        return int(deepcopy(check_random_state(self.random_state)).randint(2**31 - 1))

    def _check_sample(self, partitions, first_pass):
        """Check the types of the columns by two rows, and return the dtype of the numbers.

        The values of the rows are made up, so that they are of no category.
        """
        X, y, _ = partitions.sample
        if first_pass:
            take_columns(self, mask_of(self, X))
        else:
            check_same_categories(self, X)
        checked = self if first_pass else without_categories(self)
        with checking_sample(X, y):
            return checked._validate_X_y(X, y, reset=first_pass)[0].dtype

    def _learn_categories(self, partitions, incremental):
        """Set the categories to those of all partitions, in a pass over their rows.

        Returns the SeenCategories of each column, or None if no column has categories.
        """
        if self.categories_ is None:
            return None
        mask = np.array([values is not None for values in self.categories_])
        found = partitions.reduce(categories_of_partition, repeat((mask,)), merged_categories)
        if found is None:
            check_rows_with_weight(0)
        take_categories(self, found, incremental)
        return found

    def _choose_settings(self, targets, partitions, n_rows):
        """Set what is "auto" by pilots on a sample of the rows, if it has enough rows."""
        if (choice := choose(self, partitions, n_rows, self._seed())) is not None:
            choice.apply(self, targets, sum(n_rows))
        resolve_auto(self, first_pass=True)

    def _check_solver_has_batches(self):
        if self.solver == "lbfgs":
            raise ValueError(
                "solver='lbfgs' uses all rows as one batch: for collections of Dask use 'sgd', "
                "'adam' or 'adamw'."
            )

    def _summary_of(self, targets, partitions):
        """The TrainingSummary of all rows, computed in one pass."""
        arguments = repeat((for_workers(self), targets))
        total = partitions.reduce(summary, arguments, merged_summaries)
        if not sum(total.n_rows):
            check_rows_with_weight(n_rows=0 if total.targets is None else 1)
        return total

    def _distributed_fitting(
        self, targets, partitions, total, validation_data, first_pass, incremental, dtype_of_X
    ):
        dtype = self._compute_dtype(dtype_of_X, first_pass)
        validation_data = self._validation_data(validation_data, targets, dtype)
        splits_validation = self.early_stopping and validation_data is None
        fraction = self.validation_fraction if splits_validation else 0.0
        parts = targets.of_parts(total.targets, incremental)
        prepared = self._rows_on_workers(parts, dtype, partitions, total.n_rows, fraction)
        if splits_validation:
            check_split(prepared)
        targets.fit_totals(prepared, incremental)
        self._take_targets(targets, first_pass)
        fitting = DistributedFitting(
            self,
            targets,
            first_pass=first_pass,
            incremental=incremental,
            dtype=dtype,
            random_state=self._random_state,
            prepared=prepared,
            validation_data=validation_data,
        )
        n_categories = fitting.input_norm.n_categories
        if first_pass and n_categories:
            fitting.network.drop_last_inputs(prepared.category_counts(n_categories) == 0)
        return fitting

    def _rows_on_workers(self, targets, dtype, partitions, n_rows, validation_fraction):
        """The Prepared rows of all partitions."""
        # Drawn from a copy of the generator, so that initial weights are those of a local fit.
        seed = int(deepcopy(self._random_state).randint(2**31 - 1))
        return Prepared(self, targets, dtype, partitions, n_rows, seed, validation_fraction)

    def _check_validation_sample(self, X_val, y_val):
        """Check the columns of validation rows by two rows, before any partition is read."""
        with naming_validation_data(), checking_sample(X_val, y_val):
            without_categories(self)._validate_X_y(X_val, one_column(y_val), reset=False)

    def _validation_data(self, validation_data, targets, dtype):
        """The validation rows: on the workers, in memory, or None."""
        X_val, y_val, weight_val = validation_data
        if not is_lazy(X_val, "X_val") or y_val is None:
            return self._check_validation_data(
                *validation_data_in_memory(*validation_data), targets, dtype
            )
        partitions = Partitions(X_val=X_val, y_val=y_val, sample_weight_val=weight_val)
        self._check_validation_sample(*partitions.sample[:2])
        targets, n_rows = targets.without_class_weight(), [None] * len(partitions.parts)
        prepared = self._rows_on_workers(
            targets, dtype, partitions, n_rows, validation_fraction=1.0
        )
        if not prepared.row_weights()[1]:
            raise ValueError("X_val has no row of weight above 0, expected one or more.")
        return prepared


class BatchNormMLPClassifier(DistributedMixin, classifier.BatchNormMLPClassifier):
    """A multi-layer perceptron classifier that learns from partitions of a Dask collection.

    The estimator has the fitted attributes of :class:`skbn.BatchNormMLPClassifier` and trains in
    rounds (local SGD). In each round, all partitions start from the same parameters and take
    ``sync_every`` steps. Then the parameters, the state arrays of the optimizer and the moments of
    batch normalization are averaged, weighted by the rows. Classes, class weights and statistics
    are those of all partitions. At the end, the statistics of the layers are computed again,
    exactly. The results do not depend on the number of workers, bit for bit. If a worker is lost,
    its tasks run again and give the same results. Data other than Dask collections are processed as
    by the local estimator.

    Parameters
    ----------
    sync_every : int, "auto" or None, default="auto"
        Number of steps between two averages. With fewer steps, training is closer to that of one
        model, but workers wait more often. "auto" averages about 256 times in a fit, and 16 times
        in ``partial_fit``, every 1 to 16 steps. None means a pass over the partition. With 1 and
        ``solver="sgd"``, training is gradient descent on the batches of all partitions together,
        which are the ghost batches of batch normalization.

    exchange_rows : bool, default=False
        Whether partitions exchange rows before training, once, so that each of them has random rows
        of all. Set it if partitions differ, for example because the rows are sorted by class or by
        date. ``fit`` warns of such partitions. It reads X and y once, and holds them on the workers
        twice until rows are prepared.

    **parameters
        Parameters of :class:`skbn.BatchNormMLPClassifier`, with the same defaults. ``batch_size``
        is the number of rows of a batch in each partition; "scaled" divides 1,024 rows by the
        number of groups of partitions, and gives 64 to 256. ``solver="lbfgs"`` raises an error,
        because it uses all rows as one batch.

    See Also
    --------
    skbn.BatchNormMLPClassifier : The local estimator, which also predicts for collections.
    BatchNormMLPRegressor : The corresponding estimator for regression.

    Notes
    -----
    Rows stay on the workers, as arrays of each partition, until ``fit`` ends. ``X_val`` and
    ``y_val`` may be collections or arrays. Without them, ``early_stopping`` holds out a fraction of
    each partition. In callbacks, rounds are subtasks of an epoch. An error in a partition names the
    partition and leaves the fitted attributes unchanged.

    References
    ----------
    Stich, S. U., "Local SGD Converges Fast and Communicates Little", ICLR 2019, arXiv:1805.09767.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_digits
    >>> from skbn.dask import BatchNormMLPClassifier
    >>> X, y = (da.from_array(rows, chunks=450) for rows in load_digits(return_X_y=True))
    >>> model = BatchNormMLPClassifier(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> type(model.to_local())
    <class 'skbn._estimators.classifier.BatchNormMLPClassifier'>
    """

    _parameter_constraints = classifier.BatchNormMLPClassifier._parameter_constraints | CONSTRAINT
    _targets_class = PartitionedLabels
    _scorer = Accuracy
    _local = classifier.BatchNormMLPClassifier

    __init__ = with_distributed_parameters(classifier.BatchNormMLPClassifier)


class BatchNormMLPRegressor(DistributedMixin, regressor.BatchNormMLPRegressor):
    """A multi-layer perceptron regressor that learns from partitions of a Dask collection.

    The estimator has the fitted attributes of :class:`skbn.BatchNormMLPRegressor` and trains in
    rounds, as :class:`BatchNormMLPClassifier` does. Targets are standardized by the statistics of
    all partitions.

    Parameters
    ----------
    sync_every : int, "auto" or None, default="auto"
        Number of steps between two averages; see :class:`BatchNormMLPClassifier`.

    exchange_rows : bool, default=False
        Whether partitions exchange rows before training; see :class:`BatchNormMLPClassifier`.

    **parameters
        Parameters of :class:`skbn.BatchNormMLPRegressor`, with the same defaults. ``batch_size``
        is the number of rows of a batch in each partition; "scaled" divides 1,024 rows by the
        number of groups of partitions, and gives 64 to 256. ``solver="lbfgs"`` raises an error,
        because it uses all rows as one batch.

    See Also
    --------
    skbn.BatchNormMLPRegressor : The local estimator, which also predicts for collections.
    BatchNormMLPClassifier : The classifier, with notes that apply to both.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import make_friedman1
    >>> from skbn.dask import BatchNormMLPRegressor
    >>> X, y = (da.from_array(rows, chunks=250) for rows in make_friedman1(1000, random_state=0))
    >>> bool(BatchNormMLPRegressor(random_state=0).fit(X, y).score(X, y) > 0.95)
    True
    """

    _parameter_constraints = regressor.BatchNormMLPRegressor._parameter_constraints | CONSTRAINT
    _targets_class = PartitionedRegression
    _scorer = R2
    _local = regressor.BatchNormMLPRegressor

    __init__ = with_distributed_parameters(regressor.BatchNormMLPRegressor)
