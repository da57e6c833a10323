import errno
import json
import re
import subprocess
import sys

import pytest

from data.errors import DataError
from data.files import files_below, locked, room_in, sealed, unsealed, write_atomically

HOLD = """
import sys
from pathlib import Path
from data.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_lock_held_by_another_process_is_waited_for(tmp_path):
    lock = tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    waited = []
    with holder, locked(lock, lambda: (waited.append(True), holder.communicate("go on\n"))):
        pass
    assert waited == [True]


def test_a_process_that_dies_lets_go_of_its_lock(tmp_path):
    lock = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        holder.kill()
    with locked(lock, lambda: pytest.fail("the lock is still held")):
        pass


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_one_clear_error(tmp_path, number):
    with (
        pytest.raises(DataError, match=f"cannot write in {tmp_path}: .* free some space"),
        room_in(tmp_path),
    ):
        raise OSError(number, "from the system")


def test_other_errors_of_the_system_pass_unchanged(tmp_path):
    with pytest.raises(PermissionError), room_in(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_sealed_facts_are_told_from_others():
    facts = {"name": "x", "values": [1, 2.5, None]}
    assert unsealed(json.loads(json.dumps(sealed(facts)))) == facts
    with pytest.raises(ValueError, match="of other facts"):
        unsealed(sealed(facts) | {"name": "y"})
    with pytest.raises(KeyError):
        unsealed(facts)


def test_files_are_found_four_folders_down_the_nearest_first(tmp_path):
    for place in ("a/b/c/d", "a/b/c/d/e", "z", ".hidden", "__MACOSX"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "x.txt").touch()
    (tmp_path / "x.md").touch()
    found = files_below(tmp_path, re.compile(r"x\.txt"))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["z/x.txt", "a/b/c/d/x.txt"]
