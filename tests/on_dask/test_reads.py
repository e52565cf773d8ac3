"""How often a source is read that is not persisted, as docs/guide/dask.md says."""

from collections import Counter

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from on_dask.models import SMALL

from skbn.dask import BatchNormMLPClassifier

N_PARTS = 3


def read(i, reads, has_text):
    """A partition, whose reading is counted."""
    reads[i] += 1
    rng = np.random.default_rng(i)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    table["y"] = (table.a > 0).astype(int)
    return table.assign(text=rng.choice(["red", "blue"], 60)) if has_text else table


def from_map(function):
    return dd.from_map(function, range(N_PARTS), meta=function(0)[:0])


def from_delayed(function):
    parts = [dask.delayed(function, pure=True)(i) for i in range(N_PARTS)]
    return dd.from_delayed(parts, meta=function(0)[:0])


@pytest.mark.parametrize("source", [from_map, from_delayed])
@pytest.mark.parametrize("has_text", [False, True], ids=["numbers", "text"])
@pytest.mark.parametrize("has_pilots", [False, True], ids=["", "pilots"])
@pytest.mark.parametrize("exchange_rows", [False, True])
def test_a_source_is_read_as_often_as_the_guide_says(source, has_text, has_pilots, exchange_rows):
    reads = Counter()
    table = source(lambda i: read(i, reads, has_text))
    data = table.drop(columns="y"), table["y"]
    given = {"max_iter": "auto"} if has_pilots else {}
    model = BatchNormMLPClassifier(**SMALL | given, exchange_rows=exchange_rows)
    reads.clear()
    with dask.config.set(scheduler="synchronous"):
        model.fit(*data)
        expected = 1 if exchange_rows else 2 + has_text + has_pilots
        assert reads == dict.fromkeys(range(N_PARTS), expected)
        model.score(*data)
    assert reads == dict.fromkeys(range(N_PARTS), expected + 1)


def test_a_source_that_is_persisted_is_read_once():
    reads = Counter()
    table = from_map(lambda i: read(i, reads, False))
    reads.clear()
    with dask.config.set(scheduler="synchronous"):
        table = table.persist()
        BatchNormMLPClassifier(**SMALL).fit(table.drop(columns="y"), table["y"])
    assert reads == dict.fromkeys(range(N_PARTS), 1)
