"""Errors in partitions. An error names its partition and keeps its type."""

import traceback
from contextlib import contextmanager

import dask
from dask.optimization import cull
from dask.utils import shorten_traceback
from distributed import KilledWorker, futures_of


def place_of(name, i):
    """The name of partition i of the table ``name`` in messages."""
    return f"partition {i}" if name == "X" else f"partition {i} of {name}"


def in_partition(place, function, *arguments):
    """Return the result of the function. An error names the partition."""
    try:
        return function(*arguments)
    except Exception as error:
        raise located(error, place) from None


def located(error, place):
    """Add the place to the beginning of the message of an error, or as a note."""
    if error.args == (str(error),):
        error.args = (f"In {place}: {error}",)
    else:  # an OSError builds its message from its number and file names
        error.add_note(f"In {place}.")
    return error


def is_located(error):
    """Whether the error names its partition."""
    notes = getattr(error, "__notes__", [])
    return any(text.startswith("In partition") for text in (str(error), *notes))


@contextmanager
def naming_partitions(results, places):
    """Make errors name their partition, including errors of tasks that read the rows.

    Parameters
    ----------
    results : list of Delayed
        One for each partition. On a cluster they must be persisted.
    places : list of str
    """
    # By default, Dask removes the frames that have the key of the task from the traceback.
    with shorten_traceback(), dask.config.set({"admin.traceback.shorten": []}):
        try:
            yield
        except Exception as error:
            if not is_located(error):
                _locate(error, results, places)
            raise


def _locate(error, results, places):
    """Name the first partition that could not be computed because of the error, if any."""
    keys = _keys_of(error)
    for result, place in zip(results, places, strict=True):
        if _failed_on_cluster(result) or _depends_on(result, keys):
            located(error, place)
            return


def _failed_on_cluster(result):
    return any(future.status == "error" for future in futures_of(result))


def _keys_of(error):
    """The key of the task that killed its workers, or those of the tasks in a traceback.

    A local scheduler does not report keys elsewhere.
    """
    if isinstance(error.__cause__, KilledWorker):
        return {error.__cause__.task}
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return {frame.f_locals.get("key") for frame in frames if frame.f_code.co_name == "execute_task"}


def _depends_on(result, keys):
    graph, _ = cull(dict(result.dask), [result.key])
    return any(key in graph for key in keys)
