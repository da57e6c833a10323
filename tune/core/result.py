"""The result of a cell, stored in its ``done.json``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from fernn.config import fitted

FINISHED = "finished"
"""The ``status`` of a cell that was trained here."""


@dataclass(frozen=True)
class Result:
    """A cell's metrics, cost and machine. A field that an earlier version did not write is None or empty."""

    key: str = ""
    status: str = FINISHED
    epochs: int | None = None
    """Epochs that were trained; 0 for weights from elsewhere."""
    best_epoch: int | None = None
    num_parameters: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """By "validation/NAME" and "test/NAME", of the best epoch's weights."""
    metrics_sha256: str | None = None
    """Of all metrics of all epochs, see :class:`tune.analysis.differences.Training`."""
    law_errors: Mapping[str, float] = field(default_factory=dict)
    """See :func:`fernn.equivariance.law_errors`."""
    peak_memory_bytes: int | None = None
    train_seconds: float | None = None
    validation_seconds: float | None = None
    finished_at: float | None = None
    """Seconds since 1970."""
    machine: Mapping[str, Any] = field(default_factory=dict)
    """See :func:`tune.engine.machine.machine`."""
    code: tuple[dict[str, Any], ...] = ()
    """See :meth:`tune.core.cell_folder.CellFolder.codes`."""
    predictions_sha256: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The result in a file's facts; unknown names are ignored. Raises TypeError for a value of a wrong type."""
        types = {entry.name: entry.type for entry in fields(cls) if facts.get(entry.name) is not None}
        return cls(**{name: fitted(name, facts[name], kind) for name, kind in types.items()})

    def facts(self) -> dict[str, Any]:
        """The facts for the file: every field that is not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def seconds(self) -> float:
        """Seconds of training and validation together."""
        return (self.train_seconds or 0.0) + (self.validation_seconds or 0.0)

    def held(self, kind: str) -> float | None:
        """How many "cpus" or "gpus" the trial held, None where that is not recorded."""
        return (self.machine.get("held") or {}).get(kind)
