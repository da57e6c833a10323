"""Parquet files, written for a manifest, and read without a way to code.

A Parquet file names the extension types of its columns, and Ray Data knows one whose values are pickled Python objects:
reading such a column would run what is in it.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import DataError
from data.files import sha256_of
from data.manifest import DataFile

UNPICKLING = "RAY_DATA_AUTOLOAD_CLOUDPICKLE_TENSOR_METADATA"
"""Lets Ray Data unpickle what a file says of a column's type, before anything can be looked at."""
PLAIN_EXTENSIONS = ("ray.data.arrow_variable_shaped_tensor",)
"""Numbers and their shapes: the type of clips' frames, see :mod:`data.preparing.frames`."""


def columns(**kinds: pa.DataType) -> pa.Schema:
    """Columns by name with their types, each with a value in every row."""
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


def write_file(path: Path, schema: pa.Schema, tables: Iterable[pa.Table], **how: Any) -> DataFile:
    """Write the tables one after the other into one file; ``how`` has options of ``pyarrow.parquet.ParquetWriter``."""
    num_rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", **how) as writer:
        for table in tables:
            writer.write_table(table)
            num_rows += table.num_rows
    return DataFile(path.name, num_rows, path.stat().st_size, sha256_of(path))


def read_table(
    source: Path | Sequence[Path] | pa.NativeFile, columns: list[str] | None = None, name: str = ""
) -> pa.Table:
    """The table in the file or files; raises DataError, with the ``name``, for a column that is not plain data."""
    if os.environ.get(UNPICKLING) == "1":
        raise DataError(f"{UNPICKLING} is set, with which reading a Parquet file could run what is in it: unset it")
    try:
        table = pq.read_table(source, columns=columns)
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        reason = "it names a column type that is not as its library writes it" if "RAY_" in str(error) else error
        raise DataError(f"{name or source} cannot be read as Parquet: {reason}".partition("\n")[0]) from error
    for field in table.schema:
        for kind in _extensions(field.type):
            if kind not in PLAIN_EXTENSIONS:
                where = f"{name or source}: column {field.name!r}"
                raise DataError(f"{where} holds {kind}, which is not plain data: it is not read")
    return table


def _extensions(kind: pa.DataType) -> Iterator[str]:
    """The names of the extension types in a type, however deep."""
    if isinstance(kind, pa.BaseExtensionType):
        yield kind.extension_name
        yield from _extensions(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        yield from _extensions(kind.value_type)
    for index in range(kind.num_fields):
        yield from _extensions(kind.field(index).type)
