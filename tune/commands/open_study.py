"""A study as an object for notebooks and scripts, read anew from its folder whenever it is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import escape
from matplotlib.figure import Figure
from torch import nn

from fernn.experiment import Experiment
from tune.analysis.results import results
from tune.commands.load_best import load_best
from tune.core.protocol import ModelName, find_study, load_study
from tune.core.status import CellStatus, count, statuses
from tune.core.study import RATE, Study
from tune.reporting.figures import validation_figure
from tune.reporting.table import Table, marks, records
from tune.reporting.tables import results_table

if TYPE_CHECKING:
    from tune.commands.progress import Rest  # which imports Ray

WITHOUT_RESULT = ("failed", "diverged", "damaged")
SPREAD = ("where", "chosen", "objectives")
"""Parts of a row that have columns of their own."""


@dataclass(frozen=True)
class OpenStudy:
    """A study: its table, curves, cells and best networks, as ``tune.search`` and ``tune.open_study`` return it.

    Everything is read anew from the study's folder, so that it is up to date while a search runs, here or elsewhere:

    >>> study = tune.open_study("kth-demo")
    >>> study.table()[["model", "n", "test_accuracy"]]
       model  n  test_accuracy
    0   grnn  3       0.566667
    1  3dcnn  3       0.866667
    """

    planned: Study = field(repr=False)
    """The study as it was planned or found."""
    tracking_uri: str | None = field(default=None, repr=False)
    """MLflow server or database; by default SQLite inside the storage."""
    reasons: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By a cell's name: why it failed in the search that returned this object."""
    rest: "Rest | None" = field(default=None, repr=False)
    """What a budget left undone, and which budget it was; None where none was reached."""
    behind: Sequence[str] = field(default=(), repr=False)
    """A line for each view of the study, as MLflow, that could not be updated."""
    is_plan: bool = field(default=False, repr=False)
    """Whether the study has the cells that were planned, whatever its folder has."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.planned.name

    @property
    def folder(self) -> str:
        """The path or URL of the study's folder."""
        return self.planned.folder.root

    @property
    def study(self) -> Study:
        """The study as its folder has it now; a plan as it was planned."""
        return self.planned if self.is_plan else load_study(self.planned.folder)

    def table(self) -> pd.DataFrame:
        """The report's table: a row a model, at the learning rate that validation chose, with all digits.

        Each row has the study's ``marks``, as DEMO, since it may be copied elsewhere; ``.attrs["remarks"]`` has the
        remarks below the table. Raises StudyError where no cell is finished yet.

        >>> print(study.table().loc[0, "test_deviation"].round(4))
        0.1528
        """
        table = Table.of(self.study)
        frame = pd.DataFrame([_spread(row) | {"marks": marks(table.study)} for row in records(table)])
        frame.attrs["remarks"] = table.remarks()
        return frame

    @property
    def cells(self) -> pd.DataFrame:
        """A row a cell: model, the searched fields, seed, status, epochs done, and the metrics of the best epoch.

        The index is the name of the cell's folder. Metrics are NaN where a cell has none yet.

        >>> study.cells.groupby(["model", "status"]).size().to_dict()
        {('3dcnn', 'done'): 3, ('3dcnn', 'waiting'): 3, ('grnn', 'done'): 6}
        """
        study = self.study
        rows = {status.cell.name: _cell_row(study, status) for status in statuses(study)}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("cell")
        numbers = {f"{part}_{study.metric.name}": "float64" for part in ("validation", "test")}
        return frame.astype({"best_epoch": "Int64", **numbers})

    def plot_curves(self) -> Figure:
        """The validation metric by epoch of each model's choice, mean and sample standard deviation over seeds.

        Raises StudyError where no cell is finished yet.

        >>> study.plot_curves().savefig("curves.png")
        """
        table = Table.of(self.study)
        return validation_figure(table.study, table.rows)

    def best(
        self, model: str, *, where: Mapping[str, Any] | None = None, models: Sequence[ModelName] = ()
    ) -> tuple[nn.Module, Experiment]:
        """The model's best network in eval mode on the CPU, and its experiment, see :func:`tune.load_best`.

        >>> network, experiment = study.best("grnn")
        >>> experiment.optim.lr, experiment.seed
        (0.001, 1)
        """
        return load_best(self.folder, model, where=where, models=models)

    @property
    def missing(self) -> list[str]:
        """The names of the cells without a result that a search would go on with; empty for a finished study."""
        return [cell.name for cell in self.study.missing()]

    @property
    def failures(self) -> dict[str, str]:
        """Why cells have no result, by their names: those that failed, diverged or are damaged.

        >>> study.failures
        {}
        """
        found = statuses(self.study)
        done = {one.cell.name for one in found if one.status == "done"}
        stored = {one.cell.name: one.reason for one in found if one.status in WITHOUT_RESULT}
        return {name: reason for name, reason in self.reasons.items() if name not in done} | stored

    def __repr__(self) -> str:
        return f"<study {self.name}: {counts(self.study)}; {self.folder}>"

    def _repr_html_(self) -> str:
        study = self.study
        head = f"<b>{escape(self.name)}</b> {escape(marks(study))} {escape(counts(study))}"
        if not (found := results(study)):
            return f"<p>{head}: no cell is finished yet</p>"
        own, remarks = results_table(table := Table.of(study, found)), table.remarks()
        shown = pd.DataFrame(own.texts(), columns=pd.Index(own.header)).to_html(index=False, border=0)
        items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
        return f'<p>{head}</p><div style="overflow-x: auto">{shown}</div><ul>{items}</ul>'


def open_study(
    study: str | PathLike[str], *, storage: str | PathLike[str] = "studies", models: Sequence[ModelName] = (),
    tracking_uri: str | None = None,
) -> OpenStudy:  # fmt: skip
    """A study that exists, by its name in ``storage`` or its folder, also while its search runs elsewhere.

    ``models`` names your own models, as "mine:MineConfig" or by their class: a study's files import no code.
    Raises StudyError where there is no such study, with the nearest name.

    >>> tune.open_study("kth-demo").missing[0]
    '3dcnn_lr0.0001_seed0_...'
    """
    return OpenStudy(find_study(study, fspath(storage), models), tracking_uri)


def counts(study: Study) -> str:
    """How many cells have each status, in words."""
    return ", ".join(f"{number} {status}" for status, number in count(study).items())


def _spread(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the values inside it in columns of their own, and the size of its Pareto front."""
    plain = {name: value for name, value in row.items() if name not in (*SPREAD, "front")}
    inner = {name: value for part in SPREAD for name, value in (row.get(part) or {}).items() if name != RATE}
    return plain | inner | ({"on_front": len(row["front"])} if "front" in row else {})


def _cell_row(study: Study, status: CellStatus) -> dict[str, Any]:
    cell, metric = status.cell, status.cell.metric.name
    searched: Iterable[str] = [name for name in study.space if name not in ("model", "seed")]
    return {
        "model": cell.experiment.model.label, **cell.point(searched), "seed": cell.experiment.seed,
        "status": status.status, "reason": status.reason, "epochs": cell.experiment.epochs,
        "epochs_done": len(status.rows), "best_epoch": status.best_epoch,
        f"validation_{metric}": status.best, f"test_{metric}": status.test,
    }  # fmt: skip
