"""``python tune/doctor.py``: what it finds in trouble, that it leaves nothing behind, and that it ends."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from data.bucket import upload
from data.files import sha256_of
from data.manifest import DataFile, Manifest
from tune import doctor
from tune.commands import installation, machine_checks
from tune.commands import service_checks as services
from tune.commands.checks import Check, ok, probe, result_of, warning
from tune.core.study import StudyError
from tune.planning.options import Records

ROOT = Path(__file__).parents[2]


@pytest.fixture
def diagnose(monkeypatch, capsys, tmp_path):
    """Runs the doctor in an empty folder; what takes seconds in other processes is answered at once."""
    monkeypatch.chdir(tmp_path)
    for module, name in ((installation, "imports"), (machine_checks, "gpus"), (services, "ray")):
        monkeypatch.setattr(module, name, lambda *_: ok("looked at elsewhere"))

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["doctor.py", *map(str, arguments)])
        code, said = doctor.main(), capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_newcomer_learns_what_to_type_and_finds_the_folder_as_it_was(diagnose, tmp_path):
    code, out, _ = diagnose()
    assert code == 0 and "! data: datasets has no prepared data" in out and "nothing is broken" in out
    assert out.splitlines()[-1].startswith("next: python tune/kth_search.py --preset demo")
    assert "studies is not there yet, a search makes it" in out and list(tmp_path.iterdir()) == []


def test_programs_get_one_document_and_the_code_says_whether_something_is_broken(diagnose, tmp_path):
    code, out, _ = diagnose("--json", "--data", tmp_path / "nowhere", "--tracking-uri", "http://127.0.0.1:9")
    said = json.loads(out)
    broken = {row["check"]: row for row in said["checks"] if row["verdict"] == "broken"}
    assert code == 1 and said["broken"] == 2 and sorted(broken) == ["MLflow", "data"]
    assert "127.0.0.1:9 does not" in broken["MLflow"]["text"] and broken["data"]["way_out"]
    code, out, err = diagnose("--storage", "ftp://host/x")
    assert (code, out) == (2, "") and err.startswith("error: --storage must be a folder or a URL")


def test_what_needs_broken_packages_is_not_looked_at(diagnose, monkeypatch):
    monkeypatch.setattr(installation, "requirements", lambda: ["numpy<1", "no-such-thing>=1"])
    code, out, _ = diagnose()
    assert code == 1 and "must be <1; no-such-thing is missing" in out and "make demo" in out
    assert "once the packages work" in out and "MLflow" not in out


def test_a_check_that_hangs_or_raises_is_a_finding():
    stuck = result_of(Check("x", lambda: time.sleep(60), limit_s=0.05))
    assert stuck.stuck and stuck.finding.verdict == "broken" and "no answer within 0.05 s" in stuck.finding.text
    raised = result_of(Check("x", lambda: {}["key"]))
    assert not raised.stuck and "KeyError" in raised.finding.text
    assert result_of(Check("x", lambda: ok("fine"))).finding == ok("fine")


def test_the_process_ends_though_a_check_hangs(tmp_path):
    code = (
        "import time; from tune import doctor; from tune.commands.checks import Check\n"
        "doctor.installation_checks = lambda: ()\n"
        "doctor.checks = lambda options: (Check('x', lambda: time.sleep(600), 0.1),)\n"
        "doctor.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 1 and "no answer within 0.1 s" in done.stdout


def test_a_probe_that_hangs_is_ended_and_one_that_crashes_is_told():
    assert probe("imports", "json", "no_such_module", limit_s=30)["failed"].keys() == {"no_such_module"}
    assert "error" in probe("nonsense", limit_s=30)
    assert probe("imports", "json", limit_s=0.0) == {"error": "no answer within 0 s"}


def test_versions_that_are_not_the_locks_are_a_warning(monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("# a lock\npackaging==0.1\npytest==0.2 ; sys_platform == 'linux'\nx==1 ; sys_platform == 'win32'\n")
    monkeypatch.setattr(installation, "LOCK", lock)
    found = installation.packages()
    assert found.verdict == "warning" and "the lock has 0.1" in found.text and "the lock has 0.2" in found.text
    assert "x " not in found.text


def test_data_is_compared_with_its_hashes(tmp_path):
    home = tmp_path / "8px"
    home.mkdir()
    (home / "clips.parquet").write_bytes(b"clips")
    file = DataFile("clips.parquet", 3, 5, sha256_of(home / "clips.parquet"))
    manifest = Manifest(
        dataset="kth-demo",
        demo=True,
        size=8,
        origin="",
        source_sha256="",
        clips={},
        files=(file,),
        versions={},
        hash="hash",
    )
    manifest.write(home)
    assert services.data(str(tmp_path)) == ok(f"{home}: kth-demo, 3 clips, whole, DEMO")
    replace(manifest, missing=("person01_boxing_d1",)).write(home)
    found = services.data(str(tmp_path))
    assert found.verdict == "warning" and "PARTIAL: person01_boxing_d1 missing" in found.text
    (home / "clips.parquet").write_bytes(b"Clips")
    found = services.data(str(tmp_path))
    assert found.verdict == "broken" and "the SHA-256 of clips.parquet has changed" in found.text


def test_a_storage_is_tried_and_left_as_it_was(tmp_path, bucket):
    assert services.storage(str(tmp_path)).verdict == "ok" and list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    assert services.storage(str(tmp_path / "file/studies")).verdict == "broken"
    assert services.storage(f"{bucket}/studies").verdict == "ok"
    with pytest.raises(StudyError, match="--storage must be writable"):
        services.storage("s3://no-such-bucket/studies")


def test_a_database_is_read_and_must_have_the_installed_versions_schema(tmp_path):
    file = tmp_path / "optuna.db"
    assert "not there yet" in services.optuna(Records(storage=str(tmp_path))).text and not file.exists()
    optuna.storages.RDBStorage(f"sqlite:///{file}").engine.dispose()
    assert "of the installed version" in services.optuna(Records(storage=str(tmp_path))).text
    for revision, verdict, way_out in (("v2.6.0.a", "broken", "storage upgrade"), ("zzz", "broken", "install that")):
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()
        found = services.optuna(Records(storage=str(tmp_path)))
        assert found.verdict == verdict and way_out in found.way_out
    file.write_bytes(b"no database" * 100)
    assert services.optuna(Records(storage=str(tmp_path))).verdict == "broken"
    refused = result_of(
        Check("MLflow", lambda: services.tracking(Records(tracking_uri="nonsense")), way_out="start one")
    )
    assert refused.finding.verdict == "broken" and refused.finding.way_out == "start one"


def test_a_container_has_what_its_limits_leave(tmp_path):
    assert machine_checks.cpu_quota(tmp_path) is None and machine_checks.memory_limit(tmp_path) is None
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text("1000000000\n")
    assert (
        machine_checks.processors(tmp_path).verdict == "warning"
        and "--max-concurrent 1," in machine_checks.processors(tmp_path).way_out
    )
    assert (
        machine_checks.memory(tmp_path).verdict == "warning"
        and "the container may use 1.0 GB" in machine_checks.memory(tmp_path).text
    )
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine_checks.cpu_quota(tmp_path) is None


def test_ray_is_not_waited_for_where_nothing_listens():
    found = services.ray("127.0.0.1:9")
    assert found.verdict == "broken" and "nothing answers there" in found.text and "ray start --head" in found.way_out


def test_a_token_that_others_can_read_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "TOKEN", tmp_path / "auth_token")
    for mode, verdict in ((0o644, "warning"), (0o600, "ok")):
        (tmp_path / "auth_token").write_text("x")
        (tmp_path / "auth_token").chmod(mode)
        assert services._guarded("Ray", True).verdict == verdict
    assert "RAY_AUTH_MODE=token" in services._guarded("Ray", False).way_out


@pytest.mark.parametrize(
    ("home", "said"),
    [("nowhere", "does not exist"), ("locked", "cannot be written"), (None, "this user has no home folder")],
)
def test_a_home_that_cannot_be_used_is_a_warning(home, said, diagnose, tmp_path, monkeypatch):
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
    assert code == 0 and "! home: " in out and f"{said}: Ray gets a token for one search at a time" in out


def test_gpus_that_pytorch_cannot_use_are_broken_and_none_is_a_warning(monkeypatch):
    answer = {"gpus": [], "cuda": None, "torch": "2.15.0+cpu"}
    monkeypatch.setattr(machine_checks, "probe", lambda *_, **__: answer)
    monkeypatch.setattr(machine_checks, "driver_version", lambda: "580.1")
    assert machine_checks.gpus().verdict == "broken" and "without CUDA" in machine_checks.gpus().text
    answer["gpus"] = [{"name": "H100", "free": 70e9, "total": 80e9}]
    assert machine_checks.gpus() == ok("H100 (70 of 80 GB free); driver 580.1, CUDA None")
    answer.update(error="no kernel image is available")
    assert machine_checks.gpus().verdict == "broken"


def test_a_password_is_never_shown(diagnose, monkeypatch):
    monkeypatch.setattr(
        machine_checks, "video", lambda: warning("postgresql://u:hunter2@host/x", "mysql://u:hunter2@host/x")
    )
    assert "hunter2" not in "".join(diagnose()[1:]) + "".join(diagnose("--json")[1:])


def test_data_in_a_bucket(prepared, bucket):
    found = services.data(f"{bucket}/kth")
    assert found.verdict == "broken" and "data/upload.py" in found.way_out
    upload(prepared / "8px", f"{bucket}/kth")
    assert services.data(f"{bucket}/kth") == ok(f"{bucket}/kth/8px: kth-demo, 132 clips")
    assert services.data("http://nowhere/kth").verdict == "broken"
