"""Folders on disk and in a bucket: whole files, no way out through links, many requests at a time.

Sealed files are read as they were written, or refused with the file's name and the way out.
"""

import json
import pickle
from threading import Barrier

import pytest

from tune.core.folder import DamagedError, Folder, LeadsOutError, check_storage_name, sealed_line


@pytest.fixture(params=["path", "url"])
def folder(request, tmp_path):
    return Folder(str(tmp_path / "cell") if request.param == "path" else request.getfixturevalue("bucket"))


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(folder):
    folder.write("a/b.txt", b"one")
    folder.write("a/b.txt", b"two")
    assert folder.read("a/b.txt") == b"two" and folder.read("a/c.txt") is None
    assert folder.children("a") == ["b.txt"] and folder.children("b") == []
    folder.delete("a/b.txt")
    assert folder.read("a/b.txt") is None


def test_another_process_opens_the_same_folder(folder):
    folder.write("x", b"1")
    assert pickle.loads(pickle.dumps(folder)).read("x") == b"1"


def test_a_files_url_names_the_same_folder_as_its_path(tmp_path):
    assert Folder(f"file://{tmp_path}/cell").root == Folder(str(tmp_path / "cell")).root == str(tmp_path / "cell")


def test_many_files_of_a_bucket_are_asked_for_at_a_time(bucket, tmp_path):
    for home in (Folder(bucket), Folder(str(tmp_path))):
        for number in range(5):
            (home / f"cells/{number}").write("name", str(number).encode())
        together = Barrier(5) if not home.is_local else Barrier(1)

        def name_of(number, home=home, together=together):
            together.wait(timeout=10)
            return (home / f"cells/{number}").read("name")

        assert home.each(name_of, range(5)) == [b"0", b"1", b"2", b"3", b"4"]
    assert (Folder(bucket) / "cells").children("3") == ["name"]


def test_sizes_times_and_kinds_of_files(folder):
    assert not folder.has("a") and folder.size("a") == 0 and folder.modified("a") is None and folder.num_bytes() == 0
    folder.write("a", b"12345")
    folder.write("below/b", b"678")
    assert folder.has("a") and not folder.has("below") and folder.size("a") == 5 and folder.num_bytes() == 8
    assert folder.modified("a") > 1e9 and folder.exists() and folder.folders() == ["below"]
    folder.move("a", "c")
    assert folder.children("") == ["below", "c"]


def test_links_that_lead_out_are_no_files_and_are_not_counted(tmp_path):
    (tmp_path / "other").write_bytes(b"1" * 1000)
    folder = Folder(str(tmp_path / "s"))
    folder.write("a", b"12345")
    (tmp_path / "s/link").symlink_to(tmp_path / "other")
    assert not folder.has("link") and 5 < folder.num_bytes() < 1000
    for call in (folder.read, folder.size, folder.delete, folder.path_of):
        with pytest.raises(LeadsOutError, match="leads out of"):
            call("link")
    (tmp_path / "whole").symlink_to(tmp_path / "s")
    assert (Folder(str(tmp_path)) / "whole").as_root().read("a") == b"12345"


@pytest.mark.parametrize("storage", ["http://host/x", "s3://bucket/a#b", "a%b"])
def test_a_storage_that_no_url_could_hold_is_refused(storage):
    with pytest.raises(ValueError, match="--storage must be"):
        check_storage_name(storage)


def test_a_storage_with_a_key_in_it_is_refused_without_naming_it():
    with pytest.raises(ValueError, match="without a key or password: AWS_ACCESS_KEY_ID") as refused:
        check_storage_name("s3://key:hunter2@bucket/studies")
    assert "hunter2" not in str(refused.value)


def test_a_sealed_file_is_read_back_without_its_checksum(folder):
    folder.write_sealed("a.json", {"epoch": 3})
    assert folder.read_sealed("a.json", "delete it", "epoch") == {"epoch": 3}
    assert folder.read_sealed("b.json", "delete it") is None


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"epoch": 4, "crc32": 1}', b'{"other": 1}'])
def test_an_altered_file_is_refused_with_the_way_out(folder, content):
    folder.write("a.json", content)
    with pytest.raises(DamagedError, match="a.json: it is not as it was written; delete it"):
        folder.read_sealed("a.json", "delete it", "epoch")


def test_only_a_file_of_an_earlier_version_may_lack_its_checksum(folder):
    folder.write_json("a.json", {"epoch": 3})
    assert folder.read_sealed("a.json", "delete it") == {"epoch": 3}
    with pytest.raises(DamagedError):
        folder.read_sealed("a.json", "delete it", always_sealed=True)


def test_rows_are_read_up_to_the_first_damaged_line(folder):
    lines = [sealed_line({"epoch": number}) for number in (1, 2, 3)]
    folder.write("rows", (lines[0] + lines[1].replace("2", "4", 1) + lines[2]).encode())
    assert folder.rows_before_damage("rows") == ([{"epoch": 1}], 3)
    with pytest.raises(DamagedError, match="rows: line 2 is not as it was written; begin again"):
        folder.read_rows("rows", "begin again")
    assert folder.read_rows("none", "begin again") == []


def test_a_list_of_entries_is_read_sealed_and_bare(folder):
    folder.write_sealed("new", {"entries": [{"code": "c"}]})
    folder.write("old", json.dumps([{"code": "c"}]).encode())
    for name in ("new", "old"):
        assert folder.read_entries(name, dict, "delete it") == [{"code": "c"}]
    assert folder.read_entries("none", dict, "delete it") == []
    folder.write("old", b"[3]")
    with pytest.raises(DamagedError, match="old: it is not as it was written"):
        folder.read_entries("old", dict, "delete it")


def test_tensors_that_are_no_checkpoint_are_refused(folder):
    assert folder.read_tensors("none", "delete it") == ({}, {})
    folder.write("x", b"no tensors")
    with pytest.raises(DamagedError, match="x: not a checkpoint of this project.*; delete it"):
        folder.read_tensors("x", "delete it")
