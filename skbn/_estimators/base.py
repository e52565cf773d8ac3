"""The base class of the classifier and the regressor: parameters, fit and prediction."""

from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state, column_or_1d

from .._backends.cuda import on_host
from .._backends.selection import device_of
from .._backends.signals import defer_signals
from .._model.factored import factor_shapes
from .._model.optimizers import OPTIMIZERS
from .._model.tables import numbers_of
from . import validation
from .constraints import CONSTRAINTS
from .docstrings import with_shared_parts
from .learned_inputs import LearnedInputs
from .persistence import Persistent
from .pilots import LabelledRows, Pilots, resolve_auto, split_rows
from .predictions import Predictions
from .rows_fitting import RowsFitting
from .state import hidden_units, input_norm_of, shallow_copy
from .table_validation import (
    allows_nan,
    check_same_categories,
    learn_categories,
    validate_table,
    warn_of_unknown_categories,
)
from .validation import check_dense, fit_context


@contextmanager
def naming_validation_data():
    """Begin errors with the names of the arguments of the validation set."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X_val, y_val, sample_weight_val: {error}") from error


class BatchNormMLP(LearnedInputs, Predictions, Persistent, CallbackSupportMixin, BaseEstimator):
    """Base class of multi-layer perceptrons with batch normalization."""

    def __init_subclass__(cls):
        """Insert the parts of the docstring that the subclasses share."""
        super().__init_subclass__()
        if cls.__doc__:  # python -OO removes docstrings
            cls.__doc__ = with_shared_parts(cls.__doc__)

    _parameter_constraints = CONSTRAINTS

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the model to X and y.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
            Training rows. A DataFrame may have columns of text and of categories.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, an indicator matrix of labels (multilabel), or target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss and in all statistics. They must not be negative.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation set, scored after every epoch. With ``early_stopping=True`` it replaces the
            set split off the training rows. Otherwise it judges the pilots, if any, and has no
            other effect on training.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Labels or target values of X_val.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the rows of X_val. They must not be negative.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an argument or a parameter is invalid, or if training diverges. The fitted
            attributes are then unchanged.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def _fit(self, X, y, sample_weight, validation_data, incremental=False, **first_call):
        """Train a copy of the estimator, then copy its fitted attributes to the estimator."""
        self._check_parameters(incremental)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        task = {"estimator": self, "X": X, "y": y, "metadata": metadata}
        with device_of(self.device).oom_guard():
            prepared = self._prepared(X, y, sample_weight, validation_data, incremental, first_call)
            context = self._init_callback_context(max_subtasks=prepared.max_iter)
            context.call_on_fit_task_begin(**task)
            fitting = prepared.begin(context, task)
            fitting.run(fitting.tasks_of(context, task))
            self._commit(fitting)
            context.call_on_fit_task_end(**task, reconstruction_attributes={})
        return self

    def _prepared(self, X, y, sample_weight, validation_data, incremental, first_call):
        """A RowsFitting of a copy of the estimator to the validated data, or its Pilots."""
        estimator, targets, y = shallow_copy(self), self._targets(), on_host(y)
        first_pass = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if incremental:
            targets.begin_stream(y, **{name: on_host(value) for name, value in first_call.items()})
        if first_pass:
            learn_categories(estimator, X, incremental)
        else:
            check_same_categories(estimator, X)
        given, (X, y) = X, estimator._validate_X_y(X, y, reset=first_pass)
        if incremental and not first_pass:
            warn_of_unknown_categories(estimator, given, X)
        weight = self._validate_weights(sample_weight, X)
        targets.fit(y, weight, first_pass, incremental)
        if first_pass:
            vars(estimator).update(targets.without_pilots)
        rows = LabelledRows(X, y, weight, targets.loss_weight(y, weight, incremental))
        is_piloted = first_pass and not incremental and estimator._is_piloted()
        if is_piloted:  # a pilot would name a row by its number among those of the pilot
            targets.encode(y, estimator._compute_dtype(X.dtype, first_pass), weight)
        if is_piloted and (pilots := estimator._pilots(targets, rows, validation_data)):
            return pilots
        resolve_auto(estimator, first_pass)
        return estimator._fitting(targets, rows, validation_data, first_pass, incremental)

    def _is_piloted(self):
        """Whether pilots choose settings called "auto"."""
        is_auto = "auto" in (self.max_iter, self.numeric_encoding)
        return is_auto and self.solver in OPTIMIZERS and not self.early_stopping

    def _pilots(self, targets, rows, validation_data):
        """The Pilots of this copy of the estimator, or None if there are too few rows."""
        seed = int(deepcopy(check_random_state(self.random_state)).randint(2**31 - 1))
        validation_rows = self._check_labelled(*validation_data, targets)
        parts = [(slice(None), slice(None))]
        if validation_rows is None:
            validation_rows, labels = rows, targets.labels_of(rows.y)
            split = rows.X.shape[0], rows.loss_weight, labels, self.shuffle, seed
            parts = split_rows(*split, min_rows=targets.min_pilot_rows)
        else:
            validation_rows = targets.judged(validation_rows)

        def make_fitting(estimator, targets, part):
            if part is rows:
                return estimator._fitting(targets, rows, validation_data)
            targets.fit(part.y, part.weight, True, False)
            return estimator._fitting(targets, part, (None, None, None))

        pilots = Pilots(self, targets, rows, validation_rows, parts, seed, make_fitting)
        return pilots if parts else None

    def _fitting(self, targets, rows, validation_data, first_pass=True, incremental=False):
        """The RowsFitting of this copy of the estimator to validated rows."""
        X, y, weight, loss_weight = rows
        self._random_state = random_state = check_random_state(self.random_state)
        self.n_layers_ = len(hidden_units(self)) + 2
        dtype = self._compute_dtype(X.dtype, first_pass)
        encoded = targets.encode(y, dtype, weight)
        targets.fit_prior(encoded, loss_weight, incremental)
        self._learn_inputs(X, weight, first_pass, incremental)
        self._take_targets(targets, first_pass)
        validation_data = self._check_validation_data(*validation_data, targets, dtype)
        call = self, targets, first_pass, incremental, dtype, random_state
        return RowsFitting(*call, X, encoded, weight, loss_weight, validation_data)

    def _targets(self):
        """The LabelTargets or RegressionTargets of the estimator."""
        return self._targets_class.of(self)

    def _take_targets(self, targets, first_pass):
        """Set the attributes learned from y; if training continues, rescale the last layer."""
        vars(self).update(targets.attributes())
        if not first_pass:
            last = targets.rescaled_output(self.coefs_[-1], self.intercepts_[-1])
            self.coefs_ = [*self.coefs_[:-1], last[0]]
            self.intercepts_ = [*self.intercepts_[:-1], last[1]]

    def _commit(self, fitting):
        """Set all fitted attributes. Called after everything that may raise."""
        reset_names = {*validation.IDENTITY, "_optimizer"}
        kept = {name: value for name, value in vars(self).items() if name not in reset_names}
        attributes = fitting.learned_attributes()
        with defer_signals():
            self.__dict__ = kept | attributes
            self.loss_curve_ = fitting.history.extend_loss_curve()
        self._inference()

    def _check_parameters(self, incremental):
        """Raise if parameters, although valid individually, contradict each other."""
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.solver == "lbfgs" and self.virtual_batch_size:
            raise ValueError(
                "solver='lbfgs' takes all rows as one batch: virtual_batch_size must be None, got "
                f"{self.virtual_batch_size}."
            )
        if self.solver == "adamw" and self.learning_rate_init * self.weight_decay >= 1:
            raise ValueError(
                "learning_rate_init times weight_decay must be below 1, or weights change sign at "
                f"a step, got {self.learning_rate_init} and {self.weight_decay}."
            )

    def _compute_dtype(self, dtype_of_X, first_pass):
        """The dtype of the network; with "input" that of X in the first call."""
        if self.dtype == "input":
            return dtype_of_X if first_pass else self.coefs_[0].dtype
        return np.dtype(self.dtype)

    def _validate_X_y(self, X, y, reset):
        X, y = validate_table(
            self,
            X,
            on_host(y),
            accept_sparse="csr",
            multi_output=True,
            dtype=(np.float64, np.float32),
            order="C",
            reset=reset,
            **self._targets_class.checks,
        )
        encoding = self.numeric_encoding if reset else vars(self).get("numeric_encoding_")
        check_dense(numbers_of(X), smooth_clip=self.smooth_clip, numeric_encoding=encoding)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _check_validation_data(self, X_val, y_val, sample_weight_val, targets, dtype):
        """The validation set as (X, targets, weight), or None."""
        rows = self._check_labelled(X_val, y_val, sample_weight_val, targets)
        if rows is None:
            return None
        with naming_validation_data():
            return rows.X, targets.encode(rows.y, dtype, rows.weight), rows.weight

    def _check_labelled(self, X_val, y_val, sample_weight_val, targets):
        """The validation set as LabelledRows, or None."""
        given = [value is not None for value in (X_val, y_val, sample_weight_val)]
        if not any(given):
            return None
        if not all(given[:2]):
            raise ValueError(
                "X_val and y_val must be given together (sample_weight_val is optional); got "
                f"{'no X_val' if X_val is None else 'no y_val'}."
            )
        with naming_validation_data():
            X, y = self._validate_X_y(X_val, y_val, reset=False)
            weight = self._validate_weights(sample_weight_val, X)
            targets.encode(y, np.dtype(np.float64), weight)  # raises for unknown labels
            return LabelledRows(X, y, weight, weight)

    def _check_solver(self):
        if self.solver not in OPTIMIZERS:
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def _arrays(self):
        """Name, array and expected shape of the fitted attributes, to check a loaded state."""
        if not hasattr(self, "coefs_"):
            return
        of_columns = (self.n_features_in_,)
        if self.input_means_ is not None:
            yield "input_means_", self.input_means_, of_columns
        if self.categories_ is not None:
            yield "categories_", np.empty(len(self.categories_)), of_columns
            yield "is_ordered_", self.is_ordered_, of_columns
            yield "_is_embedded", self._is_embedded, of_columns
        input_norm = input_norm_of(self)
        units = [input_norm.n_inputs, *(len(intercept) for intercept in self.intercepts_)]
        for i, (weight, shape) in enumerate(zip(self.coefs_, pairwise(units), strict=True)):
            yield f"coefs_[{i}]", weight, shape
        shapes = factor_shapes(input_norm.embedded, units[1])
        for factor, shape in zip(self._factors or (), shapes, strict=False):
            yield "an embedding", factor, shape
        units[0] = self.n_features_in_
        if self.input_range_ is not None:
            yield "input_range_", self.input_range_, (2, self.n_features_in_)
        if self.bin_edges_ is not None:
            yield "bin_edges_", np.empty(len(self.bin_edges_)), of_columns
        norms = zip([self.input_norm_, *self.batch_norms_], units, strict=False)
        for normalizer, n_units in norms:
            if normalizer is not None:
                yield "mean_ of a normalizer", normalizer.mean_, (n_units,)

    def __getstate__(self):
        state = super().__getstate__()
        for name in ("_folded", "_categories"):
            state.pop(name, None)
        if "loss_curve_" in state:  # copied, because it grows in place and shallow copies share it
            state["loss_curve_"] = list(state["loss_curve_"])
        return state

    def __sklearn_is_fitted__(self):
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.smooth_clip is None
        tags.input_tags.allow_nan = allows_nan(self)
        return tags
