"""Between target values, standardized where they are to be, and what a network knows of them."""

import numpy as np
from sklearn.metrics import r2_score

from .._lazy import row_by_row
from .._losses import PoissonDeviance, SquaredError
from .._moments import RunningMoments
from .._normalizer import fitted_normalizer


class LearnsValues:
    """The part of a regressor that knows y and predicts it."""

    _y_checks = {"y_numeric": True}

    def _begin_stream(self, y):
        """Nothing is announced."""

    def _learn_outputs(self, y, weight, is_first, is_incremental):
        """Learn the number and the units of the outputs."""
        self._learn_activation(y.reshape(len(y), -1).shape[1], is_first)
        moments = self._moments_of_targets(self._columns(y), weight)
        self._learn_units(moments, is_first, is_incremental)

    def _moments_of_targets(self, y, weight):
        """The moments by which targets are standardized, or None: counts stay what they are."""
        if not self.normalize_targets or self.loss == "poisson":
            return None
        return RunningMoments.of(_numbers(y), weight)

    def _learn_activation(self, n_outputs, is_first):
        out_activation = "exp" if self.loss == "poisson" else "identity"
        if is_first:
            self.n_outputs_, self.out_activation_ = n_outputs, out_activation
        elif self.out_activation_ != out_activation:
            raise ValueError(
                "Training can only go on with the loss of the previous call to fit, got "
                f"{self.loss!r}."
            )

    def _learn_units(self, moments, is_first, is_incremental):
        """Set target_norm_ to the moments, or to those of all that was seen."""
        known = None if is_first else self.target_norm_
        self.target_norm_ = None
        if moments is not None:
            if is_incremental:
                moments = self._followed(known, moments)
            names = {"feature_names_in_": self._names_of_targets()}
            self.target_norm_ = fitted_normalizer(
                moments, named_by=names, momentum=self.target_momentum
            )
        # Where units are followed the standardized outputs stay: 180 batches after y became
        # 1000·y + 1e5, R² was 0.98 so and -0.6 with outputs that stay in the units of y.
        follows_units = is_incremental and self.target_momentum is not None
        if not is_first and not follows_units:
            self._rescale_output(known)

    def _names_of_targets(self):
        return ["y"] if self.n_outputs_ == 1 else [f"y[:, {j}]" for j in range(self.n_outputs_)]

    def _followed(self, known, moments):
        """The moments of the targets of a stream after one more batch."""
        seen = RunningMoments.empty(self.n_outputs_) if known is None else known._seen()
        if self.target_momentum is None:
            return seen.merge(moments)
        return seen.forget(moments, self.target_momentum)

    def _columns(self, y):
        """y as (n, n_outputs)."""
        # Without normalization it is scikit-learn's MLPRegressor, and refuses in its words.
        y = _numbers(y) if self.normalize_targets else y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {y.shape[1]} outputs, but {type(self).__name__} was trained on "
                f"{self.n_outputs_}."
            )
        return y

    def _loss_weight(self, _y, weight, _is_incremental):
        """The weights of the rows in the loss, or None: those of the rows."""
        return weight

    def _rescale_output(self, known):
        """Give the last layer the new units of its targets, so that predictions stay."""
        mean, scale = _units(known)
        new_mean, new_scale = _units(self.target_norm_)
        ratio = scale / new_scale
        dtype = self.coefs_[-1].dtype
        coef = (self.coefs_[-1] * ratio).astype(dtype)
        intercept = (self.intercepts_[-1] * ratio + (mean - new_mean) / new_scale).astype(dtype)
        self.coefs_ = [*self.coefs_[:-1], coef]
        self.intercepts_ = [*self.intercepts_[:-1], intercept]

    def _encode(self, y, dtype, weight=None):
        """The targets (n, n_outputs), standardized where ``normalize_targets`` says so.

        Targets of rows of weight 0 are 0 where they overflow.
        """
        y = self._columns(y)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' needs y >= 0, got {y.min()}.")
        mean, scale = _units(self.target_norm_)
        with np.errstate(over="ignore"):
            targets = ((y - mean) / scale).astype(dtype)
        if not np.isfinite(targets).all():
            targets = _without_far_targets(targets, y, weight)
        return targets

    def _strata(self, targets):
        """Regression has none."""

    def _learn_prior(self, _targets, _weight, _is_incremental):
        """Values have none."""

    def _loss(self, device, _dtype):
        if self.loss == "poisson":
            return PoissonDeviance(device)
        return SquaredError(device, self.n_outputs_)

    def _score_of_logits(self, targets, logits, sample_weight):
        """R², which standardized targets leave as it is; NaN where it is not defined."""
        with np.errstate(over="ignore"):
            predicted = np.exp(logits) if self.loss == "poisson" else logits
        return _r2(targets, predicted, sample_weight) if np.isfinite(predicted).all() else np.nan

    @row_by_row()
    def predict(self, X):
        """Predict target values, in the units of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Of float64 where targets are normalized, for float32 has no digits left far from
            zero; else of the compute dtype.
        """
        outputs = self._outputs(X)
        if self.target_norm_ is not None:
            outputs = outputs * self.target_norm_.scale_ + self.target_norm_.mean_
        return outputs.ravel() if self.n_outputs_ == 1 else outputs


def _r2(targets, predicted, sample_weight):
    """R², NaN for fewer than two rows of weight above 0.

    About the first target: the mean of constant targets has a rounding error, and R² would divide
    by its square.
    """
    if sample_weight is not None:
        weighted = sample_weight > 0
        targets, predicted = targets[weighted], predicted[weighted]
        sample_weight = sample_weight[weighted]
    if len(targets) < 2:
        return np.nan
    reference = targets[0].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return r2_score(targets - reference, predicted - reference, sample_weight=sample_weight)


def _units(normalizer):
    """Mean and scale of the units of a normalizer, or of no normalizer."""
    return (0.0, 1.0) if normalizer is None else (normalizer.mean_, normalizer.scale_)


def _without_far_targets(targets, y, weight):
    """The targets, 0 in rows of weight 0 where they overflow; elsewhere that is an error."""
    has_overflown = ~np.isfinite(targets).all(axis=1)
    counts = has_overflown if weight is None else has_overflown & (weight > 0)
    if counts.any():
        largest = np.where(counts[:, None], abs(y), 0.0)
        row, column = np.unravel_index(largest.argmax(), y.shape)
        raise ValueError(
            f"y contains a value too large for {targets.dtype!r}: {y[row, column]:g} in row {row}. "
            "Leave out the row, give it sample_weight 0, or change the unit of y."
        )
    return np.where(has_overflown[:, None], 0.0, targets).astype(targets.dtype)


def _numbers(y):
    """y as (n, n_outputs), if it has numbers."""
    if y.dtype.kind not in "biuf":
        raise ValueError(f"y must be numbers, got an array of dtype {y.dtype}.")
    return y.reshape(len(y), -1)
