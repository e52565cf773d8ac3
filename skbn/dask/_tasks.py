"""Tasks that compute a result for each partition, and merge the results."""

from uuid import uuid4

import dask

from ._cluster import compute, persist
from ._errors import in_partition, naming_partitions

# Number of results that one task merges. With 8, the tree for 100 partitions has depth 3.
SPLIT_EVERY = 8


def mapped(function, parts, places, name=None):
    """Delayed results of the function for tuples of arguments; errors name the places.

    Dask's diagnostics show the name, which is by default that of the function.
    """
    named = dask.delayed(in_partition, pure=False)
    return [
        named(place, function, *part, dask_key_name=key_of(name or function.__name__, i))
        for i, (part, place) in enumerate(zip(parts, places, strict=True))
    ]


def key_of(name, i):
    """A new key of a task. Dask groups tasks by the words of their keys, until an underscore."""
    return f"skbn-{name.strip('_').replace('_', '-')}-{i}-{uuid4().hex}"


def merged(results, merge):
    """Merge the results of all partitions in a tree, in their order; the result is Delayed.

    Parameters
    ----------
    results : list of Delayed
    merge : callable
        Merges a list of results into one.
    """
    task = dask.delayed(merge, pure=False, traverse=False)
    return task(in_groups(results, merge), dask_key_name=key_of("merge", 0))


def in_groups(results, merge):
    """At most SPLIT_EVERY merged results, which one more task merges."""
    task = dask.delayed(merge, pure=False, traverse=False)
    while len(results) > SPLIT_EVERY:
        groups = [results[i : i + SPLIT_EVERY] for i in range(0, len(results), SPLIT_EVERY)]
        results = [task(group, dask_key_name=key_of("merge", i)) for i, group in enumerate(groups)]
    return results


def shared(value):
    """The value as a Delayed, which a graph contains once for all tasks that take it."""
    return dask.delayed(value, traverse=False)


def persisted(value):
    """The value as a Delayed that the scheduler keeps."""
    return persist(shared(value))[0]


def all_persisted(results, places):
    """The Delayed results of partitions, which the scheduler computes and keeps."""
    with naming_partitions(results, places):
        return persist(*results)


def computed(results, merge, places):
    """Compute the results of all partitions, and merge them."""
    results = all_persisted(results, places)
    with naming_partitions(results, places):
        return compute(merged(results, merge))[0]
