"""Studies made on disk without training: cells whose predictions hit as many clips as a test says."""

import pyarrow as pa

from fernn.experiment import Experiment
from fernn.train.run import Run
from tune.analysis.results import model_rows
from tune.core.cells import cells_at, plan_cells
from tune.core.choice import points_of
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.run_tree import NODE

NARROW = {"model.hidden_channels": 2, "model.embedding_channels": (2,), "model.base": 2}
NUM_CLIPS = 10

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0, 1, 2)}
HITS = {
    ("grnn", 1e-3, 0): (5, 4), ("grnn", 1e-3, 1): (6, 7), ("grnn", 1e-3, 2): (6, 6),
    ("grnn", 1e-4, 0): (4, 9), ("grnn", 1e-4, 1): (4, 8), ("grnn", 1e-4, 2): (4, 9),
    ("3dcnn", 1e-3, 0): (9, 9), ("3dcnn", 1e-3, 1): (9, 8), ("3dcnn", 1e-3, 2): (9, 9),
}  # fmt: skip
"""Two models, two rates and three seeds: the hits of each cell on validation and test clips."""


def planned_study(folder, space, *, settings=NARROW, demo=False, partial=(), stand_in=""):
    """A study that is claimed, without a result yet."""
    cells = plan_cells(Experiment(), space, "hash", settings)
    study = Study("s", Folder(str(folder)), space, cells, demo, partial, stand_in=stand_in)
    save_study(study)
    return study


def finish_cell(study, cell, hits, epochs=1):
    """Give the cell a result in which ``hits`` (validation, test) of ten clips each are right in its last epoch."""
    folder, run = study.cell_folder(cell), Run.start(cell.experiment)
    folder.begin(run)
    for epoch in range(1, epochs + 1):
        run.epoch = run.best_epoch = epoch
        value = hits[0] / NUM_CLIPS * epoch / epochs
        row = {"epoch": epoch, "validation/accuracy": value, "time/recorded_at": 999.5 + epoch}
        folder.record(row | {"best/epoch": epoch, "best/accuracy": value}, run)
    metrics = {"validation/accuracy": hits[0] / NUM_CLIPS, "test/accuracy": hits[1] / NUM_CLIPS}
    facts = {"key": cell.key, "num_parameters": 1234, "best_epoch": epochs, "finished_at": 1001.5, "metrics": metrics}
    folder.finish(predictions(hits), Result.of(facts))


def predictions(hits):
    """A table in which so many validation and test clips of label 1 are taken for 1, the others for 0."""
    others = [-1.0] * 4
    rows = [
        {
            "split": split,
            "id": f"{split}-{i}",
            "person": 1,
            "label": 1,
            "logits": [1.0, 2.0 if i < right else 0.0, *others],
        }
        for split, right in zip(("validation", "test"), hits, strict=True)
        for i in range(NUM_CLIPS)
    ]
    return pa.Table.from_pylist(rows)


def finished_study(folder, space, hits, **facts):
    """A study in which the cell of (model, learning rate, seed) has ``hits``; others have no result."""
    study = planned_study(folder, space, **facts)
    for cell in study.cells:
        where = (cell.experiment.model.name, cell.experiment.optim.lr, cell.experiment.seed)
        if where in hits:
            finish_cell(study, cell, hits[where])
    return study


def tuned_study(folder):
    """Two models of which validation chooses learning rate and batch size, and of G-RNN a list, too; all finished.

    Hits grow with each: the best choice has a rate of 1e-2, batches of 8 and (2, 3).
    """
    names, channels = ("batch_size", "grnn.model.embedding_channels"), ((2,), (2, 3))
    space = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-2), names[0]: (4, 8), names[1]: channels, "seed": (0,)}
    plain = points_of({name: space[name] for name in ("model", "optim.lr", "batch_size", "seed")})
    points = [point for point in plain if point["model"] == "3dcnn"]
    wide = [{**point, "model.embedding_channels": own} for point in plain for own in channels]
    points = [point for point in wide if point["model"] == "grnn"] + points
    study = Study("s", Folder(str(folder)), space, cells_at(Experiment(), points, "hash", NARROW), tuned=names)
    save_study(study)
    for cell, point in zip(study.cells, points, strict=True):
        better = (
            point["optim.lr"] == 1e-2,
            point["batch_size"] == 8,
            len(point.get("model.embedding_channels", ())) == 2,
        )
        finish_cell(study, cell, (3 + 3 * better[0] + 2 * better[1] + better[2], 5 + sum(better)))
    return study


def shipped(study, uri):
    """The tracker of a study whose cells, table and views are in MLflow, as after a search."""
    tracker = Tracker(study, uri)
    tracker.sync()
    tracker.summarise(model_rows(study))
    tracker.tree.close(complete=True)
    return tracker


def shown(tracker):
    """Every run by node: name, status, parameters, and each metric's steps and values."""
    found = {}
    for run in tracker.client.search_runs([tracker.experiment_id]):
        names = sorted(run.data.metrics)
        history = {name: tracker.client.get_metric_history(run.info.run_id, name) for name in names}
        points = {name: [(metric.step, metric.value) for metric in metrics] for name, metrics in history.items()}
        found[run.data.tags[NODE]] = (run.info.run_name, run.info.status, run.data.params, points)
    return found


def said(tracker):
    """The experiment's tags, and every run's by node, but its parent's number, and its data sets."""
    experiment = tracker.client.get_experiment(tracker.experiment_id)
    runs = {run.data.tags[NODE]: run for run in tracker.client.search_runs([tracker.experiment_id])}
    own = {
        node: {name: text for name, text in run.data.tags.items() if name != "mlflow.parentRunId"}
        for node, run in runs.items()
    }
    data = {node: [(i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs] for node, run in runs.items()}
    return experiment.tags, own, data
