"""Tasks of a partition in one: each task costs some milliseconds on a cluster."""

from collections import Counter

from dask._task_spec import GraphNode
from dask.delayed import Delayed

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
    n_dependents = Counter(key for task in graph.values() for key in task.dependencies)
    return [_fused(result, graph, n_dependents) for result in results]


def _fused(result, graph, n_dependents):
    tasks, others = [graph[result.key]], {}
    for task in tasks:  # which grows
        for key in task.dependencies & graph.keys():
            if n_dependents[key] == 1:
                tasks.append(graph[key])
            else:
                others[key] = graph[key]
    if len(tasks) > MAX_TASKS or any(task.dependencies for task in others.values()):
        return result
    return Delayed(result.key, {result.key: GraphNode.fuse(*tasks), **others})
