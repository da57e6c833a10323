"""Ends trials in Ray Tune where a control says so."""

from collections.abc import Sequence
from typing import Any

from ray import tune

from tune.core.study import Study
from tune.engine.control import Control


class ControlStopper(tune.Stopper):
    """Asks the controls after every epoch of a trial, and again and again whether the search ends.

    A trial is not asked after its last epoch, the cell's or ``until``: what follows is the cell's evaluation.
    """

    def __init__(self, study: Study, controls: Sequence[Control], until: int | None = None) -> None:
        self.study, self.controls, self.until = study, controls, until

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray saves the stopper for a restore that no search uses, and controls hold threads and files."""
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        if not self.controls or result.get("done"):  # Tune repeats the last row when a trial has ended
            return False
        cell = self.study.cell_at(result["config"])
        if result["epoch"] >= (self.until or cell.experiment.epochs):
            return False
        return not all([control.may_go_on(cell, result) for control in self.controls])  # each keeps count of its own

    def stop_all(self) -> bool:
        return any([control.ended() for control in self.controls])
