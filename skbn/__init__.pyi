"""The types of the public interface. tests/test_types.py compares them with the source.

scikit-learn has no types, so that rows, labels and weights may be anything: arrays, DataFrames of
pandas and polars, sparse matrices and collections of Dask.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

__version__: str
__all__: list[str]

_ClassWeight: TypeAlias = Mapping[Any, float] | Sequence[Mapping[Any, float]] | str | None
_Request: TypeAlias = bool | str | None  # of metadata routing

class _Estimator:
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Self: ...
    def set_callbacks(self, *callbacks: Any) -> Self: ...
    def get_metadata_routing(self) -> Any: ...

class BatchNormalizer(_Estimator):
    momentum: float | None
    epsilon: float
    with_mean: bool
    with_std: bool
    gamma: ArrayLike | None
    beta: ArrayLike | None
    ddof: int
    copy: bool
    device: str
    mean_: NDArray[Any] | None
    var_: NDArray[Any] | None
    scale_: NDArray[Any] | None
    gamma_: NDArray[Any]
    beta_: NDArray[Any]
    n_samples_seen_: int | float | NDArray[Any]

    def __init__(
        self,
        *,
        momentum: float | None = None,
        epsilon: float = 0.0,
        with_mean: bool = True,
        with_std: bool = True,
        gamma: ArrayLike | None = None,
        beta: ArrayLike | None = None,
        ddof: int = 0,
        copy: bool = True,
        device: str = "cpu",
    ) -> None: ...
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self: ...
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self: ...
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any: ...
    def transform(self, X: Any, copy: bool | None = None) -> Any: ...
    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any: ...
    def normalize_batch(self, X: Any, sample_weight: Any = None) -> Any: ...
    def merge(self, *others: BatchNormalizer) -> Self: ...
    def fold(self) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def to_sklearn(self) -> Any: ...
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]: ...
    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self: ...
    def set_fit_request(self, *, sample_weight: _Request = ...) -> Self: ...
    def set_partial_fit_request(self, *, sample_weight: _Request = ...) -> Self: ...
    def set_transform_request(self, *, copy: _Request = ...) -> Self: ...
    def set_inverse_transform_request(self, *, copy: _Request = ...) -> Self: ...

class _BatchNormMLP(_Estimator):
    hidden_layer_sizes: int | Sequence[int] | NDArray[Any]
    activation: str
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int | str
    shuffle: bool
    random_state: int | RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int
    max_fun: int
    batch_norm: bool
    batch_norm_momentum: float
    batch_norm_epsilon: float
    virtual_batch_size: int | None
    normalize_inputs: bool
    categorical_features: ArrayLike | None
    clip_inputs: bool
    smooth_clip: float | None
    numeric_encoding: str | None
    n_bins: int
    weight_decay: float
    dropout: float
    dtype: str
    device: str
    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    batch_norms_: list[BatchNormalizer]
    input_norm_: BatchNormalizer | None
    input_range_: NDArray[Any] | None
    input_means_: NDArray[Any] | None
    categories_: list[NDArray[Any] | None] | None
    is_ordered_: NDArray[Any] | None
    smooth_clip_: float | None
    numeric_encoding_: str | None
    max_iter_: int | None
    pilots_: list[dict[str, Any]] | None
    bin_edges_: list[NDArray[Any]] | None
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self: ...
    # The predictions of a Dask collection are a collection.
    def predict(self, X: Any) -> NDArray[Any]: ...
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
    def recalibrate(self, X: Any, sample_weight: Any = None) -> Self: ...
    def to_sklearn(self) -> Any: ...
    def set_fit_request(
        self,
        *,
        X_val: _Request = ...,
        sample_weight: _Request = ...,
        sample_weight_val: _Request = ...,
        y_val: _Request = ...,
    ) -> Self: ...
    def set_score_request(self, *, sample_weight: _Request = ...) -> Self: ...

class BatchNormMLPClassifier(_BatchNormMLP):
    class_weight: _ClassWeight
    label_smoothing: float
    classes_: NDArray[Any]
    temperature_: float

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] | NDArray[Any] = (192, 192, 192),
        activation: str = "relu",
        *,
        solver: str = "adamw",
        alpha: float = 0.0,
        batch_size: int | str = "scaled",
        learning_rate: str = "cosine",
        learning_rate_init: float = 0.006,
        power_t: float = 0.5,
        max_iter: int | str = "auto",
        shuffle: bool = True,
        random_state: int | RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        batch_norm: bool = True,
        batch_norm_momentum: float = 0.1,
        batch_norm_epsilon: float = 1e-5,
        virtual_batch_size: int | None = None,
        normalize_inputs: bool = True,
        categorical_features: ArrayLike | None = "from_dtype",
        clip_inputs: bool = True,
        smooth_clip: float | None = None,
        numeric_encoding: str | None = "auto",
        n_bins: int = 16,
        weight_decay: float = 1.5,
        dropout: float = 0.1,
        class_weight: _ClassWeight = None,
        label_smoothing: float = 0.0,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None: ...
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Self: ...
    def predict_proba(self, X: Any) -> NDArray[Any]: ...
    def predict_log_proba(self, X: Any) -> NDArray[Any]: ...
    def set_partial_fit_request(
        self,
        *,
        classes: _Request = ...,
        sample_weight: _Request = ...,
    ) -> Self: ...

class BatchNormMLPRegressor(_BatchNormMLP):
    loss: str
    normalize_targets: bool
    target_momentum: float | None
    target_norm_: BatchNormalizer | None

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] | NDArray[Any] = (192, 192, 192),
        activation: str = "relu",
        *,
        solver: str = "adamw",
        alpha: float = 0.0,
        batch_size: int | str = "scaled",
        learning_rate: str = "cosine",
        learning_rate_init: float = 0.006,
        power_t: float = 0.5,
        max_iter: int | str = "auto",
        shuffle: bool = True,
        random_state: int | RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        batch_norm: bool = True,
        batch_norm_momentum: float = 0.1,
        batch_norm_epsilon: float = 1e-5,
        virtual_batch_size: int | None = None,
        normalize_inputs: bool = True,
        categorical_features: ArrayLike | None = "from_dtype",
        clip_inputs: bool = True,
        smooth_clip: float | None = None,
        numeric_encoding: str | None = "auto",
        n_bins: int = 16,
        weight_decay: float = 0.1,
        dropout: float = 0.0,
        normalize_targets: bool = True,
        target_momentum: float | None = None,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None: ...
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self: ...
    def set_partial_fit_request(self, *, sample_weight: _Request = ...) -> Self: ...

def show_versions() -> None: ...
def to_sklearn(estimator: Any) -> Any: ...
