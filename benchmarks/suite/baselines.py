"""The baselines, each behind the same few methods.

``load``
    X as the baseline takes it: on the CPU without a copy, else on the GPU; never timed.
``fit``, ``partial_fit``
    Learn the statistics, of one array and of a stream; timed.
``learn``
    Make ready for ``transform``; never timed.
``transform``
    Normalize; timed.
``fit_transform``
    Learn the statistics of one array, and normalize it by them; timed.
``statistics``
    Mean and variance (ddof=0) learned, as NumPy arrays.
``to_host``
    What ``transform`` gave, as a NumPy array; never timed.
``devices``
    Those that it computes on, of which its maker is given one.

A baseline has no method for what its library has not; a floor has no statistics, since it
computes nothing that could be right or wrong.
"""

from importlib import import_module

import numpy as np
from sklearn.preprocessing import StandardScaler

from skbn import BatchNormalizer

from . import N_THREADS
from .devices import DEVICES, OnDevice, require_gpu

# oneDAL adds up float32 in float32. 33,000,000x3 in one batch takes 76 ms, and its mean is off by
# 0.4 standard deviations; in batches of these rows 79 ms and 2e-5.
MAX_ROWS_ONEDAL = 1_000_000


def require(module):
    """The module, or NotImplementedError, by which asv skips a benchmark."""
    try:
        return import_module(module)
    except ImportError as error:
        raise NotImplementedError(f"{module} is not installed") from error


def torch_on(device):
    """PyTorch with our number of threads, or NotImplementedError where it lacks the device."""
    torch = require("torch")
    if device == "cuda" and not torch.cuda.is_available():
        raise NotImplementedError("PyTorch finds no GPU")
    torch.set_num_threads(N_THREADS)
    return torch


class Baseline(OnDevice):
    """What all of them do alike."""

    def load(self, X):
        return X if self.device == "cpu" else require_gpu().to_device(X)

    def to_host(self, Y):
        return np.asarray(Y) if self.device == "cpu" else require_gpu().to_host(Y)

    def learn(self, X):
        self.fit(X)


class Scaler(Baseline):
    """An estimator with StandardScaler's methods, which takes missing values and weights."""

    def __init__(self, device="cpu"):
        super().__init__(device)
        self.model = self.new()

    def new(self):
        return self.estimator()

    def fit(self, X):
        self.model = self.new().fit(X)

    def fit_weighted(self, X, sample_weight):
        self.model = self.new().fit(X, sample_weight=sample_weight)

    def fit_transform(self, X):
        self.fit(X)
        return self.transform(X)

    def partial_fit(self, X):
        self.model.partial_fit(X)

    def transform(self, X):
        return self.model.transform(X)

    def statistics(self):
        return self.model.mean_, self.model.var_


class Skbn(Scaler):
    devices = DEVICES

    def new(self):
        # asv also measures commits older than the parameter.
        given = {} if self.device == "cpu" else {"device": self.device}
        return BatchNormalizer(**given)


class ScikitLearn(Scaler):
    estimator = StandardScaler


class UsesTorch(Baseline):
    devices = DEVICES

    def __init__(self, device="cpu"):
        super().__init__(device)
        self.torch = torch_on(device)

    def load(self, X):
        return self.torch.from_numpy(X).to(self.device)

    def to_host(self, Y):
        return Y.cpu().numpy()


class Torch(UsesTorch):
    """``torch.var_mean`` for the statistics, BatchNorm1d in eval mode for the normalization."""

    def fit(self, X):
        self.var, self.mean = self.torch.var_mean(X, dim=0, correction=0)

    def learn(self, X):
        like = {"dtype": X.dtype, "device": X.device}
        # PyTorch demands eps > 0; this one changes no variance of the data.
        tiny = self.torch.finfo(X.dtype).tiny
        self.layer = self.torch.nn.BatchNorm1d(X.shape[1], eps=tiny, affine=False, **like).eval()
        self.fit_transform(X)

    def fit_transform(self, X):
        self.fit(X)
        self.layer.running_mean.copy_(self.mean)
        self.layer.running_var.copy_(self.var)
        return self.transform(X)

    def transform(self, X):
        return self.layer(X)

    def statistics(self):
        return self.to_host(self.mean), self.to_host(self.var)


class OneDAL(Baseline):
    """oneDAL's bare binding, which looks for neither NaN nor infinity."""

    module = "onedal.basic_statistics"

    def __init__(self, device="cpu"):
        super().__init__(device)
        self.estimator = require(self.module).IncrementalBasicStatistics
        # The threads of oneDAL are TBB's, which no environment variable sets.
        require("daal4py").daalinit(N_THREADS)
        self.start()

    def start(self):
        self.model = self.estimator(result_options=["mean", "variance"])
        self.count = 0

    def fit(self, X):
        self.start()
        for start in range(0, len(X), MAX_ROWS_ONEDAL):
            self.partial_fit(X[start : start + MAX_ROWS_ONEDAL])
        self.finalize()

    def partial_fit(self, X):
        self.model.partial_fit(X)
        self.count += len(X)

    def finalize(self):
        self.model.finalize_fit()

    def statistics(self):
        self.finalize()
        return self.model.mean_, self.model.variance_ * (1.0 - 1.0 / self.count)


class Sklearnex(OneDAL):
    """The public face of oneDAL, with scikit-learn's validation of the input."""

    module = "sklearnex.basic_statistics"

    def finalize(self):
        _ = self.model.mean_


class PureRead(UsesTorch):
    """The floor of ``fit``: one sum over all values."""

    def fit(self, X):
        X.sum()


class Copy(Baseline):
    """The floor of ``transform``: NumPy's copy into fresh memory, on one thread, or CuPy's."""

    devices = DEVICES

    def learn(self, X):
        pass

    def transform(self, X):
        return X.copy()


BASELINES = {
    "skbn": Skbn,
    "scikit-learn": ScikitLearn,
    "torch": Torch,
    "oneDAL": OneDAL,
    "sklearnex": Sklearnex,
    "pure read": PureRead,
    "copy": Copy,
}


def able_to(method):
    """The names of the baselines that have the method."""
    return tuple(name for name, baseline in BASELINES.items() if hasattr(baseline, method))
