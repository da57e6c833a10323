"""Parquet files hold plain data, and nothing else is read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataError
from data.files import sha256_of
from data.preparing.parquet import UNPICKLING, columns, read_table, write_file

SCHEMA = columns(name=pa.string(), size=pa.int32())
TABLE = pa.table({"name": ["a", "b"], "size": [1, 2]}, schema=SCHEMA)


class Strange(pa.ExtensionType):
    """A column type that this project does not know."""

    def __init__(self):
        super().__init__(pa.int64(), "strange")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls()


@pytest.fixture
def strange():
    """The type, known to Arrow while a test runs."""
    pa.register_extension_type(Strange())
    yield Strange()
    pa.unregister_extension_type("strange")


def test_tables_are_written_one_after_the_other_and_described(tmp_path):
    file = write_file(tmp_path / "t.parquet", SCHEMA, [TABLE, TABLE])
    assert (file.name, file.rows, file.num_bytes) == ("t.parquet", 4, (tmp_path / "t.parquet").stat().st_size)
    assert file.sha256 == sha256_of(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(pa.concat_tables([TABLE, TABLE]))
    assert read_table(tmp_path / "t.parquet", columns=["size"]).column_names == ["size"]
    assert not any(field.nullable for field in SCHEMA)


WRAPPED = {
    "as it is": lambda values: values,
    "in a list": lambda values: pa.ListArray.from_arrays([0, 1], values),
    "in a structure": lambda values: pa.StructArray.from_arrays([values], ["inner"]),
}


@pytest.mark.parametrize("wrap", WRAPPED)
def test_a_column_that_is_no_plain_data_is_refused(tmp_path, strange, wrap):
    values = pa.ExtensionArray.from_storage(strange, pa.array([1]))
    pq.write_table(pa.table({"x": WRAPPED[wrap](values)}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'x' holds strange, which is not plain data"):
        read_table(tmp_path / "t.parquet")


def test_nothing_is_read_where_columns_could_be_unpickled(tmp_path, monkeypatch):
    write_file(tmp_path / "t.parquet", SCHEMA, [TABLE])
    monkeypatch.setenv(UNPICKLING, "1")
    with pytest.raises(DataError, match=f"{UNPICKLING} is set"):
        read_table(tmp_path / "t.parquet")


def test_what_is_no_parquet_file_is_named(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"no Parquet")
    with pytest.raises(DataError, match="t.parquet cannot be read as Parquet"):
        read_table(tmp_path / "t.parquet")
