"""Blocks of a table and of its columns, such as y and sample_weight, split at the same rows."""

import dask
import dask.array as da
import numpy as np
from scipy import sparse

from ._cluster import compute
from ._errors import place_of
from ._lazy import is_lazy, whole_rows
from ._tasks import all_persisted, mapped


def as_collection(name, value, table):
    """Convert a column that belongs to a table to a collection; keep None and numbers.

    Parameters
    ----------
    name : str
        Name of the value in messages.
    value : Dask collection, array-like, number or None
    table : tuple of str and Dask collection
        Name of the table, and the table.
    """
    if value is None:
        return None
    if sparse.issparse(value):
        raise TypeError(
            f"{name} is a sparse matrix in memory, but {table[0]} is a collection of Dask: pass "
            f"{name}.toarray(), or a collection."
        )
    value = whole_rows(value) if is_lazy(value, name) else np.asarray(value)
    if value.ndim == 0:  # one weight for all rows
        return np.asarray(compute(value)[0]).item()
    return _rechunked(name, value, table) if is_lazy(value) else _chunked(name, value, table)


def _rechunked(name, value, table):
    """The collection in the chunks of the table, if the numbers of rows of both are known."""
    reference = table[1]
    if not (knows_sizes(reference) and knows_sizes(value)):
        return value
    check_rows(table[0], reference.shape[0], name, value.shape[0])
    return value.rechunk({0: reference.chunks[0]})


def _chunked(name, value, table):
    """Convert an array to a collection in the chunks of the table."""
    table_name, reference = table
    if not knows_sizes(reference):
        raise ValueError(
            f"{name} must be a collection of Dask, because the numbers of rows in the partitions "
            f"of {table_name} are unknown; got an array of shape {value.shape}."
        )
    check_rows(table_name, reference.shape[0], name, len(value))
    return da.from_array(value, chunks=(reference.chunks[0], *value.shape[1:]))


def knows_sizes(collection):
    """Whether the number of rows in each block of a collection is known."""
    return isinstance(collection, da.Array) and not np.isnan(collection.chunks[0]).any()


def check_rows(table_name, n_rows, name, n_values):
    """Raise unless there is one value for each row."""
    if n_rows != n_values:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{table_name} has {n_rows} rows, and {name} {n_values}."
        )


def aligned_blocks(collections):
    """The Delayed blocks of a table and of its columns, split as the partitions of the table.

    Parameters
    ----------
    collections : dict of str to Dask collection
        The table comes first. All have the same number of rows.

    Returns
    -------
    blocks : dict of str to list of Delayed
    """
    blocks = _blocks(collections)
    table, *names = collections
    others = [name for name in names if not _has_same_chunks(collections, blocks, table, name)]
    if others:
        sizes = _sizes(table, collections[table], blocks[table])
        for name in others:
            value = _with_sizes(name, collections[name], blocks[name])
            check_rows(table, sum(sizes), name, value.shape[0])
            blocks[name] = _blocks_of_array(value.rechunk({0: sizes}))
    return blocks


def _has_same_chunks(collections, blocks, table, name):
    """Whether the blocks of a column have the same rows as those of the table, as far as known.

    An array with known sizes may have as many blocks as a frame, but be split at other rows.
    """
    is_of_other_source = knows_sizes(collections[name]) and not knows_sizes(collections[table])
    return len(blocks[name]) == len(blocks[table]) and not is_of_other_source


def _blocks(collections):
    """The blocks of each collection in its own partitions. Frames are split together."""
    arrays = {name: value for name, value in collections.items() if isinstance(value, da.Array)}
    blocks = {name: _blocks_of_array(value) for name, value in arrays.items()}
    frames = {name: value for name, value in collections.items() if name not in arrays}
    for n in {frame.npartitions for frame in frames.values()}:
        group = {name: frame for name, frame in frames.items() if frame.npartitions == n}
        blocks |= zip(group, _blocks_of_frames(*group.values()), strict=True)
    return blocks


def _blocks_of_array(array):
    return list(np.ravel(array.to_delayed()))


def _blocks_of_frames(frame, *others):
    """The blocks of frames with equal numbers of partitions, which share tasks that read rows.

    If few columns are needed, Dask's optimization reads several files as one partition, so that the
    number of partitions differs from that of other columns. ``simplify`` reads only the columns
    that are needed, and keeps the partitions.
    """
    together = frame.map_partitions(
        _together,
        *others,
        align_dataframes=False,
        clear_divisions=True,
        enforce_metadata=False,
        meta=frame._meta,
    )
    rows = together.simplify().to_delayed(optimize_graph=False)
    return [[block[i] for block in rows] for i in range(1 + len(others))]


def _together(*blocks):
    return blocks


def _sizes(name, collection, blocks):
    """The numbers of rows of the blocks. They are counted if they are unknown."""
    if knows_sizes(collection):
        return collection.chunks[0]
    places = [place_of(name, i) for i in range(len(blocks))]
    counts = mapped(_n_rows, [(block,) for block in blocks], places)
    return compute(*all_persisted(counts, places))


def _n_rows(block):
    return block.shape[0]


def _with_sizes(name, collection, blocks):
    """The collection as an array with a known number of rows in each block."""
    if knows_sizes(collection):
        return collection
    dtype, shape = np.asarray(collection._meta).dtype, collection.shape[1:]
    counted = zip(blocks, _sizes(name, collection, blocks), strict=True)
    as_array = dask.delayed(np.asarray)
    return da.concatenate([da.from_delayed(as_array(b), (n, *shape), dtype) for b, n in counted])
