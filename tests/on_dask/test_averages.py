"""What partitions make of a state is averaged by the weight of their rows."""

import numpy as np
import pytest

from skbn._statistics.moments import RunningMoments
from skbn.dask._averages import RoundResult, average
from skbn.kernels.layout import COUNT, M2, MEAN, WEIGHT


def trained(weight, value, rows):
    """With all parameters equal to the value, and the moments of the rows (n, c)."""
    table = RunningMoments.of(rows).table
    table[[WEIGHT, M2]] *= 0.9 / len(rows)  # as an average that forgets has it
    arrays = np.full(3, value), [np.full(3, -value)], [table]
    return RoundResult(weight, value, int(weight), 4, *arrays)


def normal(seed, n):
    return np.random.default_rng(seed).normal(seed, 1 + seed, (n, 2))


def test_parameters_and_moments_are_those_of_the_mixture():
    group = [trained(100.0, 1.0, normal(0, 50)), None, trained(300.0, 5.0, normal(1, 70))]
    mixed = average(group)
    np.testing.assert_allclose(mixed.params, 4.0)
    np.testing.assert_allclose(mixed.states[0], -4.0)
    assert (mixed.weight, mixed.loss, mixed.n_rows, mixed.n_steps) == (400.0, 4.0, 400, 4)
    first, second = normal(0, 50), normal(1, 70)
    weight = np.repeat([0.25 / 50, 0.75 / 70], [50, 70])
    rows = np.concatenate([first, second])
    mean = weight @ rows
    table = mixed.runnings[0]
    np.testing.assert_allclose(table[MEAN], mean)
    np.testing.assert_allclose(table[M2] / table[WEIGHT], weight @ (rows - mean) ** 2)
    np.testing.assert_allclose(table[WEIGHT], 0.9)
    np.testing.assert_allclose(table[COUNT], 120)


def test_an_average_of_averages_is_that_of_all():
    group = [trained(10.0 * (i + 1), float(i), normal(i, 30)) for i in range(5)]
    whole, nested = average(group), average([average(group[:2]), average(group[2:])])
    for name in ("params", "states", "runnings"):
        np.testing.assert_allclose(getattr(nested, name), getattr(whole, name), atol=1e-12)


@pytest.mark.parametrize("group", [[], [None, None]])
def test_nothing_averages_to_nothing(group):
    assert average(group) is None


def test_one_is_its_own_average():
    alone = trained(3.0, 2.0, normal(0, 9))
    assert average([None, alone]) is alone


def test_what_knows_no_statistics_yet_leaves_those_of_others():
    rows = normal(2, 40)
    new = trained(5.0, 1.0, rows)
    new.runnings[0][...] = 0.0
    known = trained(5.0, 1.0, rows)
    table = average([new, known]).runnings[0]
    np.testing.assert_allclose(table[MEAN], rows.mean(axis=0))
    np.testing.assert_allclose(table[M2] / table[WEIGHT], rows.var(axis=0))
