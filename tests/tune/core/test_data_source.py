"""The record of a study's data in its folder."""

import pytest

from tune.core.data_source import recorded_data
from tune.core.folder import Folder
from tune.core.sealing import DamagedError


def test_damaged_data_facts_are_noticed(tmp_path):
    folder = Folder(str(tmp_path))
    assert recorded_data(folder) is None
    folder.write("data.json", b'{"hash": "x", "crc32": 1}')
    with pytest.raises(DamagedError, match="data.json: it is not as it was written"):
        recorded_data(folder)
