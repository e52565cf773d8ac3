"""Collections whose partitions have the sizes that a test asks for."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd

SIZES = {"equal": (50, 50, 50, 50), "unequal": (3, 120, 7, 70), "one": (200,)}
SIZES |= {"empty and single": (0, 1, 99, 0, 1, 99), "many": (10,) * 20}
KINDS = ("array", "unknown sizes", "frame")


def in_parts(array, sizes):
    """A Dask array of the rows, in partitions of these sizes."""
    array = np.asarray(array)
    return da.from_array(array, chunks=(tuple(sizes), *array.shape[1:]))


def unknown(array):
    """The same collection, which does not know how many rows it has."""
    sizes = tuple(np.nan for _ in array.chunks[0])
    return da.map_blocks(np.copy, array, meta=array._meta, chunks=(sizes, *array.chunks[1:]))


def frame(array, sizes):
    """A Dask DataFrame, or the Series of one column, in partitions of these sizes."""
    array = np.asarray(array)
    table = (
        pd.DataFrame(array, columns=[f"f{j}" for j in range(array.shape[1])])
        if (array.ndim == 2)
        else pd.Series(array)
    )
    stops = np.cumsum(sizes)
    parts = [table.iloc[stop - size : stop] for size, stop in zip(sizes, stops, strict=True)]
    return dd.from_map(lambda part: part, parts, meta=table.iloc[:0])


def collection(array, sizes, kind):
    """The rows as a collection of one of KINDS."""
    if kind == "frame":
        return frame(array, sizes)
    known = in_parts(array, sizes)
    return known if kind == "array" else unknown(known)
