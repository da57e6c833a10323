"""Ocean currents: tiles of velocity fields from NetCDF files."""

from data.fields.stream import fields_data_set
from data.ocean import demo
from data.ocean.levels import NEAREST, WARM
from data.ocean.prepare import folder_of, prepare, require_same
from fernn.config import OceanConfig

OCEAN = fields_data_set(
    config=OceanConfig(),
    folder="ocean",
    prepare=lambda out, data, files: prepare(
        out, files=files, size=data.size, choice=NEAREST if data.kelvin is None else WARM
    ),
    prepare_demo=lambda out, data: demo.prepare(out, data.size, data.quantities),
    folder_of=lambda out, data: folder_of(out, data.size, data.quantities),
    has_sizes=True,
    require_same=require_same,
)
