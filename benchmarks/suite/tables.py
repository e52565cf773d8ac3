"""Real tables: read from files or OpenML, split and encoded the same way for every learner."""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import fetch_openml
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

# Names and versions on OpenML of the tables that are taken by default.
OPENML = {
    "2dplanes": 1,
    "adult": 2,
    "anneal": 1,
    "bank-marketing": 1,
    "cholesterol": 1,
    "cmc": 1,
    "colic": 2,
    "covertype": 3,
    "cpu_act": 1,
    "credit-g": 1,
    "diamonds": 1,
    "electricity": 1,
    "fried": 1,
    "haberman": 1,
    "heart-c": 1,
    "hypothyroid": 1,
    "ionosphere": 1,
    "kin8nm": 1,
    "kr-vs-kp": 1,
    "letter": 1,
    "mushroom": 1,
    "mv": 1,
    "page-blocks": 1,
    "phoneme": 1,
    "pol": 1,
    "primary-tumor": 1,
    "ringnorm": 1,
    "satimage": 1,
    "segment": 1,
    "sick": 1,
    "soybean": 1,
    "spambase": 1,
    "splice": 1,
    "stock": 1,
    "tic-tac-toe": 1,
    "twonorm": 1,
    "vehicle": 1,
    "vote": 1,
    "vowel": 1,
    "wine_quality": 1,
}
TRAIN_SHARE = 0.75
MAX_TEST_ROWS = 20_000
MAX_CATEGORIES = 50


class Table(NamedTuple):
    """X (n, d) of float32 with NaN for missing and codes for categories; y as it came.

    ``n_train`` rows come first where their publisher split them, else it is None.
    """

    X: np.ndarray
    y: np.ndarray
    categorical: list
    is_regression: bool
    n_train: int | None


class Split(NamedTuple):
    """The rows to learn from and those to be judged by, encoded and as they came."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    is_regression: bool
    X_raw: np.ndarray
    X_test_raw: np.ndarray
    categorical: list


def from_file(path):
    """A Table of an npz with X, y and a JSON ``meta``."""
    with np.load(path, allow_pickle=False) as data:
        meta = json.loads(str(data["meta"]))
        X, y = data["X"].astype(np.float32), data["y"]
    is_regression = meta["task"] == "regression"
    if is_regression:
        y = y.astype(np.float64).reshape(len(y), -1)[:, 0]
    return Table(X, y, meta.get("cat_idx") or [], is_regression, meta.get("n_train"))


def from_openml(name):
    """A Table of OpenML's, cached by scikit-learn in its data home."""
    X, y = fetch_openml(name, version=OPENML.get(name, "active"), return_X_y=True, as_frame=True)
    is_number = [pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes]
    categorical = [j for j, numeric in enumerate(is_number) if not numeric]
    codes = {X.columns[j]: X.iloc[:, j].astype("category").cat.codes for j in categorical}
    X = X.assign(**codes).to_numpy(np.float32)
    is_regression = pd.api.types.is_numeric_dtype(y.dtype)
    return Table(
        X, y.to_numpy(np.float64 if is_regression else str), categorical, is_regression, None
    )


def _rows(table, max_train, rng):
    """Indices of the rows to train on and to test on."""
    if table.n_train:
        train, test = np.split(np.arange(len(table.y)), [table.n_train])
    else:
        order = rng.permutation(len(table.y))
        train, test = np.split(order, [int(TRAIN_SHARE * len(order))])
    return rng.permutation(train)[:max_train], rng.permutation(test)[:MAX_TEST_ROWS]


def split(table, max_train, seed):
    """A Split: medians for what is missing, a column for each category; nothing is scaled."""
    train, test = _rows(table, max_train, np.random.default_rng(seed))
    numeric = [j for j in range(table.X.shape[1]) if j not in table.categorical]
    one_hot = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, max_categories=MAX_CATEGORIES
    )
    encoder = make_column_transformer(
        (SimpleImputer(strategy="median"), numeric), (one_hot, table.categorical)
    )
    X = encoder.fit_transform(table.X[train]).astype(np.float32)
    X_test = encoder.transform(table.X[test]).astype(np.float32)
    return Split(
        X,
        table.y[train],
        X_test,
        table.y[test],
        table.is_regression,
        table.X[train],
        table.X[test],
        table.categorical,
    )
