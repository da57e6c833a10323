"""MLflow and Optuna's study made anew from the folders: from nothing, twice, and after changes."""

import json

import optuna
import pytest
from stored_study import finish_cell, finished_study, planned_study, shown

from tune import sync
from tune.claims import load_study
from tune.mirror import mirror, trials
from tune.results import model_rows
from tune.study import StudyError
from tune.table import notes
from tune.tracking import Tracker

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
    assert (row.lr, row.num_seeds) == (1e-3, 2)  # 1e-2 has one seed left
    assert "DIVERGED, and without a result: grnn lr 0.01 seed 1" in "\n".join(notes(study))
    for _ in range(2):
        assert run()[0] == 0
        tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
        shown_run = tracker.run(f"cell/{cell.key}")
        assert shown_run.info.status == "FAILED" and "loss is nan" in shown_run.data.tags["fernn.stopped"]
        assert shown_run.data.metrics["validation/accuracy"] == 0.6
        assert tracker.run("study").info.status == "FINISHED"
        assert [values for _, _, values, *_ in content(f"sqlite:///{tmp_path}/optuna.db")] == [[0.25], [0.55]]


def test_an_optuna_study_that_is_somebody_elses_is_refused_and_stays(tmp_path, url):
    study = finished_study(tmp_path / "s", {**SPACE, "model": ("grnn",)}, HITS)
    optuna.create_study(study_name="s", storage=url).enqueue_trial({"x": 1})
    with pytest.raises(StudyError, match="a study 's' of somebody else"):
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
        half = tracker.run(f"cell/{study.cells[1].key}")
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
    assert code == 2 and "error: Optuna's database sqlite:////nowhere/at/all/optuna.db" in err
    code, (_, err) = run("--optuna-storage", "postgresql://me:hunter2@127.0.0.1:1/x")
    assert code == 2 and "postgresql://***@127.0.0.1:1/x" in err and "hunter2" not in err


def test_a_study_that_is_not_there_is_one_line(run, tmp_path):
    code, (_, err) = run()
    assert code == 2 and "holds no study" in err
