"""Ocean currents: tiles of velocity fields from NetCDF files."""

from data.data_set import DataSet
from data.fields.schema import SCHEMA
from data.fields.stream import num_windows, read_fields
from data.ocean import demo
from data.ocean.prepare import folder_of, prepare, require_same
from fernn.config import OceanConfig

OCEAN = DataSet(
    config=OceanConfig(),
    folder="ocean",
    prepare=lambda out, data, files: prepare(out, files=files, size=data.size),
    prepare_demo=lambda out, data: demo.prepare(out, data.size),
    folder_of=lambda out, data: folder_of(out, data.size),
    schema=lambda data: SCHEMA,
    num_clips=num_windows,
    read=read_fields,
    has_sizes=True,
    require_same=require_same,
)
