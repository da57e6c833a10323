"""A folder as it was at the last look: only what changed is read."""

import json

import pytest

from tests.support import simulated
from tests.support.tiny import study_in
from tune.core.folder import Folder, sealed_line
from tune.live.snapshot import Snapshot

ROWS = "cells/c/metrics.jsonl"


def write_rows(folder, *epochs):
    folder.write(ROWS, "".join(sealed_line({"epoch": epoch}) for epoch in epochs).encode())


@pytest.fixture
def folder(tmp_path):
    made = Folder(str(tmp_path))
    made.write_json("study.json", {"a": 1})
    write_rows(made, 1, 2)
    return made


@pytest.fixture
def seen(folder):
    made = Snapshot(folder.root)
    made.look()
    return made


@pytest.fixture
def reads(monkeypatch):
    """The paths that are read from disk, and from which byte."""
    read = []
    whole, end = Folder.read, Snapshot._read_from
    monkeypatch.setattr(Folder, "read", lambda self, name: read.append((name, 0)) or whole(self, name))
    monkeypatch.setattr(Snapshot, "_read_from", lambda self, name, at: read.append((name, at)) or end(self, name, at))
    return read


def epochs(seen):
    return [row["epoch"] for row in (seen / "cells/c").read_rows("metrics.jsonl", "way out")]


def test_a_look_tells_what_is_new_changed_and_gone(folder):
    seen = Snapshot(folder.root)
    assert seen.look() == {"study.json", ROWS} and seen.look() == set()
    write_rows(folder, 1)
    folder.write("orders/o.json", b"{}")
    folder.delete("study.json")
    assert seen.look() == {ROWS, "orders/o.json", "study.json"} and set(seen.paths()) == {ROWS, "orders/o.json"}
    assert [*seen.stamps_of("metrics.jsonl")] == [ROWS]


def test_nothing_is_read_twice_while_it_is_the_same(seen, reads):
    for _ in range(2):
        assert seen.read_json("study.json") == {"a": 1} and epochs(seen) == [1, 2]
        assert not seen.has("none.json") and (seen / "cells/c").read("done.json") is None
    assert [name for name, _ in reads] == ["study.json", "metrics.jsonl"]


def test_of_a_file_that_has_grown_only_its_end_is_read(folder, seen, reads):
    assert epochs(seen) == [1, 2]
    write_rows(folder, 1, 2, 3, 4)
    assert epochs(seen) == [1, 2]  # as at the last look
    seen.look()
    reads.clear()
    assert epochs(seen) == [1, 2, 3, 4] and len(reads) == 1 and reads[0][1] > 0


@pytest.mark.parametrize("fewer", [(1, 2, 3), (5, 6, 7)])
def test_after_another_attempt_or_another_beginning_the_whole_file_is_read(folder, seen, fewer):
    assert epochs(seen) == [1, 2]
    folder.write("cells/c/attempt.json", json.dumps(fewer).encode())
    write_rows(folder, *fewer)
    seen.look()
    assert epochs(seen) == [*fewer]


def test_an_end_that_does_not_follow_is_not_appended(folder, seen):
    assert epochs(seen) == [1, 2]
    write_rows(folder, 1, 1, 2, 3)
    seen.look()
    assert epochs(seen) == [1, 1, 2, 3]


def test_a_damaged_line_is_told_as_of_any_folder(folder, seen):
    folder.write(ROWS, sealed_line({"epoch": 1}).encode() + b"{}\n")
    seen.look()
    with pytest.raises(ValueError, match=r"metrics.jsonl: line 2 is not as it was written; way out"):
        epochs(seen)


def test_a_link_that_leads_nowhere_is_no_file(folder, seen, tmp_path):
    (tmp_path / "cells/c/done.json").symlink_to(tmp_path / "nowhere")
    assert seen.look() == set() and (seen / "cells/c").read("done.json") is None


def test_a_bucket_is_seen_as_a_disk_is(bucket):
    study = study_in(bucket)
    simulated.finish(study, study.cells[0], 0.5)
    seen = Snapshot(study.folder.root)
    assert {path.rpartition("/")[2] for path in seen.look()} == {"done.json", "metrics.jsonl"}
    cell = seen / f"cells/{study.cells[0].name}"
    assert len(cell.read_rows("metrics.jsonl", "way out")) == 2 and seen.look() == set()
