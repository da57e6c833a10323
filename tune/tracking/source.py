"""Tags that say what a run is and where it comes from: its cell's identity, and the code, command and user.

They come from the study's folder, so that an update from another machine or by another user sets the same.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from mlflow.entities import SourceType
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_GIT_DIRTY,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

from tune.core.code_record import USER
from tune.core.study import Cell, Study
from tune.tracking.run_tree import KEY

Records = Mapping[str, Mapping[str, Any]]
"""The study's code records by id, in order of first use."""


def identity_tags(cell: Cell) -> dict[str, str]:
    """The key, hashes and versions that identify the cell; what varies between cells is in the run's parameters."""
    facts = {name: value for name, value in cell.config().items() if name != "experiment"}
    texts = {f"fernn.{name}": value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    return {KEY: cell.key} | texts


def latest_tags(records: Records) -> dict[str, str | None]:
    """The tags of the code that was used last; empty for a study of a version that did not record it."""
    return source_tags([*records.values()][-1]) if records else {}


def cell_tags(study: Study, cell: Cell, records: Records) -> dict[str, str | None]:
    """The cell's identity, and the code that trained its last epochs; before it has begun, the code used last."""
    codes = study.cell_folder(cell).codes()
    source = source_tags(records.get(codes[-1]["code"], {})) if codes else latest_tags(records)
    return identity_tags(cell) | source


def source_tags(record: Mapping[str, Any]) -> dict[str, str | None]:
    """MLflow's tags for a code record, None for what it does not know; empty without a record."""
    if not record:
        return {}
    words = shlex.split(record["command"])[1:]
    commit, is_changed = record.get("commit"), record.get("diff_sha256") is not None
    return {
        MLFLOW_SOURCE_NAME: words[1] if words[0] == "-m" else words[0],
        MLFLOW_SOURCE_TYPE: SourceType.to_string(SourceType.LOCAL),
        MLFLOW_USER: record.get(USER),
        MLFLOW_GIT_COMMIT: commit,
        MLFLOW_GIT_DIRTY: str(is_changed).lower() if commit else None,
        "fernn.version": record.get("version"),
        "fernn.source_sha256": record.get("source_sha256"),
    }
