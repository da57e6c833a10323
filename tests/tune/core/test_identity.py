"""A study that moves goes on where it is; a copy is told from it, and can be made a study of its own."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from tests.support.stored_study import finished_study, shown
from tune import sync
from tune.core.folder import Folder, LeadsOutError
from tune.core.identity import has_studies, record_folder
from tune.core.protocol import load_study, save_study
from tune.core.study import StudyError
from tune.tracking.mlflow_tracker import Tracker

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}
HITS = {("grnn", 1e-3, 0): (5, 4)}


@pytest.fixture
def storage(tmp_path):
    """A storage with one study and its databases, as a search leaves them."""
    finished_study(tmp_path / "old/s", SPACE, HITS)
    synced(tmp_path / "old")
    return tmp_path / "old"


def synced(storage, name="s"):
    """Both views brought up to date by the command: its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["sync.py", "--study", name, "--storage", str(storage)])
        return sync.main()


def tracker(storage, name="s"):
    return Tracker(load_study(Folder(str(storage / name))), f"sqlite:///{storage}/mlflow.db")


def addresses(storage):
    """Every address of artifacts in MLflow's database, read without MLflow."""
    with sqlite3.connect(storage / "mlflow.db") as database:
        found = database.execute("SELECT artifact_location FROM experiments WHERE experiment_id != 0").fetchall()
        return [place for (place,) in found + database.execute("SELECT artifact_uri FROM runs").fetchall()]


def test_a_storage_that_moves_goes_on_with_its_views_and_their_artifacts(storage, tmp_path):
    runs, new = shown(tracker(storage)), tmp_path / "elsewhere/new"
    new.parent.mkdir()
    storage.rename(new)
    assert synced(new) == 0
    assert shown(tracker(new)) == runs and {run.info.run_id for run in tracker(new).tree.runs.values()}
    assert addresses(new) and all(place.startswith(f"{new}/s/mlflow-artifacts") for place in addresses(new))
    found = tracker(new)
    run = next(run for node, run in found.tree.runs.items() if node.startswith("cell/"))
    assert Path(found.client.download_artifacts(run.info.run_id, "best", str(tmp_path))).is_dir()
    assert not storage.exists()
    assert [one.study_name for one in optuna.get_all_study_summaries(f"sqlite:///{new}/optuna.db")] == ["s"]


def test_a_study_that_moves_without_its_databases_gets_new_ones(storage, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    (storage / "s").rename(new / "s")
    assert synced(new) == 0 and len(shown(tracker(new))) == 4


def test_a_renamed_study_keeps_its_runs(storage):
    runs = {node: run.info.run_id for node, run in tracker(storage).tree.runs.items()}
    (storage / "s").rename(storage / "t")
    assert synced(storage, "t") == 0
    found = tracker(storage, "t")
    assert {node: run.info.run_id for node, run in found.tree.runs.items()} == runs
    assert found.client.get_experiment_by_name("t") is not None and found.client.get_experiment_by_name("s") is None
    assert [one.study_name for one in optuna.get_all_study_summaries(f"sqlite:///{storage}/optuna.db")] == ["t"]


def test_a_copy_is_refused_with_both_places_until_it_is_a_study_of_its_own(storage, tmp_path, capsys, manage):
    copy = tmp_path / "copy"
    shutil.copytree(storage, copy)
    assert synced(copy) == 2
    said = capsys.readouterr().err
    assert f"{copy}/s is a copy of {storage}/s" in said and f"study.py fork {copy}/s" in said
    with pytest.raises(StudyError, match="is there twice"):
        save_study(load_study(Folder(str(copy / "s"))))
    assert synced(storage) == 0
    code, out, err = manage("fork", str(copy / "s"))
    assert code == 0 and f"no longer a copy of {storage}/s" in err
    assert synced(copy) == 0 and synced(storage) == 0
    assert all(place.startswith(f"{copy}/s/") for place in addresses(copy))
    assert all(place.startswith(f"{storage}/s/") for place in addresses(storage))


def test_a_study_begun_anew_in_its_place_has_the_experiment_of_the_one_before(storage):
    shutil.rmtree(storage / "s")
    finished_study(storage / "s", SPACE, HITS)
    assert synced(storage) == 0 and len(shown(tracker(storage))) == 4


def test_another_study_of_the_name_on_the_same_server_is_refused(storage, tmp_path):
    finished_study(tmp_path / "mine/s", SPACE, HITS)
    study = load_study(Folder(str(tmp_path / "mine/s")))
    with pytest.raises(StudyError, match=f"has an experiment 's' of {storage}/s, not of {tmp_path}/mine/s"):
        Tracker(study, f"sqlite:///{storage}/mlflow.db")


@pytest.mark.parametrize("place", ["/dev/zero", "s3://a:b@bucket/x", "http://127.0.0.1:1/x", "../x", 5, None])
def test_whatever_place_a_file_names_is_looked_at_and_no_more(storage, place):
    facts = json.loads((storage / "s/study.json").read_text())
    (storage / "s/study.json").write_text(json.dumps(facts | {"folder": place}))
    assert record_folder(Folder(str(storage / "s"))) == facts["id"]
    assert json.loads((storage / "s/study.json").read_text())["folder"] == f"{storage}/s"


def test_a_study_moves_into_a_bucket_and_back(storage, bucket, tmp_path):
    for path in sorted((storage / "s").rglob("*")):
        if path.is_file():
            Folder(bucket).write(f"s/{path.relative_to(storage / 's')}", path.read_bytes())
    there = Folder(f"{bucket}/s")
    with pytest.raises(StudyError, match=f"is a copy of {storage}/s"):
        record_folder(there)
    shutil.rmtree(storage / "s")
    own = record_folder(there)
    finished_study(tmp_path / "back/s", SPACE, HITS)
    (tmp_path / "back/s/study.json").write_bytes(there.read("study.json"))
    with pytest.raises(StudyError, match=f"is a copy of {bucket}/s"):
        record_folder(Folder(str(tmp_path / "back/s")))
    there.delete("study.json")
    assert record_folder(Folder(str(tmp_path / "back/s"))) == own


def test_two_copies_of_a_study_that_is_gone_do_not_take_turns_in_one_experiment(storage, tmp_path):
    shutil.copytree(storage / "s", tmp_path / "b/s")
    (tmp_path / "c").mkdir()
    (storage / "s").rename(tmp_path / "c/s")
    shared = f"sqlite:///{storage}/mlflow.db"
    for name, is_first in (("b", True), ("c", False)):
        folder = Folder(str(tmp_path / name / "s"))
        study = replace(load_study(folder), id=record_folder(folder))
        if is_first:
            Tracker(study, shared)
        else:
            with pytest.raises(StudyError, match=f"{tmp_path}/c/s is a copy of {tmp_path}/b/s"):
                Tracker(study, shared)


def test_one_study_at_two_places_is_no_copy(storage, tmp_path):
    (tmp_path / "mount").symlink_to(storage)
    facts = json.loads((storage / "s/study.json").read_text())
    assert record_folder(Folder(f"{tmp_path}/mount/s")) == facts["id"] == record_folder(Folder(f"{storage}/s"))


def test_nothing_that_claims_to_be_an_artifact_is_written_over(storage, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    views = tracker(storage)
    (cell,) = views.study.cells
    run = views.tree.read(f"cell/{cell.key}").info.run_id
    home = storage / f"s/mlflow-artifacts/{run}/artifacts"
    (home / "config.json").unlink()
    (home / "config.json").symlink_to(outside / "file")
    with pytest.raises(LeadsOutError):
        views.finish(cell)
    (home / "config.json").unlink()
    shutil.rmtree(home / "best")
    (home / "best").symlink_to(outside)
    with pytest.raises(LeadsOutError):
        views.finish(cell)
    assert [path.name for path in outside.iterdir()] == ["file"] and (outside / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["{home}/../../../elsewhere", "{home}/x/artifacts", "s3://bucket/x"])
def test_no_address_in_a_database_leads_artifacts_out_of_the_study(storage, tmp_path, place):
    home = f"{storage}/s/mlflow-artifacts"
    with sqlite3.connect(storage / "mlflow.db") as database:
        database.execute("UPDATE runs SET artifact_uri = ?", (place.format(home=home),))
    runs = tracker(storage).tree.runs.values()
    assert {run.info.artifact_uri for run in runs} == {f"{home}/{run.info.run_id}/artifacts" for run in runs}


def test_what_study_json_says_beyond_what_is_known_stays(storage):
    facts = json.loads((storage / "s/study.json").read_text())
    (storage / "s/study.json").write_text(json.dumps(facts | {"note": "of a later version"}))
    save_study(load_study(Folder(str(storage / "s"))))
    assert json.loads((storage / "s/study.json").read_text())["note"] == "of a later version"


def test_a_folder_with_studies_is_known(storage, tmp_path):
    assert has_studies(storage) and has_studies(storage / "s") and has_studies(storage / "s/cells")
    (tmp_path / "plain").mkdir()
    assert not has_studies(tmp_path / "plain")
