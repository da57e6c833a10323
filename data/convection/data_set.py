"""Convection: the published fields, and fields that are solved for."""

from collections.abc import Mapping
from pathlib import Path

from data.convection import made
from data.convection.prepare import folder_of, prepare, require_same
from data.errors import DataError
from data.fields.stream import count_windows, fields_data_set
from data.manifest import Manifest
from fernn.config import ConvectionConfig, DataConfig, MadeConvectionConfig


def refuse_demo(out: Path, data: DataConfig) -> Manifest:
    """Raises DataError: there is no demo of the published fields but what is solved for."""
    raise DataError("a demo has no published fields: leave data.name made-convection")


def num_made_windows(data: MadeConvectionConfig, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """By the config: how many fields there will be is known before they are solved for."""
    return count_windows({f"{made.REGION}/0/{square}": data.num_fields for square in range(data.squares)}, data)


CONVECTION = fields_data_set(
    config=ConvectionConfig(),
    folder="convection",
    prepare=lambda out, data, files: prepare(out, files=files, size=data.size),
    prepare_demo=refuse_demo,
    folder_of=lambda out, data: folder_of(out, data.size),
    has_sizes=True,
    require_same=require_same,
)
MADE_CONVECTION = fields_data_set(
    config=MadeConvectionConfig(),
    folder="made-convection",
    prepare=made.prepare,
    prepare_demo=lambda out, data: made.prepare(out, data, demo=True),
    folder_of=made.folder_of,
    num_clips=num_made_windows,
    is_generated=True,
)
