"""What tests of every part share."""

from collections.abc import Mapping
from itertools import combinations, product

import pytest


def pairwise(**axes):
    """Arguments of ``pytest.mark.parametrize`` with every pair of values of any two axes.

    Three axes or more need far fewer cases than their full product has, and an error that takes
    two values together is found all the same.

    Parameters
    ----------
    **axes : mapping or sequence
        The values that each argument takes; the keys of a mapping name its values.
    """
    tables = [axis if isinstance(axis, Mapping) else by_name(axis) for axis in axes.values()]
    rows = [tuple(enumerate(row)) for row in product(*tables)]
    pairs = {row: set(combinations(row, 2)) or {row} for row in rows}
    missing, chosen = set().union(*pairs.values()), []
    while missing:
        chosen.append(max(rows, key=lambda row: len(pairs[row] & missing)))
        missing -= pairs[chosen[-1]]
    return tuple(axes), [
        pytest.param(*(tables[i][name] for i, name in row), id="-".join(name for _, name in row))
        for row in chosen
    ]


def by_name(values):
    """The values by what they are called in the name of a test."""
    table = {getattr(value, "__name__", str(value)): value for value in values}
    assert len(table) == len(values), "values of one name: give a mapping"
    return table
