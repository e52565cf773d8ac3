"""Tasks that compute a result for each partition, and merge the results."""

from functools import partial

import dask
from dask.bag import from_delayed
from dask.base import tokenize

from ._errors import in_partition, naming_partitions

# Number of results that one task merges. With 8, the tree for 100 partitions has depth 3.
SPLIT_EVERY = 8


def mapped(function, parts, places, name=None):
    """Delayed results of the function for tuples of arguments; errors name the places.

    Dask's diagnostics show the name, which is by default that of the function.
    """
    named = dask.delayed(in_partition, pure=False)
    # Dask groups tasks by the words of their keys, and a word that has an underscore ends them.
    prefix = f"skbn-{(name or function.__name__).strip('_').replace('_', '-')}"
    return [
        named(place, function, *part, dask_key_name=f"{prefix}-{i}-{tokenize(object())}")
        for i, (part, place) in enumerate(zip(parts, places, strict=True))
    ]


def merged(results, merge):
    """Merge the results of all partitions in a tree, in their order; the result is Delayed.

    Parameters
    ----------
    results : list of Delayed
    merge : callable
        Merges a list of results into one.
    """
    bag = from_delayed([dask.delayed(_alone)(result) for result in results])
    tree = bag.reduction(_only, partial(_of_list, merge=merge), split_every=SPLIT_EVERY)
    return tree.to_delayed()


def _alone(result):
    return [result]


def _only(results):
    return next(iter(results))


def _of_list(results, merge):
    return merge(list(results))


def shared(value):
    """The value as a Delayed, which a graph contains once for all tasks that take it."""
    return dask.delayed(value, traverse=False)


def persisted(value):
    """The value as a Delayed that the scheduler keeps."""
    return dask.persist(shared(value))[0]


def all_persisted(results, places):
    """The Delayed results of partitions, which the scheduler computes and keeps."""
    with naming_partitions(results, places):
        return dask.persist(*results)


def computed(results, merge, places):
    """Compute the results of all partitions, and merge them."""
    results = all_persisted(results, places)
    with naming_partitions(results, places):
        return merged(results, merge).compute()
