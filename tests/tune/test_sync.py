"""MLflow and Optuna's study made anew from the folders: from nothing, twice, and after changes."""

import json
import sqlite3
from contextlib import closing

import optuna
import pytest

from tests.support.stored_study import finish_cell, finished_study, planned_study, shown
from tune import sync
from tune.analysis.optuna_trials import trials
from tune.analysis.results import model_rows
from tune.core.folder import DamagedError
from tune.core.protocol import load_study
from tune.core.study import StudyError
from tune.reporting.table import notes
from tune.services.databases import OPTUNA, ViewError, view_errors
from tune.services.repair import ship_repaired
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.optuna_mirror import mirror
from tune.tracking.views import lines_of

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
HITS = {(m, lr, s): (5 + s, 4) for m in SPACE["model"] for lr in SPACE["optim.lr"] for s in SPACE["seed"]}


def content(url):
    """What Optuna's study says, trial by trial."""
    study = optuna.load_study(study_name="s", storage=url)
    return [
        (t.number, t.params, t.values, t.user_attrs, t.intermediate_values, t.datetime_start, t.state)
        for t in study.trials
    ]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/optuna.db"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs ``tune/sync.py`` on the study s."""

    def command(*arguments):
        monkeypatch.setattr("sys.argv", ["sync.py", "--study", "s", "--storage", str(tmp_path), *arguments])
        capsys.readouterr()
        return sync.main(), capsys.readouterr()

    return command


def test_databases_that_were_lost_are_made_anew_and_a_second_time_nothing_changes(run, tmp_path):
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",), "optim.lr": (1e-2,)}, HITS)
    found = []
    for name in ("first", "lost"):
        mlflow, optuna_url = (f"sqlite:///{tmp_path}/{name}-{view}.db" for view in ("mlflow", "optuna"))
        for _ in range(2):
            code, (out, _) = run("--json", "--tracking-uri", mlflow, "--optuna-storage", optuna_url)
            assert code == 0 and json.loads(out)["done"] == 2
            found.append((shown(Tracker(study, mlflow)), content(optuna_url)))
    assert all(one == found[0] for one in found) and len(found[0][0]) == 5 and len(found[0][1]) == 1
    for _, _, _, points in found[0][0].values():
        assert all(len({step for step, _ in line}) == len(line) for line in points.values())


def test_a_trial_is_a_model_and_a_learning_rate_with_the_mean_over_seeds(tmp_path):
    first, *_ = trials(finished_study(tmp_path / "s", SPACE, HITS))
    assert first.params == {"model": "grnn", "optim.lr": 1e-2} and first.value == pytest.approx(0.55)
    assert first.user_attrs["seeds"] == [0, 1] and first.user_attrs["values"] == [0.5, 0.6]
    assert first.intermediate_values == {1: pytest.approx(0.55)}


def test_a_trial_appears_when_its_last_seed_is_settled_and_changes_with_another(tmp_path, url):
    study = planned_study(tmp_path / "s", {**SPACE, "model": ("grnn",)})
    finish_cell(study, study.cells[0], (5, 4))
    mirror(study, url)
    assert content(url) == []
    study.cell_folder(study.cells[1]).take_over()
    study.cell_folder(study.cells[1]).folder.write_json("failure.json", {"reason": "diverged", "diverged": True})
    mirror(study, url)
    ((_, params, values, *_),) = content(url)
    assert params["optim.lr"] == 1e-2 and values == [0.25]  # one that diverged counts as the worst
    finish_cell(study, study.cells[2], (6, 4))
    finish_cell(study, study.cells[3], (8, 4))
    mirror(study, url)
    assert [(number, values) for number, _, values, *_ in content(url)] == [(0, [0.25]), (1, [0.7])]
    wider = planned_study(tmp_path / "s", {**SPACE, "model": ("grnn",), "seed": (0, 1, 2)})
    for cell in wider.cells:
        if cell.experiment.seed == 2 or cell == study.cells[1]:
            finish_cell(wider, cell, (2, 4))
    mirror(load_study(wider.folder), url)
    assert [values for _, _, values, *_ in content(url)] == [[pytest.approx(0.3)], [pytest.approx(1.6 / 3)]]


def test_a_cell_that_diverged_keeps_its_history_and_stands_in_table_and_views(run, tmp_path):
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",)}, HITS)
    cell = study.cells[1]
    folder = study.cell_folder(cell)
    folder.folder.delete("done.json")
    folder.take_over()
    folder.fail("the training loss is nan in epoch 2: lower optim.lr", diverged=True)
    assert study.missing() == [] and len(folder.history()) == 1
    (row,) = model_rows(study)
    assert (row.choice.rate, row.num_seeds) == (1e-3, 2)  # 1e-2 has one seed left
    assert "DIVERGED, and without a result: grnn lr 0.01 seed 1" in "\n".join(notes(study))
    for _ in range(2):
        assert run()[0] == 0
        tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
        shown_run = tracker.tree.read(f"cell/{cell.key}")
        assert shown_run.info.status == "FAILED" and "loss is nan" in shown_run.data.tags["fernn.stopped"]
        assert shown_run.data.metrics["validation/accuracy"] == 0.6
        assert tracker.tree.read("study").info.status == "FINISHED"
        assert [values for _, _, values, *_ in content(f"sqlite:///{tmp_path}/optuna.db")] == [[0.25], [0.55]]


def test_an_optuna_study_that_is_somebody_elses_is_refused_and_stays(tmp_path, url):
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",)}, HITS)
    optuna.create_study(study_name="s", storage=url).enqueue_trial({"x": 1})
    with pytest.raises(StudyError, match="a study 's' of an unknown owner"):
        mirror(study, url)
    assert len(optuna.load_study(study_name="s", storage=url).trials) == 1
    mirror(study, f"{url}2")
    elsewhere = finished_study(tmp_path / "elsewhere/s", {**SPACE, "model": ("grnn",)}, HITS)
    with pytest.raises(StudyError, match=f"a study 's' of {tmp_path}/s, not of"):
        mirror(elsewhere, f"{url}2")


def test_a_metric_that_is_no_number_counts_as_the_worst(tmp_path, url):
    study = planned_study(tmp_path / "s", {**SPACE, "model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)})
    finish_cell(study, study.cells[0], (float("nan"), 4))
    for _ in range(2):
        mirror(study, url)
    assert [(values, epochs) for _, _, values, _, epochs, *_ in content(url)] == [([0.0], {})]


def test_epochs_of_a_cell_that_is_not_done_are_shipped_too(run, tmp_path):
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",), "optim.lr": (1e-2,)}, HITS)
    study.cell_folder(study.cells[1]).folder.delete("done.json")
    for _ in range(2):
        assert run()[0] == 0
        tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
        half = tracker.tree.read(f"cell/{study.cells[1].key}")
        assert half.info.status == "KILLED" and half.data.metrics["validation/accuracy"] == 0.6


def test_a_study_that_is_named_by_its_folder_has_its_views_beside_it(run, tmp_path, monkeypatch):
    study = finished_study(tmp_path / "home/s", {**SPACE, "model": ("grnn",), "optim.lr": (1e-2,)}, HITS)
    monkeypatch.chdir(tmp_path)
    assert run("--study", str(tmp_path / "home/s"))[0] == 0
    assert sorted(path.name for path in (tmp_path / "home").glob("*.db")) == ["mlflow.db", "optuna.db"]
    assert not list(tmp_path.glob("*.db")) and study.folder.name == "s"


def test_a_database_that_is_away_is_one_line(run, tmp_path):
    finished_study(tmp_path / "s", SPACE, HITS)
    code, (_, err) = run("--optuna-storage", "sqlite:////nowhere/at/all/optuna.db")
    assert code == 2 and "error: --optuna-storage must be a file in a folder that is there" in err
    code, (_, err) = run("--optuna-storage", "postgresql://me:hunter2@127.0.0.1:1/x")
    assert code == 2 and "postgresql://***@127.0.0.1:1/x" in err and "hunter2" not in err


def spoiled(file, name):
    """Does to a database's file what its name says."""
    content = file.read_bytes()
    if name == "folder":
        file.unlink()
        (file / "x").mkdir(parents=True)
    elif name in ("newer", "older"):
        with closing(sqlite3.connect(file)) as connection:
            version = {"newer": "ffff", "older": "v3.0.0.d"}[name]
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
            connection.commit()
    else:
        file.write_bytes({"garbage": b"x" * 5000, "cut": content[: len(content) // 2], "empty": b""}[name])


@pytest.fixture
def mirrored(tmp_path, url):
    """A finished study with Optuna's database, and what that shows."""
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",), "optim.lr": (1e-2,)}, HITS)
    mirror(study, url)
    return study, content(url)


def test_damaged_databases_are_moved_aside_with_their_logs_and_made_anew(run, mirrored, tmp_path, url):
    study, expected = mirrored
    for name in ("mlflow.db", "optuna.db"):
        (tmp_path / name).write_bytes(b"x" * 5000)
        (tmp_path / f"{name}-wal").write_bytes(b"its log")
    finished_study(tmp_path / "other", SPACE, {})
    code, (_, err) = run()
    assert code == 0 and "MLflow: other studies come back with python tune/sync.py each: other" in err
    moved = sorted(path.name for path in tmp_path.glob("*.damaged-*"))
    assert len(moved) == 4 and [name.endswith("-wal") for name in moved] == [False, True, False, True]
    assert {(tmp_path / name).read_bytes() for name in moved} == {b"x" * 5000, b"its log"}
    assert all(
        f"moved to {tmp_path / name}, and a new one takes its place" in err
        for name in moved
        if not name.endswith("-wal")
    )
    assert content(url) == expected and "study" in shown(Tracker(study, f"sqlite:///{tmp_path}/mlflow.db"))


@pytest.mark.parametrize("name", ["garbage", "cut", "folder", "empty"])
def test_whatever_is_in_a_databases_place_is_kept_under_another_name(mirrored, tmp_path, url, name, capsys):
    study, expected = mirrored
    file = tmp_path / "optuna.db"
    spoiled(file, name)
    before = None if name == "folder" else file.read_bytes()
    if name != "empty":  # which is a new database
        with pytest.raises(ViewError, match=r"optuna\.db is damaged \("):
            mirror(study, url)
    ship_repaired(OPTUNA, url, study, lambda at: mirror(study, at))
    if name != "empty":
        (moved,) = tmp_path.glob("optuna.db.damaged-*")
        assert f"moved to {moved}, and a new one takes its place" in capsys.readouterr().err
        assert moved.is_dir() if before is None else moved.read_bytes() == before
    ship_repaired(OPTUNA, url, study, lambda at: mirror(study, at))
    assert capsys.readouterr().err == "" and content(url) == expected


def test_a_newer_database_is_left_and_a_locked_one_is_waited_for(mirrored, tmp_path, url, monkeypatch):
    study, expected = mirrored
    monkeypatch.setattr("tune.services.databases.LOCK_S", 0.1)
    with closing(sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        (line,) = lines_of(study, lambda: ship_repaired(OPTUNA, url, study, lambda at: None))
    assert line.startswith("Optuna is behind:") and "is locked by another program" in line
    mirror(study, url)
    assert content(url) == expected
    spoiled(tmp_path / "optuna.db", "newer")
    (line,) = lines_of(study, lambda: ship_repaired(OPTUNA, url, study, lambda at: None))
    assert "has the schema of newer versions of Optuna (ffff)" in line and "install that version of Optuna" in line
    assert [path.name for path in tmp_path.glob("*.db*")] == ["optuna.db"]


def test_an_older_database_is_brought_to_this_version_and_kept_as_it_was(mirrored, tmp_path, url, capsys):
    study, expected = mirrored
    spoiled(tmp_path / "optuna.db", "older")
    before = (tmp_path / "optuna.db").read_bytes()
    (line,) = lines_of(study, lambda: mirror(study, url))
    assert "has the schema of older versions of Optuna (v3.0.0.d)" in line
    ship_repaired(OPTUNA, url, study, lambda at: None)
    (older,) = tmp_path.glob("optuna.db.older-*")
    assert f"the file of before is {older}" in capsys.readouterr().err and older.read_bytes() == before
    assert content(url) == expected


def test_an_older_database_that_cannot_be_upgraded_is_made_anew(mirrored, tmp_path, url, monkeypatch, capsys):
    study, expected = mirrored
    spoiled(tmp_path / "optuna.db", "older")

    def fails(storage):
        raise RuntimeError("it would not")

    monkeypatch.setattr("optuna.storages.RDBStorage.upgrade", fails)
    ship_repaired(OPTUNA, url, study, lambda at: mirror(study, at))
    (older,) = tmp_path.glob("optuna.db.*")
    assert f"(it would not): moved to {older}, and a new one takes its place" in capsys.readouterr().err
    assert content(url) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE study_user_attributes SET value_json = '{bad'",
        "UPDATE trials SET state = 'XX'",
        "UPDATE trials SET datetime_start = 'zz'",
        "UPDATE trial_params SET distribution_json = '{}'",
        "UPDATE trial_params SET param_value = 77",
        "UPDATE trial_user_attributes SET value_json = CAST(x'ff' AS TEXT)",
    ],
)
def test_content_that_optuna_cannot_read_is_said_and_made_anew_by_one_command(run, mirrored, tmp_path, url, statement):
    study, expected = mirrored
    with closing(sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)) as connection:
        connection.execute(statement)
    before = (tmp_path / "optuna.db").read_bytes()
    (line,) = lines_of(study, lambda: mirror(study, url))
    assert line.startswith(f"Optuna is behind: {tmp_path}/optuna.db is damaged (") and "\n" not in line
    ship_repaired(OPTUNA, url, study, lambda at: mirror(study, at))
    (moved,) = tmp_path.glob("optuna.db.*")
    assert moved.read_bytes() == before and content(url) == expected


def test_content_that_mlflow_cannot_read_is_made_anew_by_one_command(run, tmp_path):
    finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",), "optim.lr": (1e-2,)}, HITS)
    assert run()[0] == 0
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as connection:
        connection.execute("UPDATE tags SET value = CAST(x'ff' AS TEXT)")
    code, (_, err) = run()
    assert code == 0 and "a new one takes its place" in err
    assert run()[0] == 0
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (5,)


def test_what_a_new_database_does_not_take_either_leaves_the_one_there(mirrored, tmp_path, url):
    study, expected = mirrored

    def fails(at):
        with view_errors(OPTUNA, at):
            raise KeyError("a fault of ours")

    (line,) = lines_of(study, lambda: ship_repaired(OPTUNA, url, study, fails))
    assert "cannot be brought up to date, nor can a new one (KeyError: 'a fault of ours')" in line
    assert [path.name for path in tmp_path.glob("optuna.db*")] == ["optuna.db"] and content(url) == expected


def test_a_file_of_the_study_that_is_damaged_is_no_views_fault(mirrored, tmp_path, url):
    study, _ = mirrored
    path = next((tmp_path / "s").rglob("done.json"))
    path.write_text(path.read_text().replace("1", "2"))
    with pytest.raises(DamagedError):
        lines_of(study, lambda: ship_repaired(OPTUNA, url, study, lambda at: mirror(study, at)))
    assert [path.name for path in tmp_path.glob("optuna.db*")] == ["optuna.db"]


def test_a_copy_for_which_there_is_no_room_leaves_nothing_behind(mirrored, tmp_path, url, monkeypatch):
    study, expected = mirrored
    spoiled(tmp_path / "optuna.db", "older")

    def full(file, copy):
        copy.touch()
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA max_page_count = 1")
            connection.execute("CREATE TABLE x AS SELECT zeroblob(100000)")

    monkeypatch.setattr("tune.services.repair.copied", full)
    (line,) = lines_of(study, lambda: ship_repaired(OPTUNA, url, study, lambda at: None))
    assert "has no room: the disk is full; make room" in line
    assert [path.name for path in tmp_path.glob("optuna.db*")] == ["optuna.db"]


def test_an_error_that_says_nothing_of_the_file_does_not_make_it_damaged(url):
    closed = sqlite3.connect(":memory:")
    closed.close()
    with pytest.raises(ViewError) as found, view_errors(OPTUNA, url):
        closed.execute("SELECT 1")
    assert found.value.condition == "unwritable"


def test_a_study_that_is_not_there_is_one_line(run, tmp_path):
    code, (_, err) = run()
    assert code == 2 and "holds no study" in err
