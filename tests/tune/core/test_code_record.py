"""Records of code: each written once, without a secret, of a source tree or of an installed package."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from tune.core import code_record as module
from tune.core.code_record import code_version, git_facts, portable, record, recorded
from tune.core.folder import DamagedError, Folder

SECRET = "hunter2"


def test_the_command_is_kept_as_it_works_elsewhere_and_without_passwords():
    script = str(module.ROOT / "tune/kth_search.py")
    given = ["--preset", "demo", "--storage", "/home/me/s", "--tracking_uri", f"http://me:{SECRET}@host", "--json"]
    given += ["--data=/mnt/kth", "--yes", "--data-velocity", "1", "--set", "model.hidden_channels=[4]"]
    given += ["--stop-after", "6h", "--max-gpu-hours=40", "--max-price", "100", "--deadline", "2027-01-03T08:00"]
    given += ["--notify", f"https://hooks.slack.com/{SECRET}", "--notify-silence", "5", f"--notify=http://h/{SECRET}"]
    kept = "python tune/kth_search.py --preset demo --data-velocity 1 --set 'model.hidden_channels=[4]'"
    assert portable([script, *given]) == kept
    assert portable(["/home/me/search.py", f"http://me:{SECRET}@host"]) == "python search.py 'http://***@host'"


def test_a_record_is_written_once_and_a_changed_one_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kth_search.py", "--seeds", "0"])
    folder = Folder(str(tmp_path))
    first = record(folder)
    known = folder.read(f"code/{first}.json")
    assert record(folder) == first and folder.read(f"code/{first}.json") == known
    assert recorded(folder)[first]["distributions"]["torch"]
    monkeypatch.setattr("sys.argv", ["kth_search.py", "--seeds", "1"])
    assert list(recorded(folder)) == [first] and list({first: 0, record(folder): 0}) == list(recorded(folder))
    earlier = {name: value for name, value in json.loads(known).items() if name != "crc32"}
    folder.write_json(f"code/{first}.json", earlier)  # a record of an earlier version has no checksum
    assert recorded(folder)[first] == earlier
    for old, new in ((b"--seeds 0", b"--seeds 7"), (b'"first_used_at": 1', b'"first_used_at": 0.1')):
        folder.write(f"code/{first}.json", known.replace(old, new))
        with pytest.raises(DamagedError, match=f"code/{first}.json: it is not as it was written"):
            recorded(folder)


def test_who_used_the_code_first_is_beside_it_and_may_be_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kth_search.py"])
    ids = []
    for place, who in (("a", lambda: "ada"), ("b", lambda: "bob"), ("c", lambda: {}["no such user"])):
        monkeypatch.setattr("getpass.getuser", who)
        ids.append(record(folder := Folder(str(tmp_path / place))))
        assert recorded(folder)[ids[-1]].get("user") == {"a": "ada", "b": "bob"}.get(place)
    assert len(set(ids)) == 1


def test_no_environment_variable_and_no_password_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    tree = source_tree(tmp_path)
    (tree / "tune/a.py").write_text(f'URI = "postgresql://me:{SECRET}@db/x"\n')
    monkeypatch.setattr(module, "ROOT", tree)
    facts = code_version(["search.py", f"postgresql://me:{SECRET}@db"])
    assert SECRET not in json.dumps(facts) and "***@db/x" in facts["diff"]


def source_tree(folder):
    """A committed source tree of one file."""
    (folder / "tune").mkdir()
    (folder / "tune/a.py").write_text("A = 1\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    return folder


def test_a_source_tree_has_its_commit_and_what_was_changed(tmp_path, monkeypatch):
    tree = source_tree(tmp_path)
    clean = git_facts(tree)
    assert len(clean["commit"]) == 40 and clean["diff"] is None and clean["diff_sha256"] is None
    (tree / "tune/a.py").write_text("A = 2\n")
    (tree / "tune/new.py").write_text("B = 3\n")
    (tree / "notes.txt").write_text("not code")
    diff = git_facts(tree)["diff"]
    assert "-A = 1\n+A = 2" in diff and "+B = 3" in diff and "not code" not in diff
    monkeypatch.setattr(module, "LONGEST_DIFF", 10)
    long = git_facts(tree)
    assert long["diff"] is None and len(long["diff_sha256"]) == 64


def has_ended(pid):
    """Whether a process is gone, or waits for its parent to notice that it is."""
    for _ in range(50):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("then", ["wait", "exit 0"], ids=["git waits for its child", "git ends before its child"])
def test_git_that_is_slow_or_absent_does_not_hold_up_a_search(tmp_path, monkeypatch, then):
    """The child holds git's output open."""
    tree, child = source_tree(tmp_path), tmp_path / "child"
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {child}\n{then}\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr(module, "GIT_TIMEOUT_S", 1.0)
    begun = time.monotonic()
    assert git_facts(tree) == {"commit": None, "diff_sha256": None, "diff": None}
    assert time.monotonic() - begun < 5 and has_ended(int(child.read_text()))
    slow.unlink()
    monkeypatch.setenv("PATH", str(slow.parent))
    assert git_facts(tree)["commit"] is None


def test_an_installed_package_has_the_digest_of_its_sources(tmp_path, monkeypatch):
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune/kth_search.py").write_text("A = 1\n")
    ours = module.source_sha256()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "source_sha256", module.source_sha256.__wrapped__)
    facts = code_version([str(tmp_path / "tune/kth_search.py"), "--seeds", "0"])
    assert facts["commit"] is None and facts["command"] == "python -m tune.kth_search --seeds 0"
    assert len(facts["source_sha256"]) == 64 and facts["source_sha256"] != ours
