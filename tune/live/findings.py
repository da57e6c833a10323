"""What takes seconds of a study with many cells: its table and what matters, worked out beside the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from tune.analysis.optuna_trials import finished_trials, importances
from tune.analysis.results import CellResult, cell_result
from tune.core.choice import last_part
from tune.core.console import all_masked, one_line
from tune.core.status import CellStatus
from tune.core.study import RATE, USER_ERRORS, Study
from tune.live.records import rounded
from tune.reporting.table import Table, columns, study_columns


class Findings:
    """The table and the importances of a study; results of cells that did not change are not read again."""

    def __init__(self) -> None:
        self._results: dict[str, tuple[Any, CellResult]] = {}

    def of(self, study: Study, states: Sequence[CellStatus]) -> dict[str, Any]:
        """Both, by name; where there is none, the reason stands in their place."""
        return {**self._table(study, states), **self._importances(study)}

    def _table(self, study: Study, states: Sequence[CellStatus]) -> dict[str, Any]:
        try:
            done = [state for state in states if state.status == "done"]
            table = Table.of(study, study.folder.each(self._result, done))
            header = columns(table.metric, study_columns(study))
            chosen = {row.label: row.choice.text for row in table.rows}
            found = {"header": header, "rows": table.texts(), "remarks": table.remarks(), "chosen": chosen}
            return all_masked(found | {"no_table": ""})
        except USER_ERRORS as error:
            return all_masked({"header": [], "rows": [], "remarks": [], "chosen": {}, "no_table": one_line(error)})

    def _result(self, state: CellStatus) -> CellResult:
        name, digest = state.cell.name, state.result.predictions_sha256
        known = self._results.get(name)
        if known is None or known[0] != digest or not digest:
            known = self._results[name] = (digest, cell_result(state.cell, state.folder))
        return known[1]

    def _importances(self, study: Study) -> dict[str, Any]:
        try:
            shares = importances(study, finished_trials(study)) if study.cells else {}
        except USER_ERRORS as error:
            return {"importances": {}, "no_importances": one_line(error)}
        missing = "" if shares else "Nothing varies yet among choices whose seeds are all finished."
        return {"importances": named(shares), "no_importances": missing}


def named(shares: Mapping[str, float]) -> dict[str, float | None]:
    """The shares by the names that people read."""
    return {"learning rate" if name == RATE else last_part(name): rounded(share) for name, share in shares.items()}
