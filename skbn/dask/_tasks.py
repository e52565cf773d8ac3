"""What is computed of each partition, and how results are merged."""

from functools import partial

import dask
from dask.bag import from_delayed
from dask.base import tokenize

from ._errors import in_partition, naming_partitions

# Results that one task merges: of 8 the depth for 100 partitions is 3.
SPLIT_EVERY = 8


def mapped(function, parts, places, name=None):
    """Delayed results of the function for tuples of arguments; errors name the places.

    Diagnostics of Dask have the name, by default that of the function.
    """
    named = dask.delayed(in_partition, pure=False)
    prefix = f"skbn-{name or function.__name__}"
    return [
        named(place, function, *part, dask_key_name=f"{prefix}-{i}-{tokenize(object())}")
        for i, (part, place) in enumerate(zip(parts, places, strict=True))
    ]


def merged(results, merge):
    """The Delayed result of merging those of all partitions, in a tree and in their order.

    Parameters
    ----------
    results : list of Delayed
    merge : callable
        Makes one result of a list.
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


def persisted(value):
    """The Delayed value, which the scheduler keeps."""
    return dask.persist(dask.delayed(value, traverse=False))[0]


def all_persisted(results, places):
    """The Delayed results of partitions, which the scheduler computes and keeps."""
    with naming_partitions(results, places):
        return dask.persist(*results)


def computed(results, merge, places):
    """The merged result of all partitions."""
    results = all_persisted(results, places)
    with naming_partitions(results, places):
        return merged(results, merge).compute()
