"""Fields of convection that are solved for here, for whoever does not have the published ones.

They depend on the config alone: the noise that convection grows from comes from the named stream ("made-convection").
Another processor or version of the libraries may give other fields of the same flow; the manifest's hash tells.

The scheme conserves energy, so a flow that is too fine for its grid stays finite, and the ways to measure its heat
transport agree all the same. Its temperatures tell: fluid is nowhere hotter or colder than the walls.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.convection.balance import WAYS, nusselt
from data.convection.solver import HOT, Layer, State
from data.errors import DataError
from data.fields.schema import Frames, cut, write_tiles
from data.files import full_path
from data.manifest import Manifest
from data.preparing.folders import deciding, ready_or_made
from data.terminal import progress
from fernn.config import DataConfig, MadeConvectionConfig
from fernn.seeding import generator

DATASET, REGION = "made-convection", "made"
NOISE = 0.01
"""Standard deviation of the temperature's noise that convection grows from."""
MOST_BEYOND = 0.05
"""How far temperatures may lie outside the walls': five deviations of the noise. At the presets' Rayleigh numbers they
stay inside on the presets' rows, and leave by more on half as many."""
FINER = "raise data.refinement, or lower data.rayleigh"
LIBRARIES = ("scipy", "pyarrow")
DECIDING = ("size", "rayleigh", "prandtl", "squares", "num_fields", "interval", "warm_up", "refinement")
"""Fields of the config that the solved ones depend on."""


def folder_of(out: Path | str, data: DataConfig) -> Path:
    """Where in the folder ``out`` the fields of the config are."""
    return full_path(out) / f"made-{data.size}-{deciding(data, DECIDING)[1][:8]}"


def prepare(out: Path | str, data: DataConfig, files: Path | str | None = None, demo: bool = False) -> Manifest:
    """The manifest of the fields in ``folder_of(out, data)``, which are solved for unless they are there.

    Raises :class:`DataError` where the grid is so coarse that temperatures leave those of the walls by more than
    :data:`MOST_BEYOND`, or the solver fails; then nothing half-written is left.
    """
    assert isinstance(data, MadeConvectionConfig)
    if files is not None:
        raise DataError(f"{data.name} is solved for: leave --files out, or give data.name convection for the published")
    folder = folder_of(out, data)

    def make() -> Manifest:
        fields, facts = solved(data)
        config, digest = deciding(data, DECIDING)
        origin = {"origin": "solved by data/convection", "source_sha256": digest}
        details, tiles = {"config": config, "nusselt": facts}, cut(REGION, fields, data.size)
        return write_tiles(folder, tiles, LIBRARIES, dataset=DATASET, demo=demo, details=details, **origin)

    return replace(ready_or_made(folder, DATASET, make), demo=demo)  # the same fields, whoever asked first


def solved(data: MadeConvectionConfig) -> tuple[Frames, dict[str, float]]:
    """The fields (num_fields, 2, size, squares * size), and the mean over them of each Nusselt number.

    Warm-up takes whole intervals, as many as come nearest; the first field is one interval after it.
    """
    layer, state = layer_of(data), first_state(data)
    fields = np.empty((data.num_fields, 2, data.size, data.squares * data.size), np.float32)
    num_before, measures = round(data.warm_up / data.interval), []
    title = f"convection at Ra {data.rayleigh:g} on {layer.rows} x {layer.columns} cells"
    with progress(title, num_before + data.num_fields, "frames") as advance:
        for number in range(-num_before, data.num_fields):
            state = _next(layer, state, data.interval)
            if number >= 0:
                fields[number] = pixels(state, data.refinement)
                measures.append(nusselt(layer, state))
            advance(1)
    return fields, {way: float(np.mean([measure[way] for measure in measures])) for way in WAYS}


def layer_of(data: MadeConvectionConfig) -> Layer:
    """The fluid of the config, on cells as wide as they are high."""
    rows = data.size * data.refinement
    return Layer(data.rayleigh, data.prandtl, rows, rows * data.squares, float(data.squares))


def first_state(data: MadeConvectionConfig) -> State:
    """Fluid at rest that conducts heat, with a little noise."""
    layer = layer_of(data)
    return layer.at_rest(NOISE * generator(DATASET).standard_normal((layer.rows, layer.columns)))


def pixels(state: State, refinement: int) -> NDArray[np.float64]:
    """Means (2, h, w) over blocks of cells, the first row on top: u to the right, v up."""
    velocity = state.velocity()[:, ::-1]
    blocks = (velocity.shape[1] // refinement, refinement, velocity.shape[2] // refinement, refinement)
    return velocity.reshape(2, *blocks).mean(axis=(2, 4))


def _next(layer: Layer, state: State, interval: float) -> State:
    try:
        state = layer.advanced(state, interval)
    except FloatingPointError as error:
        raise DataError(f"{error}: {FINER}") from error
    beyond = float(np.abs(state.temperature).max()) - HOT
    if beyond > MOST_BEYOND:
        raise DataError(
            f"{layer.rows} rows of cells are too coarse for Rayleigh number {layer.rayleigh:g}: temperatures lie "
            f"{beyond:.2f} outside those of the walls, more than {MOST_BEYOND}: {FINER}"
        )
    return state
