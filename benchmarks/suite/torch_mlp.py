"""A plain strong recipe in PyTorch: what good defaults reach when they are wired by hand."""

from itertools import pairwise

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler

from . import N_THREADS
from .baselines import require

HIDDEN = (256, 256, 256)
N_EPOCHS = 60
BATCH_SIZE = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
BETAS = 0.9, 0.95
DROPOUT = 0.1
VALIDATION_SHARE = 0.1
CLIP = 3.0


class TorchBatchNormMLP:
    """Linear, BatchNorm1d, ReLU and dropout; AdamW; a cosine to zero; the best epoch restored."""

    def __init__(self, is_regression, seed):
        self.is_regression, self.seed = is_regression, seed
        self.torch = require("torch")
        self.torch.set_num_threads(N_THREADS)

    def _inputs(self, X):
        Z = self.scaler.transform(X)
        return self.torch.from_numpy((Z / np.sqrt(1 + (Z / CLIP) ** 2)).astype(np.float32))

    def _network(self, n_features, n_outputs):
        nn, units = self.torch.nn, (n_features, *HIDDEN)
        layers = []
        for n_in, n_out in pairwise(units):
            layers += [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out)]
            layers += [nn.ReLU(), nn.Dropout(DROPOUT)]
        return nn.Sequential(*layers, nn.Linear(units[-1], n_outputs))

    def _optimizer(self, n_steps):
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim == 1]
        groups = [
            {"params": weights, "weight_decay": WEIGHT_DECAY},
            {"params": others, "weight_decay": 0.0},
        ]
        optim = self.torch.optim
        self.optimizer = optim.AdamW(groups, LEARNING_RATE, BETAS, fused=True)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, n_steps)

    def _learn_targets(self, y):
        """Set what turns targets into outputs, and the loss; gives the targets as a tensor."""
        nn = self.torch.nn
        if self.is_regression:
            self.center, self.scale, self.n_outputs = y.mean(), y.std(), 1
            self.loss = nn.MSELoss()
            return self.torch.from_numpy(((y - self.center) / self.scale).astype(np.float32))
        self.encoder = LabelEncoder().fit(y)
        self.n_outputs, self.loss = len(self.encoder.classes_), nn.CrossEntropyLoss()
        return self.torch.from_numpy(self.encoder.transform(y).astype(np.int64))

    def fit(self, X, y):
        self.torch.manual_seed(self.seed)
        self.scaler = StandardScaler().fit(X)
        targets = self._learn_targets(y)
        strata = None if self.is_regression else targets
        index = np.arange(len(y))
        train, val = train_test_split(
            index, test_size=VALIDATION_SHARE, random_state=self.seed, stratify=strata
        )
        inputs = self._inputs(X)
        self.network = self._network(X.shape[1], self.n_outputs)
        self._train(inputs[train], targets[train], inputs[val], targets[val])
        return self

    def _train(self, X, y, X_val, y_val):
        size = min(BATCH_SIZE, len(y))
        n_batches = len(y) // size
        self._optimizer(N_EPOCHS * n_batches)
        best = np.inf
        for _ in range(N_EPOCHS):
            self._epoch(X, y, self.torch.randperm(len(y))[: n_batches * size].split(size))
            error = self._error(X_val, y_val)
            if error <= best:
                best = error
                state = {name: t.clone() for name, t in self.network.state_dict().items()}
        self.network.load_state_dict(state)
        self.network.eval()

    def _epoch(self, X, y, batches):
        self.network.train()
        for batch in batches:
            self.optimizer.zero_grad()
            outputs = self.network(X[batch])
            self.loss(outputs[:, 0] if self.is_regression else outputs, y[batch]).backward()
            self.optimizer.step()
            self.schedule.step()

    def _error(self, X, y):
        self.network.eval()
        with self.torch.inference_mode():
            outputs = self.network(X)
            if self.is_regression:
                return float(((outputs[:, 0] - y) ** 2).mean())
            return float((outputs.argmax(dim=1) != y).float().mean())

    def _outputs(self, X):
        with self.torch.inference_mode():
            return self.network(self._inputs(X))

    def predict(self, X):
        outputs = self._outputs(X)
        if self.is_regression:
            return outputs[:, 0].numpy() * self.scale + self.center
        return self.encoder.classes_[outputs.argmax(dim=1).numpy()]

    def predict_proba(self, X):
        return self._outputs(X).softmax(dim=1).numpy()
