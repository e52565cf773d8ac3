"""The types of the public interface of skbn.dask; see skbn/__init__.pyi."""

from collections.abc import Sequence
from typing import Any

from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

import skbn
from skbn import _ClassWeight

__all__: list[str]

class BatchNormalizer(skbn.BatchNormalizer):
    def to_local(self) -> skbn.BatchNormalizer: ...

class BatchNormMLPClassifier(skbn.BatchNormMLPClassifier):
    sync_every: int | str | None
    exchange_rows: bool

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
        sync_every: int | str | None = "auto",
        exchange_rows: bool = False,
    ) -> None: ...
    def predict(self, X: Any) -> Any: ...
    def predict_proba(self, X: Any) -> Any: ...
    def predict_log_proba(self, X: Any) -> Any: ...
    def to_local(self) -> skbn.BatchNormMLPClassifier: ...

class BatchNormMLPRegressor(skbn.BatchNormMLPRegressor):
    sync_every: int | str | None
    exchange_rows: bool

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
        sync_every: int | str | None = "auto",
        exchange_rows: bool = False,
    ) -> None: ...
    def predict(self, X: Any) -> Any: ...
    def to_local(self) -> skbn.BatchNormMLPRegressor: ...
