"""A study's nested runs in MLflow, each identified by a tag, and what a cell's run holds.

study ─ model ─ choice, such as a learning rate ─ cell (one seed)
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlRun
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID
from sqlalchemy import create_engine, literal, update
from sqlalchemy.pool import NullPool

from fernn.train.loop import Row
from tune.analysis.objectives import front
from tune.analysis.results import ModelRow
from tune.core.choice import Choice
from tune.core.console import masked
from tune.core.study import Cell, Study

NODE = "fernn.node"
"""The tag that identifies a run: "study", "model/grnn", "lr/grnn/0.001", "choice/grnn/TEXT" or "cell/KEY"."""
KEY = "fernn.key"
"""The tag with a cell's key, of its run and of its registered checkpoint."""

logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # logs every database error with a traceback
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a retried request may be recorded twice
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # the command's standard output may be JSON


def choice_node(label: str, choice: Choice) -> str:
    """The node of a choice: of a learning rate alone, or of the text of several fields, without quotation marks."""
    text = choice.text.replace("'", "")
    return f"lr/{label}/{choice.rate:g}" if len(choice.values) == 1 else f"choice/{label}/{text}"


def choice_name(choice: Choice) -> str:
    """A choice in a run's name."""
    return f"lr{choice.rate:g}" if len(choice.values) == 1 else choice.text


def objective_means(row: ModelRow, choice: Choice) -> dict[str, float]:
    """What a choice reaches in the study's objectives, by the metric's name in MLflow."""
    means = row.scores[choice].means if choice in row.scores else {}
    return {f"objective/{name}": mean for name, mean in means.items() if isfinite(mean)}


def pareto_tag(row: ModelRow, choice: Choice) -> dict[str, str | None]:
    """The tag of a choice on the Pareto front of the study's objectives."""
    return {"pareto": "True" if choice in front(row.scores) else None}


class RunTree:
    """The runs of one experiment by node."""

    def __init__(self, client: MlflowClient, experiment_id: str, marks: Mapping[str, str | None]) -> None:
        self.client, self.experiment_id = client, experiment_id
        self._marks = {name: text for name, text in marks.items() if text is not None}
        self.runs: dict[str, Run] = {}
        """Every node's run, as last read."""
        for run in sorted(runs_of(client, experiment_id), key=lambda run: (run.info.start_time, run.info.run_id)):
            if self.runs.setdefault(run.data.tags[NODE], run) is not run:  # a failing server created it twice
                client.delete_run(run.info.run_id)

    def read(self, node: str) -> Run:
        """The run as MLflow has it now; raises KeyError where there is none."""
        self.runs[node] = self.client.get_run(self.runs[node].info.run_id)
        return self.runs[node]

    def open(self, node: str, name: str, data: Dataset, parent: Run | None = None, params: Sequence[Param] = ()) -> Run:
        """The node's run. It is searched before it is created, since a failing server may have created a part of it."""
        run = self.runs.get(node) or next(runs_of(self.client, self.experiment_id, f"tags.`{NODE}` = '{node}'"), None)
        if run is None:
            tags = {NODE: node} | self._marks | ({MLFLOW_PARENT_RUN_ID: parent.info.run_id} if parent else {})
            run = self.client.create_run(self.experiment_id, tags=tags, run_name=name)
        self.runs[node] = run
        run_id, has_data = run.info.run_id, run.inputs is not None and run.inputs.dataset_inputs
        has_params = not params or run.data.params
        if not has_data:
            self.client.log_inputs(run_id, [DatasetInput(data, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])
        if not has_params:
            self.client.log_batch(run_id, params=params)
        return run if has_data and has_params else self.read(node)

    def set_status(self, node: str, status: str) -> None:
        """Reopen the run with "RUNNING", end it with any other status."""
        run = self.runs[node].info
        if status != "RUNNING":
            self.client.set_terminated(run.run_id, status=status)
        elif run.status != status:
            self.client.update_run(run.run_id, status=status)
        else:
            return
        self.read(node)

    def set_metrics(self, node: str, values: Mapping[str, float], stamp: int, step: int) -> None:
        """Log the values that the run does not have yet."""
        if node in self.runs:
            run = self.read(node)
            fresh = {name: value for name, value in values.items() if run.data.metrics.get(name) != value}
            self.client.log_batch(run.info.run_id, metrics=[Metric(*pair, stamp, step) for pair in fresh.items()])

    def set_tags(self, node: str, values: Mapping[str, str | None]) -> None:
        """Set the tags that the run does not have, and delete those whose value is None."""
        if node not in self.runs:
            return
        run, tags = self.runs[node], self.runs[node].data.tags
        fresh = [RunTag(name, value) for name, value in values.items() if value not in (None, tags.get(name))]
        stale = [name for name, value in values.items() if value is None and name in tags]
        if fresh:
            self.client.log_batch(run.info.run_id, tags=fresh)
        for name in stale:
            self.client.delete_tag(run.info.run_id, name)
        if fresh or stale:
            self.read(node)

    def close(self, complete: bool) -> None:
        """End every open run: FINISHED where the study is complete, which includes earlier KILLED runs, else KILLED."""
        for node, run in sorted(self.runs.items()):
            status, ends = run.info.status, complete and not node.startswith("cell/")
            if status == "RUNNING" or (ends and status != "FINISHED"):
                self.set_status(node, "FINISHED" if ends else "KILLED")


def runs_of(client: MlflowClient, experiment_id: str, where: str = "") -> Iterator[Run]:
    """The runs of an experiment that are nodes of a study, page by page."""
    token = None
    while True:
        page = client.search_runs([experiment_id], where, max_results=500, page_token=token)
        yield from (run for run in page if NODE in run.data.tags)
        if not (token := page.token):
            return


def move_artifacts(uri: str, experiment_id: str, home: str) -> None:
    """Set the place of the artifacts of an experiment and its runs to ``home``, in the database at ``uri``."""
    runs = update(SqlRun).where(SqlRun.experiment_id == int(experiment_id))
    experiment = update(SqlExperiment).where(SqlExperiment.experiment_id == int(experiment_id))
    with create_engine(uri, poolclass=NullPool).begin() as connection:
        connection.execute(experiment.values(artifact_location=home))
        connection.execute(runs.values(artifact_uri=literal(f"{home}/") + SqlRun.run_uuid + "/artifacts"))


def dataset(study: Study, cell: Cell) -> Dataset:
    """MLflow's entry of the data set: its name, the beginning of its hash, and its place."""
    source = json.dumps({"uri": masked(study.data)})
    return Dataset(cell.experiment.data.name, cell.data_hash[:12], "local", source)


def params(cell: Cell) -> list[Param]:
    """Every field of the experiment: what varies or configures. What identifies the cell is in tags."""
    fields = cell.config()["experiment"].items()
    return [Param(name, value if isinstance(value, str) else json.dumps(value)) for name, value in fields]


def metrics(row: Row) -> list[Metric]:
    """A row as MLflow's metrics: the epoch is the step, the row's own time the timestamp."""
    values = dict(row)
    step, stamp = int(values.pop("epoch")), int(values.pop("time/recorded_at") * 1000)
    return [Metric(name, value, stamp, step) for name, value in values.items()]
