"""The baselines that train an MLP, each behind the same few methods.

``load``
    Rows and labels as the baseline takes them: of PyTorch on its device, else in host memory,
    without a copy; never timed.
``fit``
    Build the model and train it for some epochs; timed.
``predict_proba``
    Probabilities of rows in a NumPy array, as a NumPy array; timed.
``rows_dtype``, ``dtype``
    Of the rows that it is given, and of what it computes.
``devices``
    Those that it computes on, of which its maker is given one.

skbn and PyTorch normalize batches; scikit-learn has no layer for that and does less. All minimize
cross-entropy by Adam with the same learning rate, L2 penalty, batches and shuffling of the rows.
On the GPU float32 is float32: nobody is told to use TF32, which CuPy and PyTorch leave off.
"""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from . import N_THREADS
from .baselines import torch_on
from .devices import DEVICES, OnDevice
from .mlp_problems import ALPHA, LEARNING_RATE


class Estimator(OnDevice):
    """An estimator with MLPClassifier's parameters, said in full because defaults may differ."""

    def __init__(self, shape, device="cpu"):
        super().__init__(device)
        self.shape = shape
        self.estimator = self.find_estimator()
        # asv loads NumPy, and BLAS with it, before the suite can set the variables.
        threadpool_limits(N_THREADS, user_api="blas")

    def load(self, X, y):
        return X, y

    def parameters(self, epochs):
        return {
            "hidden_layer_sizes": self.shape.units[1:-1],
            "activation": "relu",
            "solver": "adam",
            "alpha": ALPHA,
            "batch_size": self.shape.batch_size,
            "learning_rate": "constant",
            "learning_rate_init": LEARNING_RATE,
            "max_iter": epochs,
            "random_state": 0,
            "tol": 0.0,
            "early_stopping": False,
            "beta_1": 0.9,
            "beta_2": 0.999,
            "n_iter_no_change": np.inf,
        }

    def fit(self, X, y, epochs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model = self.estimator(**self.parameters(epochs)).fit(X, y)

    def predict_proba(self, X):
        return self.model.predict_proba(X)


class Skbn(Estimator):
    """Computes in float32 whatever the rows are, and normalizes the input too."""

    devices = DEVICES
    rows_dtype = "float64"
    dtype = "float32"

    @staticmethod
    def find_estimator():
        try:
            from skbn import BatchNormMLPClassifier
        except ImportError as error:
            # asv also measures commits older than the class.
            raise NotImplementedError("this skbn has no BatchNormMLPClassifier") from error
        return BatchNormMLPClassifier

    def parameters(self, epochs):
        ours = {"dropout": self.shape.dropout, "label_smoothing": 0.0, "batch_norm_momentum": 0.1}
        # Without these, pilots would add epochs and inputs. Older commits do not have them.
        added = {"numeric_encoding": None, "clip_inputs": False}
        known = self.estimator().get_params()
        ours |= {name: value for name, value in added.items() if name in known}
        # asv also measures commits without a GPU.
        where = {} if self.device == "cpu" else {"device": self.device}
        return super().parameters(epochs) | ours | where


class SkbnFloat32(Skbn):
    rows_dtype = "float32"


class ScikitLearn(Estimator):
    """Computes in the dtype of the rows, without batch normalization."""

    rows_dtype = dtype = "float64"

    @staticmethod
    def find_estimator():
        return MLPClassifier


class ScikitLearnFloat32(ScikitLearn):
    rows_dtype = dtype = "float32"


class Torch(OnDevice):
    """PyTorch's eager mode; on the CPU tensors share the memory of the arrays."""

    devices = DEVICES
    rows_dtype = dtype = "float32"

    def __init__(self, shape, device="cpu"):
        super().__init__(device)
        self.shape = shape
        self.torch = torch_on(device)

    def tensor(self, array):
        return self.torch.from_numpy(array).to(self.device)

    def load(self, X, y):
        return self.tensor(X), self.tensor(y)

    def network(self):
        nn = self.torch.nn
        *units, n_classes = self.shape.units
        layers = []
        for n_in, n_out in pairwise(units):
            layers += [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU()]
            if self.shape.dropout:
                layers.append(nn.Dropout(self.shape.dropout))
        return nn.Sequential(*layers, nn.Linear(units[-1], n_classes)).to(self.device)

    def optimizer(self):
        # scikit-learn's alpha is for the sum over a batch, PyTorch's weight_decay for the mean.
        decay = ALPHA / self.shape.batch_size
        parameters = self.model.parameters()
        return self.torch.optim.Adam(parameters, LEARNING_RATE, weight_decay=decay, fused=True)

    def fit(self, X, y, epochs):
        self.torch.manual_seed(0)
        self.model = self.network().train()
        optimizer = self.optimizer()
        for _ in range(epochs):
            order = self.torch.randperm(len(X), device=self.device)
            for batch in order.split(self.shape.batch_size):
                self.step(X, y, batch, optimizer)

    def step(self, X, y, batch, optimizer):
        optimizer.zero_grad()
        # 5 µs for 60 rows of 784, where X[batch] takes 17.
        rows, labels = X.index_select(0, batch), y.index_select(0, batch)
        self.torch.nn.functional.cross_entropy(self.model(rows), labels).backward()
        optimizer.step()

    def predict_proba(self, X):
        self.model.eval()
        with self.torch.inference_mode():
            return self.model(self.tensor(X)).softmax(dim=1).cpu().numpy()


BASELINES = {
    "skbn float64": Skbn,
    "skbn float32": SkbnFloat32,
    "scikit-learn float64": ScikitLearn,
    "scikit-learn float32": ScikitLearnFloat32,
    "torch float32": Torch,
}
