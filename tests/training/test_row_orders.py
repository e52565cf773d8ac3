"""The order of the rows in each epoch."""

import numpy as np
import pytest

from skbn._training.data import RowOrders

INDEX = np.array([5, 3, 8, 1])


@pytest.mark.parametrize("is_drawn_ahead", [False, True])
def test_orders_are_shuffled_one_after_the_other(is_drawn_ahead):
    orders = RowOrders(INDEX, np.random.RandomState(0), 3)
    random_state, expected = np.random.RandomState(0), INDEX
    for _ in range(3):
        drawn = np.arange(4)
        random_state.shuffle(drawn)
        expected = expected[drawn]
        np.testing.assert_array_equal(orders.take(), expected)
        if is_drawn_ahead:
            orders.draw_ahead()


@pytest.mark.parametrize("n_epochs", [1, 2])
def test_an_order_that_no_epoch_takes_leaves_the_generator_as_it_was(n_epochs):
    random_state, other = np.random.RandomState(0), np.random.RandomState(0)
    orders = RowOrders(INDEX, random_state, n_epochs)
    orders.take()
    orders.draw_ahead()
    other.shuffle(np.arange(4))
    assert random_state.randint(1 << 30) == other.randint(1 << 30)


def test_without_a_generator_the_rows_keep_their_order():
    orders = RowOrders(INDEX, None, 2)
    np.testing.assert_array_equal([orders.take(), orders.take()], [INDEX, INDEX])
