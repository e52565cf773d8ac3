"""One exchange of rows between the partitions of collections."""

from itertools import chain, pairwise
from math import isqrt

import numpy as np
from scipy import sparse

from ._cluster import persist
from ._errors import naming_partitions
from ._tasks import all_persisted, computed, mapped

# Largest number of partitions that exchange rows directly. P of them take P² tasks; more of them
# exchange rows in two stages, by groups of √P.
MAX_DIRECT = 32


def exchange_rows(partitions, seed):
    """The partitions of a table and of its columns, of which each has random rows of all others.

    Each partition is split into random pieces, and a new partition has one piece of each. More than
    32 partitions exchange rows in two stages, after which it has rows of nearly all. What goes
    where depends on the seed and on the numbers of the partitions, so that any number of
    workers gives the same rows. The workers keep the new partitions.

    Parameters
    ----------
    partitions : Partitions
    seed : int

    Returns
    -------
    partitions : Partitions
    """
    n_parts = len(partitions.parts)
    for stage, groups in enumerate(stages(n_parts)):
        partitions = _exchanged(partitions, groups, [seed, stage])
    places = [f"partition {i} after the exchange of rows" for i in range(n_parts)]
    return partitions.with_parts(partitions.parts, places)


def stages(n):
    """The groups of partitions that exchange rows in each stage."""
    if n <= MAX_DIRECT:
        return [[range(n)]]
    width = isqrt(n - 1) + 1
    n_groups = -(-n // width)
    # Groups of nearly equal sizes: rows of a short one would reach few of the second groups.
    cuts = [round(i * n / n_groups) for i in range(n_groups + 1)]
    neighbours = [range(start, stop) for start, stop in pairwise(cuts)]
    return [neighbours, [range(i, n, width) for i in range(width)]]


def _exchanged(partitions, groups, seed):
    """The partitions after an exchange of rows within each group."""
    names, places = partitions.names, partitions.places
    sizes = {i: len(group) for group in groups for i in group}
    arguments = [(sizes[i], [*seed, i]) for i in range(len(places))]
    # Errors of reading name the partition that is read, so they must come before the exchange.
    split = all_persisted(partitions.map(random_pieces, arguments), places)
    computed(mapped(len, [(pieces,) for pieces in split], places), sum, places)
    by_number = dict(chain.from_iterable(_pieces_of_group(split, group) for group in groups))
    joined = mapped(joined_pieces, [by_number[i] for i in range(len(places))], places)
    with naming_partitions(joined, places):
        joined = persist(*joined)
    parts = [tuple(part[k] for k in range(len(names))) for part in joined]
    return partitions.with_parts(parts, places)


def _pieces_of_group(split, group):
    """The number of each partition of a group, and the Delayed pieces that it will have."""
    return [(i, [split[source][k] for source in group]) for k, i in enumerate(group)]


def random_pieces(n_pieces, seed, *blocks):
    """The blocks of a partition in n random pieces, whose rows are in their order.

    The number of the partition, which ends the seed, rotates the pieces. Otherwise the first ones
    would be larger in all partitions.
    """
    order = np.random.RandomState(seed).permutation(blocks[0].shape[0])
    starts = [(k - seed[-1]) % n_pieces for k in range(n_pieces)]
    pieces = [np.sort(order[start::n_pieces]) for start in starts]
    return [tuple(rows_at(block, index) for block in blocks) for index in pieces]


def joined_pieces(*pieces):
    """The blocks of a new partition."""
    return tuple(map(stacked, zip(*pieces, strict=True)))


def rows_at(block, index):
    """The rows of a block at an index; a number or None, which applies to all rows, unchanged."""
    if not np.shape(block):
        return block
    return block.iloc[index] if hasattr(block, "iloc") else block[index]


def stacked(blocks):
    """The rows of several blocks of one kind in one block."""
    first = blocks[0]
    if hasattr(first, "iloc"):
        from dask.dataframe.methods import concat  # a worker has not imported dask.dataframe

        return concat(list(blocks))
    if sparse.issparse(first):
        return sparse.vstack(blocks, format="csr")
    return np.concatenate(blocks) if np.shape(first) else first
