"""Tasks of a partition in one: each task costs some milliseconds on a cluster."""

from collections import defaultdict

from dask.delayed import Delayed

try:
    from dask._task_spec import GraphNode
except ImportError:  # a private module of Dask: without it, no task is fused
    GraphNode = ()

# Largest number of tasks in one. More of them may rather run in parallel.
MAX_TASKS = 16


def fused(results):
    """The Delayed results of partitions, each with the tasks in it that no other one needs.

    A result is unchanged if it needs tasks that depend on others and that are not only its own,
    for example those of a shuffle.
    """
    layers = {name: layer for result in results for name, layer in result.dask.layers.items()}
    graph = {key: task for layer in layers.values() for key, task in layer.items()}
    if not all(isinstance(task, GraphNode) for task in graph.values()):
        return results
    dependents = defaultdict(set)
    for key, task in graph.items():
        for dependency in task.dependencies:
            dependents[dependency].add(key)
    return [_fused(result, graph, dependents) for result in results]


def _fused(result, graph, dependents):
    own, others = {result.key}, {result.key}
    while others and len(own) <= MAX_TASKS:
        own |= others
        needed = set().union(*(graph[key].dependencies for key in own)) & graph.keys() - own
        others = {key for key in needed if dependents[key] <= own}
    if len(own) > MAX_TASKS or any(graph[key].dependencies for key in needed):
        return result
    task = GraphNode.fuse(*(graph[key] for key in own))
    return Delayed(result.key, {result.key: task, **{key: graph[key] for key in needed}})
