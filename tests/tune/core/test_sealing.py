"""Sealed files: read as they were written, or refused with the file's name and the way out."""

import json

import pytest

from tune.core.folder import Folder
from tune.core.sealing import (
    DamagedError,
    read_entries,
    read_rows,
    read_sealed,
    read_tensors,
    rows_before_damage,
    sealed_line,
    write_sealed,
)


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


def test_a_sealed_file_is_read_back_without_its_checksum(folder):
    write_sealed(folder, "a.json", {"epoch": 3})
    assert read_sealed(folder, "a.json", "delete it", "epoch") == {"epoch": 3}
    assert read_sealed(folder, "b.json", "delete it") is None


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"epoch": 4, "crc32": 1}', b'{"other": 1}'])
def test_an_altered_file_is_refused_with_the_way_out(folder, content):
    folder.write("a.json", content)
    with pytest.raises(DamagedError, match="a.json: it is not as it was written; delete it"):
        read_sealed(folder, "a.json", "delete it", "epoch")


def test_only_a_file_of_an_earlier_version_may_lack_its_checksum(folder):
    folder.write_json("a.json", {"epoch": 3})
    assert read_sealed(folder, "a.json", "delete it") == {"epoch": 3}
    with pytest.raises(DamagedError):
        read_sealed(folder, "a.json", "delete it", always_sealed=True)


def test_rows_are_read_up_to_the_first_damaged_line(folder):
    lines = [sealed_line({"epoch": number}) for number in (1, 2, 3)]
    folder.write("rows", (lines[0] + lines[1].replace("2", "4", 1) + lines[2]).encode())
    assert rows_before_damage(folder, "rows") == ([{"epoch": 1}], 3)
    with pytest.raises(DamagedError, match="rows: line 2 is not as it was written; begin again"):
        read_rows(folder, "rows", "begin again")
    assert read_rows(folder, "none", "begin again") == []


def test_a_list_of_entries_is_read_sealed_and_bare(folder):
    write_sealed(folder, "new", {"entries": [{"code": "c"}]})
    folder.write("old", json.dumps([{"code": "c"}]).encode())
    for name in ("new", "old"):
        assert read_entries(folder, name, dict, "delete it") == [{"code": "c"}]
    assert read_entries(folder, "none", dict, "delete it") == []
    folder.write("old", b"[3]")
    with pytest.raises(DamagedError, match="old: it is not as it was written"):
        read_entries(folder, "old", dict, "delete it")


def test_tensors_that_are_no_checkpoint_are_refused(folder):
    assert read_tensors(folder, "none", "delete it") == ({}, {})
    folder.write("x", b"no tensors")
    with pytest.raises(DamagedError, match="x: not a checkpoint of this project.*; delete it"):
        read_tensors(folder, "x", "delete it")
