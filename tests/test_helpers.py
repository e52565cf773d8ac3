"""The covering of pairs that other tests are parametrized by."""

from itertools import combinations, product

import pytest
from helpers import pairwise

AXES = [
    {"a": "xy"},
    {"a": "xyz", "b": [1, 2]},
    {"a": "xyz", "b": [1, 2], "c": [None, False, 0.0], "d": {"first": abs, "second": max}},
    {name: range(3) for name in "abcdef"},
]


@pytest.mark.parametrize("axes", AXES, ids=len)
def test_every_pair_of_values_occurs(axes):
    names, cases = pairwise(**axes)
    assert list(names) == list(axes)
    rows = [case.values for case in cases]
    for i, j in combinations(range(len(axes)), 2):
        values = [
            list(dict(axis).values()) if isinstance(axis, dict) else axis for axis in axes.values()
        ]
        pairs = {(row[i], row[j]) for row in rows}
        assert pairs >= set(product(values[i], values[j]))
    assert len({case.id for case in cases}) == len(rows) <= 2 * widest_pair(axes)
    assert pairwise(**axes)[1] == cases


def widest_pair(axes):
    """No covering has fewer rows than the two longest axes have pairs."""
    lengths = sorted(map(len, axes.values()))[-2:]
    return lengths[0] * lengths[-1]


def test_values_of_one_name_are_not_lost():
    with pytest.raises(AssertionError, match="give a mapping"):
        pairwise(call=[lambda x: x, lambda x: 2 * x], b=[1, 2])
