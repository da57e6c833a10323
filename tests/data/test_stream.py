"""Batches come in the order of the rows, made by the function that is given."""

import numpy as np
import pyarrow as pa
import torch

from data.stream import batches
from fernn.batch import Batch


def make(rows):
    index = rows["index"].copy()
    return Batch(torch.from_numpy(index), torch.from_numpy(rows["double"].copy()), list(map(str, index)))


def table(order):
    return pa.table({"index": order, "double": 2 * order})


def test_every_row_comes_once_in_its_order_and_the_last_batch_is_smaller(two_cpus):
    order = np.random.default_rng(0).permutation(7)
    found = list(batches(table(order), 3, make))
    assert [len(batch.ids) for batch in found] == [3, 3, 1]
    assert [name for batch in found for name in batch.ids] == list(map(str, order))
    assert torch.cat([batch.labels for batch in found]).tolist() == (2 * order).tolist()


def test_tables_of_as_many_rows_do_not_mix_whether_one_by_one_or_side_by_side(two_cpus):
    orders = np.arange(6), np.arange(6)[::-1] - 10
    for order in (*orders, *orders):
        assert torch.cat([batch.clips for batch in batches(table(order), 4, make)]).tolist() == order.tolist()
    pairs = list(zip(*(batches(table(order), 4, make) for order in orders), strict=True))
    for found, order in zip(zip(*pairs, strict=True), orders, strict=True):
        assert torch.cat([batch.clips for batch in found]).tolist() == order.tolist()
