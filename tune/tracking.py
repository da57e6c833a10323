"""MLflow as a view of a study: nested runs that are found again by tag, and never doubled.

    study ─ model ─ learning rate ─ cell (one seed)

A model that is trained on several values of another searched field stands there once for each. Only the
driver talks to MLflow. What it ships is read from the cells' folders, and only epochs that MLflow does not
have yet, so that shipping again changes nothing.
"""

import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from fernn.train.loop import Row
from tune.masking import masked
from tune.pictures import demo_mark, png, test_figure
from tune.results import ModelRow, registered_name, test_predictions
from tune.rollout_pictures import rollout_figure
from tune.store import BEST, CellFolder
from tune.study import Cell, Study, StudyError
from tune.table import notes

NODE = "fernn.node"
"""The tag that says which run this is: "study", "model/grnn", "lr/grnn/0.001" or "cell/KEY"."""
STOPPED = "fernn.stopped"
"""The tag that says why a cell ended before its last epoch."""
WATERMARK = "best/epoch"
"""Every row has this metric, and a batch is kept whole: its last step is the last epoch shipped."""
ROWS_PER_BATCH = 50
KEY = "fernn.key"
"""The tag that says which cell a registered checkpoint is of."""
FOLDER = "fernn.folder"
"""The tag that says whose study an experiment shows."""


OUTAGES: tuple[type[Exception], ...] = (MlflowException, OSError)
with suppress(ImportError):  # which MLflow needs for artifacts in a bucket of S3's alone
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    OUTAGES += (Boto3Error, BotoCoreError, ClientError)
"""What MLflow's client raises where the server, the database or the artifacts cannot be reached."""

UNUSABLE: tuple[type[Exception], ...] = (*OUTAGES, ImportError)
"""The same where its driver is missing."""

logging.getLogger("mlflow").setLevel(logging.WARNING)
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # what is sent twice may be there twice: we look first
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # standard output is ours, and may be JSON


class Tracker:
    """The runs of one study in MLflow."""

    def __init__(self, study: Study, uri: str) -> None:
        self.study, self.uri = study, uri
        self.client = MlflowClient(uri)
        self.experiment_id = self._experiment()
        self._runs = self._known_runs()
        self._running = {node for node, run in self._runs.items() if run.info.status == "RUNNING"}
        self._shipped: dict[str, int] = {}
        self._marks = {"fernn.demo": str(study.demo), "fernn.partial": str(bool(study.partial))}

    def _experiment(self) -> str:
        """The study's experiment; a server puts artifacts where it is told to, a database beside the study."""
        known = self.client.get_experiment_by_name(self.study.name)
        if known is None:
            beside = None if self.uri.startswith("http") else f"{self.study.folder.root}/mlflow-artifacts"
            return self.client.create_experiment(self.study.name, beside, tags={FOLDER: self.study.folder.root})
        if known.tags.get(FOLDER) != self.study.folder.root:
            raise StudyError(
                f"--tracking-uri {self.uri} has an experiment {self.study.name!r} of {known.tags.get(FOLDER)}, "
                f"not of {self.study.folder.root}: give this study another name with --study"
            )
        return known.experiment_id

    def _known_runs(self) -> dict[str, Run]:
        """The study's runs by node; of one that is there twice, as a server left it that died, the first stays."""
        found: dict[str, Run] = {}
        for run in sorted(self._search(), key=lambda run: (run.info.start_time, run.info.run_id)):
            if found.setdefault(run.data.tags[NODE], run) is not run:
                self.client.delete_run(run.info.run_id)
        return found

    def _search(self, where: str = "") -> Iterator[Run]:
        token = None
        while True:
            page = self.client.search_runs([self.experiment_id], where, max_results=500, page_token=token)
            yield from (run for run in page if NODE in run.data.tags)
            if not (token := page.token):
                return

    def sync(self) -> None:
        """Ship what MLflow does not show: settled cells, and epochs of others; does nothing where all is there."""
        for cell in self.study.cells:
            folder, run = self.study.cell_folder(cell), self._runs.get(f"cell/{cell.key}")
            if folder.done() is not None:
                if run is None or run.info.status != "FINISHED":
                    self.finish(cell, folder)
            elif self.study.settled(cell):
                if run is None or STOPPED not in run.data.tags:
                    self.stop(cell, folder)
            elif (rows := folder.history()) and rows[-1]["epoch"] > self._shipped_epoch(run):
                self.ship(cell, rows)

    def start(self, cell: Cell) -> None:
        """Open the cell's run and those above it, creating what there is not."""
        model, lr = self.study.model_label(cell), f"{cell.experiment.optim.lr:g}"
        study = self._node("study", self.study.name)
        of_model = self._node(f"model/{model}", model, study)
        of_lr = self._node(f"lr/{model}/{lr}", f"lr{lr} · {model}", of_model)
        run = self._node(f"cell/{cell.key}", self._cell_name(cell), of_lr, params(cell))
        for node in (study, of_model, of_lr, run):
            self._set_status(node, "RUNNING")

    def _cell_name(self, cell: Cell) -> str:
        """What tells it from its neighbours comes first, since lists of runs cut the end of a name."""
        experiment = cell.experiment
        name = f"seed{experiment.seed} · lr{experiment.optim.lr:g} · {self.study.model_label(cell)}"
        others = {run.info.run_name for node, run in self._runs.items() if node != f"cell/{cell.key}"}
        return f"{name} · {experiment.epochs} epochs" if name in others else name

    def ship(self, cell: Cell, rows: Sequence[Row]) -> None:
        """Log the rows of epochs that MLflow does not have."""
        self.start(cell)
        run = self._runs[f"cell/{cell.key}"]
        run_id, shipped = run.info.run_id, self._shipped_epoch(run)
        fresh = [row for row in rows if row["epoch"] > shipped]
        for first in range(0, len(fresh), ROWS_PER_BATCH):
            batch = fresh[first : first + ROWS_PER_BATCH]
            self.client.log_batch(run_id, metrics=[metric for row in batch for metric in metrics(row)])
            self._shipped[run_id] = int(batch[-1]["epoch"])

    def _shipped_epoch(self, run: Run | None) -> int:
        """The last epoch that MLflow has of a cell's run, 0 where there is none."""
        if run is None:
            return 0
        run_id = run.info.run_id
        if run_id not in self._shipped:
            steps = [metric.step for metric in self.client.get_metric_history(run_id, WATERMARK)]
            self._shipped[run_id] = max(steps, default=0)
        return self._shipped[run_id]

    def finish(self, cell: Cell, folder: CellFolder) -> None:
        """Ship what is left of a finished cell: rows, test result, best checkpoint, pictures."""
        self.ship(cell, folder.history())
        run, done = self._runs[f"cell/{cell.key}"], folder.done() or {}
        now = int(done["finished_at"] * 1000)
        best = [Metric(f"best/{name}", value, now, done["best_epoch"]) for name, value in done["metrics"].items()]
        self.client.log_batch(run.info.run_id, metrics=best)
        self._log_artifacts(run, cell, folder)
        if STOPPED in run.data.tags:  # it went on later
            self.client.delete_tag(run.info.run_id, STOPPED)
        self._set_status(run, "FINISHED")

    def stop(self, cell: Cell, folder: CellFolder) -> None:
        """Ship what a cell has that was stopped early or diverged, and why it ended."""
        self.ship(cell, folder.history())
        run = self._runs[f"cell/{cell.key}"]
        self.client.set_tag(run.info.run_id, STOPPED, folder.stopped() or folder.failure() or "")
        self._set_status(run, "FAILED" if folder.diverged() else "KILLED")

    def fail(self, cell: Cell) -> None:
        """Mark the cell's run as failed."""
        self.start(cell)
        self._set_status(self._runs[f"cell/{cell.key}"], "FAILED")

    def summarise(self, rows: Sequence[ModelRow]) -> None:
        """Put the table's numbers on the models' and learning rates' runs, where they are not yet.

        Their step is the number of finished cells: a study that grows has a new number at a new step.
        """
        results = [done for cell in self.study.cells if (done := self.study.cell_folder(cell).done()) is not None]
        moment = (int(1000 * max((done["finished_at"] for done in results), default=0)), len(results))
        self._describe("study", "\n".join(f"- {note}" for note in notes(self.study)))
        for row in rows:
            self.register(row)
            self._describe(f"model/{row.label}", row.sentence())
            self._set_metrics(f"model/{row.label}", row.summary(), *moment)
            for lr, value in row.validation_by_lr.items():
                mean = {f"validation/{row.metric.name}_mean": value}
                self._set_metrics(f"lr/{row.label}/{lr:g}", mean, *moment)

    def run(self, node: str) -> Run:
        """The node's run as MLflow holds it now; raises KeyError where there is none."""
        return self.client.get_run(self._runs[node].info.run_id)

    def register(self, row: ModelRow) -> None:
        """Register the row's best checkpoint as a version of its model and give it the alias "best"."""
        name, key = registered_name(self.study, row), row.best.key
        if self._registered(name) == key:
            return
        run_id = self._runs[f"cell/{key}"].info.run_id
        with suppress(MlflowException):  # it is there already
            self.client.create_registered_model(name)
        known = [one for one in self.client.search_model_versions(f"name = '{name}'") if one.tags.get(KEY) == key]
        version = (
            known[0]
            if known
            else self.client.create_model_version(name, f"runs:/{run_id}/best", run_id, tags={KEY: key})
        )
        self.client.set_registered_model_alias(name, "best", version.version)

    def _registered(self, name: str) -> str | None:
        """The key of the cell that has the alias, None where no version has."""
        try:
            return self.client.get_model_version_by_alias(name, "best").tags.get(KEY)
        except MlflowException:
            return None

    def close(self, complete: bool) -> None:
        """End every open run: FINISHED where the study is complete, as are then those that were KILLED before."""
        above = {node for node, run in self._runs.items() if run.info.status != "FINISHED" and _is_above(node)}
        for node in sorted(self._running | above if complete else self._running):
            self._set_status(self._runs[node], "FINISHED" if complete and _is_above(node) else "KILLED")

    def _node(self, node: str, name: str, parent: Run | None = None, params: Sequence[Param] = ()) -> Run:
        """The node's run, looked for before it is created: a server that died may have it, or have it in part."""
        if (run := self._runs.get(node)) is None:
            run = next(self._search(f"tags.`{NODE}` = '{node}'"), None)
            if run is None:
                tags = {NODE: node} | self._marks | ({MLFLOW_PARENT_RUN_ID: parent.info.run_id} if parent else {})
                run = self.client.create_run(self.experiment_id, tags=tags, run_name=name)
            self._runs[node] = run
            self._running.add(node)
        if params and not run.data.params:
            self.client.log_batch(run.info.run_id, params=params)
            self._runs[node] = self.client.get_run(run.info.run_id)
        return self._runs[node]

    def _set_status(self, run: Run, status: str) -> None:
        node = run.data.tags[NODE]
        if status != "RUNNING":
            self.client.set_terminated(run.info.run_id, status=status)
            self._running.discard(node)
            self._runs[node] = self.client.get_run(run.info.run_id)
        elif node not in self._running:
            self.client.update_run(run.info.run_id, status=status)
            self._running.add(node)

    def _set_metrics(self, node: str, values: Mapping[str, float], stamp: int, step: int) -> None:
        """Log those of the values that the run does not show; sent again, they stand there once."""
        if node in self._runs:
            run = self.client.get_run(self._runs[node].info.run_id)
            fresh = {name: value for name, value in values.items() if run.data.metrics.get(name) != value}
            self.client.log_batch(run.info.run_id, metrics=[Metric(*pair, stamp, step) for pair in fresh.items()])

    def _describe(self, node: str, text: str) -> None:
        """What MLflow shows as the run's description."""
        if node in self._runs and self.run(node).data.tags.get(MLFLOW_RUN_NOTE) != text:
            self.client.set_tag(self._runs[node].info.run_id, MLFLOW_RUN_NOTE, text)

    def _log_artifacts(self, run: Run, cell: Cell, folder: CellFolder) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name in (BEST, "config.json", "predictions.parquet", "done.json"):
                path = Path(scratch) / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(folder.folder.read(name) or b"")
            mark = demo_mark(cell.experiment.data) if self.study.demo else ""
            name, figure = test_figure(test_predictions(cell, folder), mark)
            (Path(scratch) / f"{name}-test.png").write_bytes(png(figure))
            if examples := folder.examples():
                picture = rollout_figure(self.study, {self.study.label(cell): examples})
                (Path(scratch) / "rollouts-test.png").write_bytes(png(picture))
            self.client.log_artifacts(run.info.run_id, scratch)


def _is_above(node: str) -> bool:
    """Whether the run is the study's, a model's or a learning rate's."""
    return not node.startswith("cell/")


def params(cell: Cell) -> list[Param]:
    """Every field of the experiment, and what else decides the result."""
    config = cell.config()
    flat = config.pop("experiment") | config | {"key": cell.key}
    return [Param(name, value if isinstance(value, str) else json.dumps(value)) for name, value in flat.items()]


def metrics(row: Row) -> list[Metric]:
    """A row as MLflow's metrics: the epoch is the step, the row's own time the timestamp."""
    step, stamp = int(row["epoch"]), int(row["time/recorded_at"] * 1000)
    return [
        Metric(name, value, stamp, step) for name, value in row.items() if name not in ("epoch", "time/recorded_at")
    ]


class TrackingListener:
    """Ships every reported epoch, and closes a cell's run when its trial ends, without the search waiting for it.

    What is heard is shipped by a thread, in order; what is heard again before that is shipped once. Where MLflow does
    not answer, training goes on: the cells' folders hold everything, and :meth:`Tracker.sync` ships it later.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker, self.study = tracker, tracker.study
        self._tasks: dict[tuple[str, str], Callable[[], None]] = {}
        self._changed, self._closing = threading.Condition(), False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def started(self, cell: Cell) -> None:
        self._later("start", cell, partial(self.tracker.start, cell))

    def reported(self, cell: Cell, row: Row) -> None:
        self._later("ship", cell, lambda: self.tracker.ship(cell, self.study.cell_folder(cell).history()))

    def lost(self, cell: Cell) -> None:
        """The cell's run stays open: it goes on."""

    def rested(self, cell: Cell) -> None:
        """The cell's run stays open: what comes next is decided."""

    def proposed(self, cell: Cell) -> None:
        """The cell's run is opened when it starts."""

    def stopped(self, cell: Cell) -> None:
        self._later("stop", cell, partial(self.tracker.stop, cell, self.study.cell_folder(cell)))

    def ended(self, cell: Cell, failed: bool) -> None:
        finish = partial(self.tracker.finish, cell, self.study.cell_folder(cell))
        self._later("end", cell, partial(self.tracker.fail, cell) if failed else finish)

    @property
    def pending(self) -> int:
        """How many things heard are still to be begun to ship."""
        return len(self._tasks)

    def close(self, seconds: float) -> None:
        """Ship no more than what is being shipped; raises TimeoutError where that takes longer than so many seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"{masked(self.tracker.uri)} does not answer")
        if self._error is not None:
            raise self._error

    def _later(self, kind: str, cell: Cell, task: Callable[[], None]) -> None:
        with self._changed:
            self._tasks[kind, cell.key] = task
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks or self._closing)
                if self._closing:
                    return
                task = self._tasks.pop(next(iter(self._tasks)))
            try:
                task()
            except OUTAGES:
                continue  # what is missing is shipped with the next that gets through, or at the end
            except Exception as error:
                self._error = self._error or error
