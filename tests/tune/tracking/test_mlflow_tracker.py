"""MLflow as a view: shipped again it stays the same, lost it is rebuilt, and of another study it is refused."""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from data.files import checksum
from fernn.train.run import Run
from tests.support.stored_study import finish_cell, finished_study, planned_study, said, shipped, shown
from tune.analysis.results import model_rows, registered_name
from tune.core.study import Cell, StudyError
from tune.measures.measure import Point, RunRecord
from tune.reporting.table import Table
from tune.reporting.tables import report_tables
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.run_tree import NODE
from tune.tracking.ui_views import CURVES, MODELS, route
from tune.tracking.views import refresh

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3,), "seed": (0, 1)}
HITS = {(model, 1e-3, seed): (7 + seed, 5 - seed) for model in SPACE["model"] for seed in SPACE["seed"]}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "studies/s", SPACE, HITS, demo=True)


def uri(tmp_path, name="mlflow.db"):
    return f"sqlite:///{tmp_path}/{name}"


def test_shipping_again_changes_nothing_and_a_lost_database_is_rebuilt(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    first, words = shown(tracker), said(tracker)
    assert len([node for node in first if node.startswith("cell/")]) == len(study.cells)
    assert {status for _, status, *_ in first.values()} == {"FINISHED"}
    for name in ("mlflow.db", "rebuilt.db"):
        tracker = shipped(study, uri(tmp_path, name))
        assert shown(tracker) == first and said(tracker) == words


def test_a_cells_run_holds_parameters_history_checkpoint_and_picture(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    cell = study.cells[0]
    _, _, params, metrics = shown(tracker)[f"cell/{cell.key}"]
    assert params["optim.lr"] == str(cell.experiment.optim.lr) and "key" not in params
    rows = study.cell_folder(cell).history()
    assert [step for step, _ in metrics["validation/accuracy"]] == [row["epoch"] for row in rows]
    (run,) = tracker.client.search_runs([tracker.experiment_id], f"tags.`{NODE}` = 'cell/{cell.key}'")
    artifacts = {item.path for item in tracker.client.list_artifacts(run.info.run_id)}
    assert {"best", "config.json", "confusion-test.png", "predictions.parquet"} <= artifacts
    assert run.data.tags["fernn.demo"] == str(study.demo)


def test_a_run_of_an_earlier_version_keeps_its_parameters_and_gets_tags(study, tmp_path):
    tracker, cell = Tracker(study, uri(tmp_path)), study.cells[0]
    tracker.start(cell)
    run = tracker.tree.read(f"cell/{cell.key}")
    tracker.client.log_param(run.info.run_id, "key", cell.key)
    for name in ("fernn.key", "fernn.data_hash"):
        tracker.client.delete_tag(run.info.run_id, name)
    again = shipped(study, uri(tmp_path)).tree.read(f"cell/{cell.key}")
    assert again.info.run_id == run.info.run_id and again.data.params == run.data.params | {"key": cell.key}
    assert (again.data.tags["fernn.key"], again.data.tags["fernn.data_hash"]) == (cell.key, "hash")


def test_every_way_to_an_experiment_leads_to_runs_also_of_earlier_versions(study, tmp_path):
    tracker = Tracker(study, uri(tmp_path))
    for _ in range(2):
        assert said(tracker)[0]["mlflow.experimentKind"] == "custom_model_development"
        tracker.client.set_experiment_tag(tracker.experiment_id, "mlflow.experimentKind", "")
        tracker = Tracker(study, uri(tmp_path))


def test_study_and_models_are_described(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    notes = {node: tracker.tree.read(node).data.tags["mlflow.note.content"] for node in ("study", "model/grnn")}
    assert "Learning rate: best mean of that over seeds" in notes["study"] and "DEMO" in notes["study"]
    mark, text = notes["model/grnn"].split("\n\n")
    assert mark == "**DEMO: rendered stick figures, not KTH**"
    assert text.startswith("Test accuracy 0.450 ± 0.071 (sample standard deviation) over 2 of 2 seeds")
    assert tracker.client.get_registered_model("s.grnn").description == notes["model/grnn"]
    tags, own, data = said(tracker)
    about = tags["mlflow.note.content"]
    assert about.startswith(mark) and "| grnn | 1,234 | 0.001 | 2 | 0.750 | 0.450 ± 0.071 |" in about
    assert all(f"({route(tracker.experiment_id, view)})" in about for view in (MODELS, CURVES))
    assert own["model/grnn"]["test accuracy"] == "0.450 ± 0.071" and own["model/grnn"]["marks"] == mark.strip("*")
    assert set(map(tuple, data.values())) == {(("kth", "hash"),)}


def test_the_views_are_written_once_and_follow_the_learning_rate_that_is_chosen(tmp_path, monkeypatch):
    space = {"model": ("grnn",), "optim.lr": (1e-2, 1e-3), "seed": (0,)}
    study = planned_study(tmp_path / "studies/s", space, partial=("person01",))
    chosen = []
    for cell, hits in zip(study.cells, ((5, 5), (8, 5)), strict=True):
        finish_cell(study, cell, hits)
        tags, own, _ = said(shipped(study, uri(tmp_path)))
        chosen.append([own[f"cell/{other.key}"].get("chosen") for other in study.cells if f"cell/{other.key}" in own])
    assert chosen == [["True"], [None, "True"]]
    envelope = json.loads(tags["mlflow.sharedViewState.curves"])
    state = json.loads(envelope["state"])
    assert "PARTIAL" in envelope["name"] and state["searchFilter"] == "tags.`chosen` = 'True'"
    assert list(state["groupsExpanded"]) == ["tag.model and learning rate.grnn · lr0.001"]
    again = Tracker(study, uri(tmp_path))
    monkeypatch.setattr(again.client, "set_experiment_tag", lambda *arguments: pytest.fail(f"again: {arguments}"))
    again.summarise(model_rows(study))


def test_what_else_is_searched_makes_models_of_their_own(tmp_path):
    space = {"model": ("grnn",), "data.velocity_range": (0, 1), "optim.lr": (1e-3,), "seed": (0,)}
    tracker = shipped(finished_study(tmp_path / "s", space, {("grnn", 1e-3, 0): (5, 5)}), uri(tmp_path))
    names = {run.info.run_name for run in tracker.client.search_runs([tracker.experiment_id])}
    assert {"grnn, velocity_range 0", "grnn, velocity_range 1", "grnn, velocity_range 1 · lr0.001 · seed0"} <= names
    assert tracker.tree.read("model/grnn, velocity_range 0").data.metrics["test/accuracy_mean"] == 0.5
    for k in (0, 1):
        version = tracker.client.get_model_version_by_alias(f"s.grnn.velocity_range-{k}", "best")
        assert tracker.client.get_run(version.run_id).data.params["data.velocity_range"] == str(k)


def test_a_longer_training_of_the_same_cell_has_a_name_of_its_own(study, tmp_path):
    shipped(study, uri(tmp_path))
    cell = study.cells[0]
    longer = Cell(replace(cell.experiment, epochs=cell.experiment.epochs + 1), cell.data_hash)
    tracker = Tracker(replace(study, cells=(longer,)), uri(tmp_path))
    for _ in range(2):
        tracker.start(longer)
    names = [run.info.run_name for run in tracker.client.search_runs([tracker.experiment_id])]
    assert len(names) == len(set(names)) and "grnn · lr0.001 · seed0 · 501 epochs" in names


def test_a_cell_that_was_stopped_early_shows_its_epochs_and_why(tmp_path):
    halved = replace(planned_study(tmp_path / "studies/s", SPACE), scheduler="halving")
    cell = halved.cells[0]
    run, folder = Run.start(cell.experiment), halved.cell_folder(cell)
    folder.begin(run)
    folder.record({"epoch": 1, "validation/accuracy": 0.25, "best/accuracy": 0.25, "time/recorded_at": 1.0}, run)
    folder.stop("not in the best 1 of 2 learning rates")
    for _ in range(2):
        shown_run = shipped(halved, uri(tmp_path)).tree.read(f"cell/{cell.key}")
        assert shown_run.info.status == "KILLED" and shown_run.data.metrics["validation/accuracy"] == 0.25
        assert shown_run.data.tags["fernn.stopped"] == "not in the best 1 of 2 learning rates"


def test_numbers_of_a_study_that_grows_stand_at_a_step_each(tmp_path):
    grown = planned_study(tmp_path / "studies/s", {**SPACE, "model": ("grnn",)})
    for cell, hits in zip(grown.cells, ((5, 4), (7, 6)), strict=True):
        finish_cell(grown, cell, hits)
        for _ in range(2):
            tracker = shipped(grown, uri(tmp_path))
    assert shown(tracker)["model/grnn"][3]["validation/accuracy_mean"] == [(1, 0.5), (2, pytest.approx(0.6))]


def test_another_study_of_the_same_name_is_refused(study, tmp_path):
    shipped(study, uri(tmp_path))
    other = finished_study(tmp_path / "elsewhere/s", SPACE, HITS)
    with pytest.raises(StudyError, match="give this study another name with --study"):
        Tracker(other, uri(tmp_path))


@pytest.mark.parametrize(
    "call",
    ["create_run", "log_batch"]
    + [pytest.param(one, marks=pytest.mark.soak) for one in ("create_model_version", "set_registered_model_alias")],
)
def test_what_a_server_kept_before_it_died_with_its_answer_is_not_doubled(study, tmp_path, monkeypatch, call):
    def dying(tracker):
        original = getattr(tracker.client, call)

        def die(*arguments, **options):
            original(*arguments, **options)
            raise MlflowException("the server died")

        return die

    with monkeypatch.context() as outage:
        for _ in range(2):  # drivers, of which each comes a few calls further
            tracker = Tracker(study, uri(tmp_path))
            outage.setattr(tracker.client, call, dying(tracker))
            for _ in range(2):
                with suppress(MlflowException):
                    tracker.sync()
                    tracker.summarise(model_rows(study))
    assert shown(shipped(study, uri(tmp_path))) == shown(shipped(study, uri(tmp_path, "undisturbed.db")))
    versions = Tracker(study, uri(tmp_path)).client.search_model_versions()
    assert len(versions) == len(study.space["model"])


@dataclass
class Sizes:
    """The results of a made-up measure."""

    size: float
    kind = SimpleNamespace(name="size")
    view: str = "sizes"

    def run_records(self):
        points = [Point("size/mean", self.size), Point("size/by_step", self.size, 1), Point("size/by_step", 2.0, 2)]
        yield RunRecord("model/grnn", {"size": self.size}, points, lambda: {"size.txt": b"small"})


def test_results_are_logged_once_and_again_where_they_changed(study, tmp_path):
    tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
    tracker.start(study.cells[0])
    assert [tracker.log_results(Sizes(size)) for size in (1.5, 1.5, 2.5)] == [1, 0, 1]
    run = tracker.tree.read("model/grnn")
    assert run.data.metrics["size/mean"] == 2.5
    steps = [point.step for point in tracker.client.get_metric_history(run.info.run_id, "size/by_step")]
    assert set(steps) == {1, 2}
    files = {entry.path for entry in tracker.client.list_artifacts(run.info.run_id, "sizes")}
    assert files == {"sizes/size.json", "sizes/size.txt"}


HOLDS = {"own/float32": 0.4, "own/float64": 0.4, "circular/float32": 1e-7, "circular/float64": 1e-15}
BREAKS = HOLDS | {"circular/float64": 1e-3}


@pytest.fixture
def with_fernn(tmp_path):
    hits = {("fernn-v1", 1e-3, 0): (5, 4), ("grnn", 1e-3, 0): (5, 4)}
    return finished_study(tmp_path / "s", {"model": ("fernn-v1", "grnn"), "optim.lr": (1e-3,), "seed": (0,)}, hits)


def measured(study, errors):
    """Let the FERNN's result say that these were its errors."""
    folder = study.cell_folder(study.cells[0])
    sealed = {**folder.folder.read_json("done.json"), "law_errors": errors}
    sealed.pop("crc32")
    folder.folder.write_json("done.json", sealed | {"crc32": checksum(sealed)})


def test_errors_stand_in_the_report_and_beside_the_accuracy(with_fernn, tmp_path):
    measured(with_fernn, HOLDS)
    (table,) = [table for table in report_tables(Table.of(with_fernn)) if table.name == "law"]
    assert table.rows == [("fernn-v1", 0.4, 0.4, 1e-7, 1e-15, "holds")]
    tracker = Tracker(with_fernn, f"sqlite:///{tmp_path}/mlflow.db")
    refresh(tracker, with_fernn)
    shown = tracker.tree.read(f"cell/{with_fernn.cells[0].key}").data.metrics
    assert shown["equivariance_error/circular/float64"] == 1e-15 and "best/test/accuracy" in shown


def test_a_breach_is_said_and_takes_the_alias_away(with_fernn, tmp_path):
    tracker = Tracker(with_fernn, f"sqlite:///{tmp_path}/mlflow.db")
    fernn, grnn = Table.of(with_fernn).rows
    names = registered_name(with_fernn, fernn), registered_name(with_fernn, grnn)
    refresh(tracker, with_fernn)
    assert [tracker.registered_key(name) for name in names] == [fernn.best.key, grnn.best.key]
    measured(with_fernn, BREAKS)
    refresh(tracker, with_fernn)
    assert [tracker.registered_key(name) for name in names] == [None, grnn.best.key]
    remarks = [remark for remark in Table.of(with_fernn).remarks() if remark.startswith("EQUIVARIANCE")]
    assert remarks == [
        "EQUIVARIANCE: the best checkpoint of fernn-v1 gets no alias “best”: equivariance error 1.0e-03 in float64, "
        "tolerance 1e-10."
    ]


def test_a_fernn_of_an_earlier_version_is_said_to_be_unmeasured(with_fernn):
    assert not json.loads(with_fernn.cell_folder(with_fernn.cells[0]).folder.read("done.json")).get("law_errors")
    (table,) = [table for table in report_tables(Table.of(with_fernn)) if table.name == "law"]
    assert table.rows == [("fernn-v1", "not measured: of an earlier version")]


def test_numbers_that_are_none_are_a_breach_in_the_table(with_fernn):
    measured(with_fernn, HOLDS | {"circular/float32": float("nan")})
    (table,) = [table for table in report_tables(Table.of(with_fernn)) if table.name == "law"]
    assert table.rows[0][-1] == "equivariance error nan in float32, tolerance 1e-04"
