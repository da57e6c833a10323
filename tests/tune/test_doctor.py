"""``python tune/doctor.py``: what it finds in trouble, that it leaves nothing behind, and that it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tune import doctor
from tune.commands import installation, machine_checks
from tune.commands import service_checks as services
from tune.commands.checks import ok, warning

ROOT = Path(__file__).parents[2]


@pytest.fixture
def diagnose(monkeypatch, capsys, tmp_path):
    """Runs the doctor in an empty folder; what takes seconds in other processes is answered at once."""
    monkeypatch.chdir(tmp_path)
    for module, name in ((installation, "imports"), (machine_checks, "gpus"), (services, "ray")):
        monkeypatch.setattr(module, name, lambda *_: ok("looked at elsewhere"))

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["doctor.py", *map(str, arguments)])
        code, printed = doctor.main(), capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_newcomer_learns_what_to_type_and_finds_the_folder_as_it_was(diagnose, tmp_path):
    code, out, _ = diagnose()
    assert code == 0 and "! data: datasets has no prepared data" in out and "nothing is broken" in out
    assert out.splitlines()[-1].startswith("next: python tune/kth_search.py --preset demo")
    assert "studies is not there yet, a search makes it" in out and list(tmp_path.iterdir()) == []


def test_programs_get_one_document_and_the_code_says_whether_something_is_broken(diagnose, tmp_path):
    code, out, _ = diagnose("--json", "--data", tmp_path / "nowhere", "--tracking-uri", "http://127.0.0.1:9")
    document = json.loads(out)
    broken = {row["check"]: row for row in document["checks"] if row["verdict"] == "broken"}
    assert code == 1 and document["broken"] == 2 and sorted(broken) == ["MLflow", "data"]
    assert "127.0.0.1:9 does not" in broken["MLflow"]["text"] and broken["data"]["way_out"]
    code, out, err = diagnose("--storage", "ftp://host/x")
    assert (code, out) == (2, "") and err.startswith("error: --storage must be a folder or a URL")


def test_what_needs_broken_packages_is_not_looked_at(diagnose, monkeypatch):
    monkeypatch.setattr(installation, "requirements", lambda: ["numpy<1", "no-such-thing>=1"])
    code, out, _ = diagnose()
    assert code == 1 and "must be <1; no-such-thing is missing" in out and "make demo" in out
    assert "once the packages work" in out and "MLflow" not in out


def test_the_process_ends_though_a_check_hangs(tmp_path):
    code = (
        "import time; from tune import doctor; from tune.commands.checks import Check\n"
        "doctor.checks = lambda options, done: (Check('x', lambda: time.sleep(600), 0.1),)\n"
        "doctor.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 1 and "no answer within 0.1 s" in done.stdout


@pytest.mark.parametrize(
    ("home", "reason"),
    [("nowhere", "does not exist"), ("locked", "cannot be written"), (None, "this user has no home folder")],
)
def test_a_home_that_cannot_be_used_is_a_warning(home, reason, diagnose, tmp_path, monkeypatch):
    def without_home():
        raise RuntimeError("Could not determine home directory.")

    assert machine_checks.home().verdict == "ok"
    (tmp_path / "locked").mkdir()
    if home is None:
        monkeypatch.setattr("pathlib.Path.home", without_home)
    else:
        monkeypatch.setenv("HOME", str(tmp_path / home))
        monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "locked")
    code, out, _ = diagnose()
    assert code == 0 and "! home: " in out and f"{reason}: Ray gets a token for one search at a time" in out


def test_a_password_is_never_shown(diagnose, monkeypatch):
    monkeypatch.setattr(
        machine_checks, "video", lambda: warning("postgresql://u:hunter2@host/x", "mysql://u:hunter2@host/x")
    )
    assert "hunter2" not in "".join(diagnose()[1:]) + "".join(diagnose("--json")[1:])
