"""Steps of scikit-learn that encode the columns of X, and the first layer for their outputs."""

from typing import NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, SplineTransformer

from .categories import Categories, ends_with_missing, number_columns
from .state import fitted_attributes

# MinMaxScaler takes smaller ranges for constants.
MIN_SPAN = 1e-12

# MinMaxScaler computes in float32 for columns of this dtype. It loses two digits of values that are
# this many times as far from zero as their range is wide.
MAX_RELATIVE_DISTANCE = 100.0


class Block(NamedTuple):
    """A fitted step for some columns of X, and the weights of its outputs in the first layer.

    Attributes
    ----------
    name : str
    step : estimator or "passthrough"
    columns : list of int
    weight : ndarray of shape (n_outputs, n_units)
    """

    name: str
    step: object
    columns: list
    weight: np.ndarray


class StockInputs:
    """The steps of scikit-learn that take the place of the inputs of an estimator.

    Parameters
    ----------
    estimator : BatchNormMLP
    weight, bias : ndarray of shape (n_inputs, n_units) and (n_units,), float64
        The first layer for unchanged numbers, for their bins, and for the categories.

    Attributes
    ----------
    steps : list of (str, estimator)
        The fitted steps that come before the MLP; empty if none is needed.
    weight, bias : ndarray of shape (n_outputs, n_units) and (n_units,), float64
        The first layer for the outputs of the steps.
    """

    def __init__(self, estimator, weight, bias):
        self.estimator, self.categories = estimator, Categories.of(estimator)
        columns = list(number_columns(estimator))
        self.edges = estimator.bin_edges_ or [np.empty(0)] * estimator.n_features_in_
        n_bins = [max(len(edges) - 1, 0) for edges in self.edges]
        parts = np.cumsum([len(columns), sum(n_bins)])
        numbers, of_bins, self.of_categories = np.split(weight, parts)
        self.of_number = dict(zip(columns, numbers, strict=True))
        self.of_bins = np.split(of_bins, np.cumsum(n_bins)[:-1])
        is_categorical = () if self.categories is None else self.categories.columns
        self.numeric = [j for j in columns if j not in is_categorical]
        self.means, self.limits = map(_known, (estimator.input_means_, estimator.input_range_))
        self.imputes, self.bias = bool(self.numeric) and estimator._has_missing, bias
        self.is_union = self._is_union()
        self.blocks = [*self._numbers(), *self._bins(), *self._one_hot()]
        self.weight = np.vstack([block.weight for block in self.blocks])
        self.steps = self._steps()

    def _is_union(self):
        """Whether every block is a scaler of all columns, beside each other in a FeatureUnion.

        skl2onnx converts it after other steps, and a ColumnTransformer in the first step only.
        """
        keeps_digits = all(_keeps_digits(edges) for edges in self.edges if len(edges))
        is_ranged = self.limits is None or fits_scaler(self.limits)
        return self.categories is None and keeps_digits and is_ranged

    def _numbers(self):
        """The block of the columns of numbers; those that are constant are a part of the bias."""
        if not self.numeric:
            return
        if self.limits is None:
            weight = np.stack([self.of_number[j] for j in self.numeric])
            step = self._imputed("passthrough", self.numeric)
            yield Block("columns", step, self.numeric, weight)
            return
        columns, (least, largest) = self.numeric, self.limits
        if not fits_scaler(self.limits[:, columns]):
            columns = [j for j in self.numeric if least[j] < largest[j]]
            constant = [j for j in self.numeric if j not in columns]
            self.bias = self.bias + sum(least[j] * self.of_number[j] for j in constant)
        if columns:
            weight = np.stack([self.of_number[j] for j in columns])
            yield self._ranged(self.limits[:, columns].astype(np.float64), columns, weight)

    def _ranged(self, limits, columns, weight):
        """The block of columns limited to their range, which becomes 0 to 1, or 1 to 0."""
        if fits_scaler(limits):
            (zero, one), step = limits, MinMaxScaler(clip=True).fit(limits)
        else:
            (one, zero), step = limits, _splines(limits, include_bias=False)
        self.bias = self.bias + zero @ weight
        scaled = weight * (one - zero)[:, None]
        return Block("columns", self._imputed(step, columns), columns, scaled)

    def _bins(self):
        """The blocks of the bins.

        A MinMaxScaler takes one bin of each column, because skl2onnx cannot convert the splines.
        """
        columns = [j for j in self.numeric if len(self.edges[j])]
        if not all(_keeps_digits(self.edges[j]) for j in columns):
            yield from self._splines_of_bins(columns)
            return
        for t in range(max((len(self.edges[j]) - 1 for j in columns), default=0)):
            yield self._bin(t, self.numeric if self.is_union else columns)

    def _bin(self, t, columns):
        """The block of bin t of these columns, of weight 0 for a column that has fewer bins."""
        limits = np.tile([[0.0], [1.0]], len(columns))
        weight = np.zeros((len(columns), len(self.bias)))
        for i, j in enumerate(columns):
            if t < len(self.edges[j]) - 1:
                limits[:, i], weight[i] = self.edges[j][t : t + 2], self.of_bins[j][t]
        step = MinMaxScaler(clip=True).fit(limits)
        return Block(f"bin_{t + 1}", self._imputed(step, columns), columns, weight)

    def _splines_of_bins(self, columns):
        """The blocks of the bins as linear splines, one for each number of edges.

        Bin t is the sum of the splines that peak at edge t or above, so that the weight of the
        spline at an edge is the sum of those of all bins up to that edge.
        """
        for n_edges in sorted({len(self.edges[j]) for j in columns}):
            taken = [j for j in columns if len(self.edges[j]) == n_edges]
            step = _splines(np.stack([self.edges[j] for j in taken], axis=1))
            sums = [self.of_bins[j].cumsum(axis=0) for j in taken]
            weight = np.vstack([np.vstack([np.zeros_like(of[:1]), of]) for of in sums])
            yield Block(f"bins_{n_edges - 1}", self._imputed(step, taken), taken, weight)

    def _imputed(self, step, columns):
        """The step for these columns, after an imputer if it needs its own."""
        if not self.imputes or self.is_union:
            return step
        imputer = self._imputer(columns)
        steps = [("imputer", imputer), ("scaler", step)]
        return imputer if step == "passthrough" else Pipeline(steps)

    def _imputer(self, columns):
        return SimpleImputer(keep_empty_features=True).fit(self.means[None, columns])

    def _one_hot(self):
        """The blocks of the one-hot columns, those of numbers and of objects apart."""
        columns = [] if self.categories is None else self.categories.columns
        for name, kinds in (("categories", "O"), ("numeric_categories", "biuf")):
            taken = [j for j in columns if self.categories.values[j].dtype.kind in kinds]
            if taken:
                values, weights = zip(*(self._of_category(j) for j in taken), strict=True)
                yield Block(name, _one_hot_encoder(values), taken, np.vstack(weights))

    def _of_category(self, j):
        """The categories of a column in an order that OneHotEncoder accepts, and their weights.

        The rank of an ordered category, without the mean, is a part of its weight.
        """
        values, start = self.categories.values[j], self.categories.starts[j]
        weight = self.of_categories[start : start + len(values)].copy()
        if j in self.of_number:
            n_ranks = self.categories.n_ranks(j)
            centered = np.arange(n_ranks) - self.means[j]
            weight[:n_ranks] += centered[:, None] * self.of_number[j]
            self.bias = self.bias + self.means[j] * self.of_number[j]
        if values.dtype.kind == "O":
            return _with_both_missing(values, weight)
        order = values.argsort()
        return values[order], weight[order]

    def _steps(self):
        """The steps before the MLP, as (name, fitted estimator)."""
        names = fitted_attributes(self.estimator, ("feature_names_in_",)).get("feature_names_in_")
        if not self.is_union:
            return [("encoder", self._column_transformer(names))]
        imputer = [("imputer", self._imputer(self.numeric))] if self.imputes else []
        steps = [(block.name, block.step) for block in self.blocks]
        if len(steps) > 1:
            steps = [("encoder", FeatureUnion(steps))]
        steps = [*imputer, *(step for step in steps if step[1] != "passthrough")]
        if steps and names is not None:
            _name(steps[0][1], names)
        return steps

    def _column_transformer(self, names):
        """A ColumnTransformer of the blocks, whose steps are fitted."""
        fitted = [(block.name, block.step, block.columns) for block in self.blocks]
        rows = np.zeros((2, self.estimator.n_features_in_), dtype=object)
        encoder = ColumnTransformer(fitted).fit(rows)
        encoder.transformers_ = fitted
        if names is not None:
            encoder.feature_names_in_ = names
            for block in self.blocks:
                _name(block.step, names[block.columns])
        return encoder


def _known(values):
    return None if values is None else np.nan_to_num(values)


def fits_scaler(limits):
    """Whether MinMaxScaler keeps all digits but two of float32, in columns that vary."""
    span = (limits[1] - limits[0]).astype(np.float64)
    is_wide = abs(limits).max(axis=0) <= MAX_RELATIVE_DISTANCE * span
    return bool((is_wide & (span > MIN_SPAN) | (span == 0.0)).all())


def _keeps_digits(edges):
    """Whether MinMaxScaler keeps the digits within the bins of a column."""
    if edges.dtype == np.float64:
        return bool((np.diff(edges) > MIN_SPAN).all())
    return fits_scaler(np.stack([edges[:-1], edges[1:]]))


def _splines(knots, **options):
    """The linear splines with these knots (n_knots, n_columns), constant beyond the last ones."""
    knots = knots.astype(np.float64)
    options |= {"degree": 1, "knots": knots, "extrapolation": "constant"}
    return SplineTransformer(**options).fit(knots)


def _with_both_missing(values, weight):
    """Categories of text and their weights, with None and NaN if a missing value is one of them.

    OneHotEncoder distinguishes them: pandas has NaN, polars and Arrow have None.
    """
    if not ends_with_missing(values):
        return values, weight
    both = np.array([*values[:-1], None, np.nan], dtype=object)
    return both, np.vstack([weight, weight[-1:]])


def _one_hot_encoder(values):
    """A fitted OneHotEncoder of columns with these categories."""
    encoder = OneHotEncoder(categories=list(values), handle_unknown="ignore", sparse_output=False)
    return encoder.fit(np.stack([of_column[:1] for of_column in values], axis=1))


def _name(step, names):
    """Set the names of the features of a step; those of a Pipeline or union are of its parts."""
    if isinstance(step, Pipeline):
        _name(step.steps[0][1], names)
    elif isinstance(step, FeatureUnion):
        for _, part in step.transformer_list:
            _name(part, names)
    elif step != "passthrough":
        step.feature_names_in_ = names
