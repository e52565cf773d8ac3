"""Training on rows in memory."""

import numpy as np
from sklearn.model_selection import train_test_split

from .._model.tables import category_counts
from .._training import Steps, set_population_moments
from .categories import number_columns
from .far_values import farthest_value, without_far_rows
from .fitting import Fitting, batch_bounds, scaled_weights, training_rows
from .state import check_rows_to_normalize_by
from .validation import feature_names, identity


class RowsFitting(Fitting):
    """Trains an estimator on rows in memory.

    Parameters
    ----------
    estimator, targets, first_pass, incremental, dtype, random_state
        See :class:`Fitting`.
    X : ndarray or CSR matrix of shape (n, d)
        All rows, including those to split off as validation set.
    encoded : ndarray
        The targets in the form that the loss expects.
    weight, loss_weight : ndarray of shape (n,), float64, or None
        Weights of the rows in the statistics and in the loss.
    validation_data : tuple of (X, targets, weight) or None
        The validation set given by the user.
    """

    def __init__(
        self,
        estimator,
        targets,
        first_pass,
        incremental,
        dtype,
        random_state,
        X,
        encoded,
        weight,
        loss_weight,
        validation_data,
    ):
        super().__init__(estimator, targets, first_pass, incremental, dtype, random_state)
        self.X = X = self.input_norm.filled(X)
        self.weight, self.is_weighted = weight, weight is not None
        index, validation_data = self._split(X, encoded, validation_data)
        self._check_two_rows(index)
        if first_pass:
            self._drop_unseen_categories(index)
        n = len(index)
        self.max_iter = self._max_iter(n)
        X = X if weight is None else without_far_rows(X, weight, self.input_norm)
        bounds = batch_bounds(self.network, n, self._batch_size(n))
        scaled = None if weight is None else scaled_weights(weight)
        rows = X, encoded, scaled, loss_weight, index, bounds
        self.data, self.n_batches = training_rows(estimator, self.network, *rows), len(bounds)
        self.validate = None if validation_data is None else self._validation(*validation_data)
        self._begin_history(validation_data is not None)

    def _farthest_value(self):
        """A sentence about the value of X that may be the reason, or an empty string."""
        farthest = farthest_value(self.X, self.input_norm)
        if farthest is None:
            return ""
        column = number_columns(self.estimator)[farthest.column]
        name = feature_names(identity(self.estimator), self.estimator.n_features_in_)[column]
        return f" The value farthest from the others is {farthest}, feature {name}."

    def _drop_unseen_categories(self, index):
        """Set the weights of categories to 0 that no training row has, so that they do nothing."""
        n_categories = self.input_norm.n_categories
        if n_categories:
            counts = category_counts(self.X, index, self.weight, n_categories)
            self.network.drop_last_inputs(counts == 0)

    def _split(self, X, encoded, validation_data):
        """The index of the training rows, and the validation set or None."""
        everything = np.arange(X.shape[0])
        if not self.stops_early or validation_data is not None:
            return everything, validation_data
        index, index_val = self._train_test_split(everything, self.targets.strata(encoded))
        if len(index_val) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        weight_val = None if self.weight is None else self.weight[index_val]
        self._check_has_weight(index)
        self._check_has_weight(index_val)
        return index, (X[index_val], encoded[index_val], weight_val)

    def _train_test_split(self, index, strata):
        """scikit-learn's ``train_test_split``, with errors that name ``early_stopping``."""
        fraction = self.estimator.validation_fraction
        settings = {"random_state": self.random_state, "test_size": fraction}
        try:
            return train_test_split(index, stratify=strata, **settings)
        except ValueError as error:
            of_classes = "" if strata is None else ", stratified by class"
            raise ValueError(
                f"early_stopping=True cannot hold out validation_fraction={fraction} of "
                f"{len(index)} rows{of_classes}: {str(error).rstrip('.')}. Pass X_val and y_val, "
                "another validation_fraction, or early_stopping=False."
            ) from error

    def _check_has_weight(self, index):
        if self.weight is not None and not self.weight[index].any():
            raise ValueError(
                "sample_weight sums to 0 over the rows to train on or over those that "
                "early_stopping holds out, expected a positive sum of both."
            )

    def _check_two_rows(self, index):
        """Raise for a single row, which has no variance, unless there are running statistics."""
        if self.network.batch_norms and not self._knows_statistics():
            check_rows_to_normalize_by(len(index) if self.weight is None else self.weight[index])

    def _steps(self):
        return Steps(
            self.network,
            self.loss,
            self.data,
            self.options,
            self.optimizer,
            self.random_state,
            self.max_iter,
            seed=self.seed,
            step=self.step,
        )

    def _set_population_moments(self):
        set_population_moments(self.network, self.data.rows, self.data.index, self.weight)
