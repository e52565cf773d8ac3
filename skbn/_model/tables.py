"""Rows of numbers and of category codes, which the first layer reads without one-hot columns."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from .._backends.cpu import CPU


class Table:
    """Rows of which some columns are numbers and others are categories.

    Parameters
    ----------
    numbers : ndarray of shape (n, d), float32 or float64
        d may be 0.
    codes : ndarray of shape (n, c), int32
        The input of the network, counted from the first category of the first column, that is 1
        for the category of the row; -1 if there is none.
    """

    def __init__(self, numbers, codes):
        self.numbers, self.codes = numbers, codes
        self.shape, self.dtype = numbers.shape, numbers.dtype

    @property
    def nbytes(self):
        return self.numbers.nbytes + self.codes.nbytes

    def __getitem__(self, rows):
        return Table(self.numbers[rows], self.codes[rows])

    def with_numbers(self, numbers):
        """The same categories with other numbers."""
        return Table(numbers, self.codes)


def numbers_of(X):
    """The columns of numbers of X, an array, a sparse matrix or a Table."""
    return X.numbers if isinstance(X, Table) else X


def with_numbers(X, numbers):
    """X with other numbers."""
    return X.with_numbers(numbers) if isinstance(X, Table) else numbers


def stacked(parts):
    """The rows of several arrays, sparse matrices or Tables of one kind, one below the other."""
    if isinstance(parts[0], Table):
        numbers = stacked([part.numbers for part in parts])
        return Table(numbers, np.concatenate([part.codes for part in parts]))
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
    return np.concatenate(parts)


def category_counts(table, index, weight, n_categories):
    """The number of rows of each category among those at the index, of weight (n,) above 0."""
    counted = index if weight is None else index[weight[index] > 0.0]
    codes = table.codes[counted]
    return np.bincount(codes[codes >= 0], minlength=n_categories)


class Codes:
    """The codes (m, c) of a batch, for the kernels of a device."""

    def __init__(self, codes, device):
        self.codes, self.kernels = codes, device.kernels

    def add_product(self, weight, out):
        """out (m, h) += the one-hot columns times the weight (k, h)."""
        self.kernels.one_hot_forward(self.codes, weight, out)

    def add_transposed_product(self, delta, out):
        """out (k, h) += the transposed one-hot columns times delta (m, h)."""
        self.kernels.one_hot_backward(self.codes, delta, out)


class OneHotColumns:
    """The one-hot columns of codes (m, c) as a sparse matrix, for inference without kernels."""

    def __init__(self, codes, n_categories, dtype):
        is_known = codes >= 0
        indptr = np.concatenate([[0], is_known.sum(axis=1).cumsum()])
        stored = np.ones(indptr[-1], dtype), codes[is_known], indptr
        self.columns = sparse.csr_array(stored, shape=(len(codes), n_categories))

    def add_product(self, weight, out):
        """out (m, h) += the columns times the weight (k, h)."""
        out += self.columns @ weight


class TableInputs(NamedTuple):
    """The inputs for a batch of m rows: those for numbers, and Codes or OneHotColumns."""

    numbers: object
    categories: object

    @property
    def shape(self):
        return self.numbers.shape


class TableRows:
    """Rows of a Table. The inputs for the numbers come first, then one for each category.

    Parameters
    ----------
    numbers : DenseRows
        The rows of the numbers.
    codes : ndarray of shape (n, c), int32
    n_categories : int
        Number of categories of all columns.
    """

    def __init__(self, numbers, codes, n_categories):
        self.numbers, self.n_categories, self.device = numbers, n_categories, numbers.device
        self.codes = self.device.to_device(codes)
        self.n_rows, self.width = numbers.n_rows, numbers.width

    def take(self, index, buffer):
        """The rows at the index (m,), the numbers in the buffer (m, width)."""
        codes = Codes(self.codes.take(index, axis=0), self.device)
        return TableInputs(self.numbers.take(index, buffer), codes)

    def slice(self, start, stop):
        """The rows from start to stop. No kernel of the host is used, as in DenseRows."""
        codes = self.codes[start:stop]
        if self.device is CPU:
            categories = OneHotColumns(codes, self.n_categories, self.numbers.dtype)
        else:
            categories = Codes(codes, self.device)
        return TableInputs(self.numbers.slice(start, stop), categories)

    def clipped(self, inputs, largest):
        """The inputs, with their numbers clipped to ±largest."""
        return inputs._replace(numbers=self.numbers.clipped(inputs.numbers, largest))

    def dot(self, inputs, weight, out):
        """out (m, h) = the inputs times the weight (width + n_categories, h)."""
        if self.width:
            self.numbers.dot(inputs.numbers, weight[: self.width], out)
        else:
            out[...] = 0.0
        inputs.categories.add_product(weight[self.width :], out)

    def transposed_dot(self, inputs, delta, out):
        """out (width + n_categories, h) = the transposed inputs times delta (m, h)."""
        if self.width:
            self.numbers.transposed_dot(inputs.numbers, delta, out[: self.width])
        out[self.width :] = 0.0
        inputs.categories.add_transposed_product(delta, out[self.width :])
