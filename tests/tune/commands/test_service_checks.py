"""The doctor's checks of data, storage, databases and Ray: what each says of trouble, and that it changes nothing."""

import sqlite3
from dataclasses import replace

import optuna
import pytest

from data.bucket import upload
from data.files import sha256_of
from data.manifest import DataFile, Manifest
from tune.commands import service_checks as services
from tune.commands.checks import Check, ok, result_of
from tune.core.study import StudyError
from tune.planning.options import Records


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
    finding = services.data(str(tmp_path))
    assert finding.verdict == "warning" and "PARTIAL: person01_boxing_d1 missing" in finding.text
    (home / "clips.parquet").write_bytes(b"Clips")
    finding = services.data(str(tmp_path))
    assert finding.verdict == "broken" and "the SHA-256 of clips.parquet has changed" in finding.text


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
    for revision, way_out in (("v2.6.0.a", "optuna storage upgrade"), ("zzz", "install that version")):
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()
        finding = services.optuna(Records(storage=str(tmp_path)))
        assert finding.verdict == "broken" and way_out in finding.way_out
    file.write_bytes(b"no database" * 100)
    assert services.optuna(Records(storage=str(tmp_path))).verdict == "broken"
    refused = result_of(
        Check("MLflow", lambda: services.tracking(Records(tracking_uri="nonsense")), way_out="start one")
    )
    assert refused.finding.verdict == "broken" and refused.finding.way_out == "start one"


def test_ray_is_not_waited_for_where_nothing_listens():
    finding = services.ray("127.0.0.1:9")
    assert (
        finding.verdict == "broken"
        and "nothing answers there" in finding.text
        and "ray start --head" in finding.way_out
    )


def test_a_token_that_others_can_read_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "TOKEN", tmp_path / "auth_token")
    for mode, verdict in ((0o644, "warning"), (0o600, "ok")):
        (tmp_path / "auth_token").write_text("x")
        (tmp_path / "auth_token").chmod(mode)
        assert services._guarded("Ray", True).verdict == verdict
    assert "RAY_AUTH_MODE=token" in services._guarded("Ray", False).way_out


def test_data_in_a_bucket(prepared, bucket):
    finding = services.data(f"{bucket}/kth")
    assert finding.verdict == "broken" and "data/upload.py" in finding.way_out
    upload(prepared / "8px", f"{bucket}/kth")
    assert services.data(f"{bucket}/kth") == ok(f"{bucket}/kth/8px: kth-demo, 132 clips")
    assert services.data("http://nowhere/kth").verdict == "broken"


def test_an_mlflow_that_does_not_list_experiments_is_broken_and_a_slow_one_is_a_warning(answering, monkeypatch):
    server = answering({"/api/2.0/mlflow/experiments/search": (200, b"{}"), "/health": (200, b"OK")})
    records = Records(tracking_uri=f"http://{server}")
    assert services.tracking(records).verdict == "ok" and "answers, after" in services.tracking(records).text
    monkeypatch.setattr(services, "SLOW_S", 0.0)
    slow = services.tracking(records)
    assert slow.verdict == "warning" and "authenticate in a proxy" in slow.way_out
