"""What the MLPs do with a fitted network."""

from operator import is_

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._backends.selection import device_of_fitted
from .._model.tables import numbers_of
from . import validation
from .ranges import ColumnRange
from .recalibration import recalibrated
from .state import inference_key, inference_of
from .table_validation import validate_table
from .validation import check_dense


class Predictions:
    """Mixin for predictions by the folded network, and for new statistics of hidden layers."""

    def recalibrate(self, X, sample_weight=None):
        """Recompute the statistics of the hidden layers on other rows.

        Weights, γ, β and ``input_norm_`` do not change. ``input_range_`` is extended to the rows.
        This is precise batch normalization (Wu & Johnson, arXiv:2105.07576, section 3), or, on rows
        of another domain, adaptive batch normalization (Li et al., arXiv:1603.04779).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to compute the statistics of, at least two.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the statistics.

        Returns
        -------
        self : object
            The estimator with new ``batch_norms_`` and ``input_range_``.

        Raises
        ------
        ValueError
            If there are no batch-normalized layers, if X has a single row, or if rows are so far
            from the others that the statistics of the layers are not finite.
        """
        table = self._validated_table(X)
        weight = self._validate_weights(sample_weight, table)
        X = self._inference().input_norm.filled(table)
        device = device_of_fitted(self.device)
        with device.oom_guard(), np.errstate(all="ignore"):
            batch_norms = recalibrated(self, X, weight)
        if not all(np.isfinite([norm.mean_, norm.var_]).all() for norm in batch_norms):
            raise ValueError(
                "X contains rows so far from the others that statistics of hidden layers are "
                f"beyond {self.coefs_[0].dtype}: remove these rows."
            )
        limits = self.input_range_
        if limits is not None:
            limits = self._limits(ColumnRange.of(numbers_of(table), weight), limits)
        self.batch_norms_, self.input_range_ = batch_norms, limits
        return self

    def _validate_X(self, X):
        """X validated for prediction, without missing values.

        scikit-learn's validation is left out where it is not needed.
        """
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        is_plain = validation.is_plain(X) and self._takes_any_array(X.shape[1])
        if is_plain and validation.is_finite(X):
            return X
        return self._inference().input_norm.filled(self._validated_table(X))

    def _validated_table(self, X):
        """X validated by scikit-learn."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        checks = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}
        X = validate_table(self, X, reset=False, **checks)
        check_dense(numbers_of(X), smooth_clip=self.smooth_clip_)
        return X

    def _takes_any_array(self, n_features):
        """Whether validation leaves an array with this number of features unchanged."""
        is_unnamed = validation.identity(self) == {"n_features_in_": n_features}
        return is_unnamed and self.categories_ is None

    def _inference(self):
        """The folded network, which is rebuilt when a fitted attribute was replaced."""
        parts = inference_key(self)
        previous, network = getattr(self, "_folded", ((), None))
        if len(previous) == len(parts) and all(map(is_, previous, parts)):
            return network
        self._folded = parts, inference_of(self)
        return self._folded[1]

    def _outputs(self, X):
        """The outputs of the network for the rows of X, (n, n_outputs) in the compute dtype."""
        X = self._validate_X(X)
        return self._inference()(X)

    def _logits(self, X):
        """The outputs of the network before the output activation."""
        X = self._validate_X(X)
        return self._inference().logits(X)

    def _validate_weights(self, sample_weight, X):
        weight = validation.validate_weights(sample_weight, X)
        if weight is not None and not weight.any():
            raise ValueError("sample_weight sums to 0, expected a positive sum.")
        return weight
