"""Batches come in the order of the rows, made by the function that is given."""

import numpy as np
import pyarrow as pa
import torch

from data.stream import batches
from fernn.batch import Batch


def test_every_row_comes_once_in_its_order_and_the_last_batch_is_smaller(two_cpus):
    order = np.random.default_rng(0).permutation(7)

    def make(rows):
        index = rows["index"].copy()
        return Batch(torch.from_numpy(index), torch.from_numpy(rows["double"].copy()), list(map(str, index)))

    found = list(batches(pa.table({"index": order, "double": 2 * order}), 3, make))
    assert [len(batch.ids) for batch in found] == [3, 3, 1]
    assert [name for batch in found for name in batch.ids] == list(map(str, order))
    assert torch.cat([batch.labels for batch in found]).tolist() == (2 * order).tolist()
