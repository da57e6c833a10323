"""MLflow as a view of a study: the content of its folders, logged to nested runs.

A model that is trained on several values of another searched field has a run for each. Only the driver uses MLflow.
It reads the cells' folders and logs the epochs that MLflow does not have yet, so that logging again changes nothing.
"""

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment, Metric, Run
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from tune.analysis.plotting import marks, png, rollout_figure, test_figure
from tune.analysis.results import ModelRow, test_predictions
from tune.core.cell_folder import BEST, CellFolder
from tune.core.code_record import recorded
from tune.core.console import bullets
from tune.core.identity import ID, OWNER, OWNER_ID, PLACE, is_view_of, owner_tags, require_no_copy
from tune.core.result import Result
from tune.core.study import Cell, Study, StudyError
from tune.measures.measure import Results, RunRecord
from tune.reporting.table import notes
from tune.services.databases import is_database
from tune.tracking import ui_views
from tune.tracking.registration import register, registered_key
from tune.tracking.run_tree import (
    RunTree,
    choice_name,
    choice_node,
    dataset,
    metrics,
    move_artifacts,
    objective_means,
    params,
    pareto_tag,
)
from tune.tracking.source import cell_tags, identity_tags, latest_tags

RUN_ID = re.compile("[0-9a-f]{32}")
STOPPED = "fernn.stopped"
"""The tag with the reason why a cell ended before its last epoch."""
WATERMARK = "best/epoch"
"""A metric of every row. MLflow stores a batch whole, so its last step is the last logged epoch."""
ROWS_PER_BATCH = 50
METRICS_PER_BATCH = 500
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""The tag by which MLflow 3 opens an experiment on runs and curves, not on traces of language models."""


class Tracker:
    """The runs of one study in MLflow."""

    def __init__(self, study: Study, uri: str) -> None:
        self.study, self.uri = study, uri
        self.client = MlflowClient(uri)
        self._artifacts = study.folder.path_of("mlflow-artifacts") if is_database(uri) else None
        self.experiment_id = self._experiment()
        self.records = recorded(study.folder)
        self.tree = RunTree(self.client, self.experiment_id, ui_views.mark_tags(study) | latest_tags(self.records))
        self._shipped: dict[str, int] = {}

    def _experiment(self) -> str:
        """The id of the study's experiment. Without a server, its artifacts are in the study's folder."""
        experiment, tags = self._known_experiment(), owner_tags(self.study) | KIND
        if experiment is None:
            return self.client.create_experiment(self.study.name, self._artifacts, tags=tags)
        if experiment.name != self.study.name and self.client.get_experiment_by_name(self.study.name) is None:
            self.client.rename_experiment(experiment.experiment_id, self.study.name)
        self._set_experiment_tags(experiment, tags)
        self._bring_artifacts(experiment)
        return experiment.experiment_id

    def _bring_artifacts(self, experiment: Experiment) -> None:
        """Update the addresses of artifacts after a study moved. None in its database may lead elsewhere.

        Raises OSError for artifacts that a server keeps.
        """
        if self._artifacts is None:
            return
        if experiment.artifact_location.startswith("mlflow-artifacts:"):
            raise OSError("its files are kept by an MLflow server: give the server's address with --tracking-uri")
        move_artifacts(self.uri, experiment.experiment_id, self._artifacts)

    def log_files(self, run_id: str, folder: Path, into: str = "") -> None:
        """Log the files of a folder into the run's folder ``into``; raises LeadsOutError for a link there."""
        if self._artifacts is not None:
            if not RUN_ID.fullmatch(run_id):
                raise OSError(f"a run has the id {run_id!r:.80}, which is not one of MLflow")
            target = Path("mlflow-artifacts", run_id, "artifacts", into)
            for path in folder.rglob("*"):
                self.study.folder.path_of(str(target / path.relative_to(folder)))
        self.client.log_artifacts(run_id, str(folder), into or None)

    def _known_experiment(self) -> Experiment | None:
        """The experiment with the study's id, else with its name; raises StudyError where that is another study's."""
        ours = f"tags.`{OWNER_ID}` = '{self.study.id}'"
        if self.study.id and (experiments := self.client.search_experiments(filter_string=ours)):
            require_no_copy(self.study.folder, {ID: self.study.id, PLACE: experiments[0].tags.get(OWNER)})
            return experiments[0]
        named = self.client.get_experiment_by_name(self.study.name)
        if named is None or is_view_of(self.study, named.tags, self.uri):
            return named
        raise StudyError(
            f"--tracking-uri {self.uri} has an experiment {self.study.name!r} of {named.tags.get(OWNER)}, "
            f"not of {self.study.folder.root}: give this study another name with --study, or rename its folder"
        )

    def sync(self) -> None:
        """Log the settled cells, and the epochs of the others, that MLflow does not have."""
        study = self.study
        done = study.folder.each(lambda cell: study.cell_folder(cell).done() is not None, study.cells)
        for cell, is_done in zip(study.cells, done, strict=True):
            run = self.tree.runs.get(f"cell/{cell.key}")
            if is_done:
                if run is None or run.info.status != "FINISHED":
                    self.finish(cell)
            elif study.settled(cell):
                if run is None or STOPPED not in run.data.tags:
                    self.stop(cell)
            elif (rows := study.cell_folder(cell).history()) and rows[-1]["epoch"] > self._shipped_epoch(run):
                self.ship(cell)

    def start(self, cell: Cell) -> Run:
        """Open the cell's run and those above it, and create those that do not exist; the cell's run."""
        label, experiment, data = self.study.model_label(cell), cell.experiment, dataset(self.study, cell)
        choice, node = self.study.choice(cell), f"cell/{cell.key}"
        short = choice_name(choice)
        name = f"{label} · {short} · seed{experiment.seed}"
        if any(run.info.run_name == name for other, run in self.tree.runs.items() if other != node):
            name += f" · {experiment.epochs} epochs"
        names = {"study": self.study.name, f"model/{label}": label, choice_node(label, choice): f"{label} · {short}"}
        run: Run | None = None
        for above, title in names.items():
            run = self.tree.open(above, title, data, run)
        run = self.tree.open(node, name, data, run, params(cell))
        self.tree.set_tags(node, identity_tags(cell))
        for opened in (*names, node):
            self.tree.set_status(opened, "RUNNING")
        return run

    def ship(self, cell: Cell) -> Run:
        """Log the rows of epochs that MLflow does not have; the cell's run."""
        run = self.start(cell)
        run_id, shipped = run.info.run_id, self._shipped_epoch(run)
        fresh = [row for row in self.study.cell_folder(cell).history() if row["epoch"] > shipped]
        for first in range(0, len(fresh), ROWS_PER_BATCH):
            batch = fresh[first : first + ROWS_PER_BATCH]
            self.client.log_batch(run_id, metrics=[metric for row in batch for metric in metrics(row)])
            self._shipped[run_id] = int(batch[-1]["epoch"])
        return run

    def _shipped_epoch(self, run: Run | None) -> int:
        """The last epoch that MLflow has of a cell's run, 0 where there is none."""
        if run is None:
            return 0
        run_id = run.info.run_id
        if run_id not in self._shipped:
            steps = [metric.step for metric in self.client.get_metric_history(run_id, WATERMARK)]
            self._shipped[run_id] = max(steps, default=0)
        return self._shipped[run_id]

    def finish(self, cell: Cell) -> None:
        """Log the rest of a finished cell: rows, test result, best checkpoint, figures."""
        run, folder = self.ship(cell), self.study.cell_folder(cell)
        done = folder.done() or Result()
        stamp, step = int((done.finished_at or 0) * 1000), done.best_epoch or 0
        values = {f"best/{name}": value for name, value in done.metrics.items()}
        values |= {f"equivariance_error/{name}": error for name, error in done.law_errors.items()}
        best = [Metric(name, value, stamp, step) for name, value in values.items()]
        self.client.log_batch(run.info.run_id, metrics=best)
        self._log_artifacts(run, cell, folder)
        if STOPPED in run.data.tags:  # it was continued
            self.client.delete_tag(run.info.run_id, STOPPED)
        self.tree.set_status(f"cell/{cell.key}", "FINISHED")

    def stop(self, cell: Cell) -> None:
        """Log a cell that was stopped early or diverged, and the reason."""
        run, folder = self.ship(cell), self.study.cell_folder(cell)
        self.client.set_tag(run.info.run_id, STOPPED, folder.stopped() or folder.failure() or "")
        self.tree.set_status(f"cell/{cell.key}", "FAILED" if folder.diverged() else "KILLED")

    def fail(self, cell: Cell) -> None:
        """Mark the cell's run as failed."""
        self.start(cell)
        self.tree.set_status(f"cell/{cell.key}", "FAILED")

    def summarise(self, rows: Sequence[ModelRow]) -> None:
        """Log the table's numbers to the runs of models and choices that lack them, and the views.

        Their step is the number of finished cells, so that a study that grows has a new value at a new step. Imported
        cells are not in MLflow.
        """
        if not self.study.cells:
            return
        results = [done for cell in self.study.cells if (done := self.study.cell_folder(cell).done()) is not None]
        moment = (int(1000 * max((done.finished_at or 0 for done in results), default=0)), len(results))
        self.tree.set_tags("study", {MLFLOW_RUN_NOTE: bullets(notes(self.study))})
        for row in rows:
            metric, node, note = row.metric, f"model/{row.label}", ui_views.model_note(self.study, row)
            register(self.study, self.tree, row, note)
            spread = metric.spread(row.test, row.test_deviation)
            self.tree.set_tags(node, {MLFLOW_RUN_NOTE: note, f"test {metric.name}": spread})
            self.tree.set_metrics(node, row.summary(), *moment)
            for choice, value in row.validation_by_choice.items():
                mean = {f"validation/{metric.name}_mean": value} | objective_means(row, choice)
                self.tree.set_metrics(choice_node(row.label, choice), mean, *moment)
                self.tree.set_tags(choice_node(row.label, choice), pareto_tag(row, choice))
        self._mark_cells(rows)
        tags = ui_views.view_tags(self.study, rows, moment[0])
        tags |= {MLFLOW_RUN_NOTE: ui_views.study_note(self.study, rows, self.experiment_id)}
        self._set_experiment_tags(self.client.get_experiment(self.experiment_id), tags)

    def registered_key(self, name: str) -> str | None:
        """The key of the cell whose checkpoint has the alias "best" of a registered model, None where none has it."""
        return registered_key(self.client, name)

    def log_results(self, results: Results) -> int:
        """Log a measure's results to the runs of cells, models and the study; the number of runs that changed."""
        return sum(self._log_record(results, record) for record in results.run_records())

    def _log_record(self, results: Results, record: RunRecord) -> bool:
        """Log a record's files and metrics to its run; returns whether the run changed.

        A tag holds the SHA-256 of the logged document: a run that has the record's document already is not changed.
        """
        content = (json.dumps(record.document, indent=2) + "\n").encode()
        tag, digest, run = f"fernn.{results.view}", hashlib.sha256(content).hexdigest(), self.tree.read(record.node)
        if run.data.tags.get(tag) == digest:
            return False
        with tempfile.TemporaryDirectory() as scratch:
            for name, data in {f"{results.kind.name}.json": content, **record.files()}.items():
                (Path(scratch) / name).write_bytes(data)
            self.log_files(run.info.run_id, Path(scratch), results.view)
        now, logged = int(time.time() * 1000), run.data.metrics
        points = [point for point in record.points if point.step or logged.get(point.name) != point.value]
        metrics = [Metric(point.name, point.value, now, point.step) for point in points]
        for first in range(0, len(metrics), METRICS_PER_BATCH):
            self.client.log_batch(run.info.run_id, metrics=metrics[first : first + METRICS_PER_BATCH])
        self.client.set_tag(run.info.run_id, tag, digest)
        return True

    def _mark_cells(self, rows: Sequence[ModelRow]) -> None:
        """Tag every run with its code, a cell also with the line of its curves and whether the table reports it."""
        chosen = {result.cell.key for row in rows for result in row.chosen}
        named, cells = ui_views.lines(self.study, rows), self.study.cells
        sources = self.study.folder.each(lambda cell: cell_tags(self.study, cell, self.records), cells)
        for cell, source in zip(cells, sources, strict=True):
            line, is_chosen = named[ui_views.line_of(self.study, cell)], cell.key in chosen
            tags = {ui_views.LINE: line, ui_views.CHOSEN: "True" if is_chosen else None}
            self.tree.set_tags(f"cell/{cell.key}", tags | source)
        for node in [node for node in self.tree.runs if not node.startswith("cell/")]:
            self.tree.set_tags(node, latest_tags(self.records))

    def _set_experiment_tags(self, experiment: Experiment, values: Mapping[str, str]) -> None:
        """Set the tags that the experiment does not have."""
        for name, value in values.items():
            if experiment.tags.get(name) != value:
                self.client.set_experiment_tag(experiment.experiment_id, name, value)

    def _log_artifacts(self, run: Run, cell: Cell, folder: CellFolder) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name in (BEST, "config.json", "predictions.parquet", "done.json"):
                path = Path(scratch) / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(folder.folder.read(name) or b"")
            title = "\n".join([self.study.label(cell), *marks(self.study)])
            name, figure = test_figure(test_predictions(cell, folder), cell.experiment.data, title)
            (Path(scratch) / f"{name}-test.png").write_bytes(png(figure))
            if examples := folder.examples():
                rollouts = rollout_figure(self.study, {self.study.label(cell): examples})
                (Path(scratch) / "rollouts-test.png").write_bytes(png(rollouts))
            self.log_files(run.info.run_id, Path(scratch))
