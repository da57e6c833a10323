"""Which variables of a file are the current's two components: by CF's standard names, else by common names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from data.errors import DataError
from data.ocean.opening import text_of


@dataclass(frozen=True)
class Kind:
    """A kind of current; u of one kind never goes with v of another."""

    title: str
    standard_names: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...] = ()
    along_grid: bool = False
    """Whether it runs along the grid's axes, which are east and north only where latitude and longitude are those."""


GEOSTROPHIC = "surface_geostrophic_{}_sea_water_velocity"
KINDS = (
    Kind(
        "eastward and northward current",
        (
            ("eastward_sea_water_velocity", "northward_sea_water_velocity"),
            ("surface_eastward_sea_water_velocity", "surface_northward_sea_water_velocity"),
            ("eastward_sea_water_velocity_assuming_no_tide", "northward_sea_water_velocity_assuming_no_tide"),
        ),
        (
            ("uo", "vo"), ("eastward_eulerian_current_velocity", "northward_eulerian_current_velocity"),
            ("water_u", "water_v"), ("u", "v"), ("u_surf", "v_surf"), ("usurf", "vsurf"), ("surf_u", "surf_v"),
            ("ssu", "ssv"), ("uos", "vos"), ("utotal", "vtotal"), ("uvel", "vvel"), ("ucur", "vcur"), ("ewct", "nsct"),
            ("u_eastward", "v_northward"), ("u_current", "v_current"), ("current_u", "current_v"),
            ("u_velocity", "v_velocity"),
            ("ucurr", "vcurr"), ("u_vel", "v_vel"), ("vel_u", "vel_v"), ("evel", "nvel"),
            ("uogrd", "vogrd"), ("uu", "vv"), ("uosurf", "vosurf"), ("surface_u", "surface_v"), ("u_eul", "v_eul"),
            ("eastward_vel", "northward_vel"), ("current_east", "current_north"), ("east_vel", "north_vel"),
            ("eastward_velocity", "northward_velocity"),
            ("eastward_current", "northward_current"), ("u_east", "v_north"), ("uvelocity", "vvelocity"),
        ),
    ),
    Kind(
        "current along the grid's axes",
        (
            ("sea_water_x_velocity", "sea_water_y_velocity"),
            ("surface_sea_water_x_velocity", "surface_sea_water_y_velocity"),
        ),
        (("vozocrtx", "vomecrty"), ("vxo", "vyo")),
        along_grid=True,
    ),
    Kind(
        "geostrophic current",
        (
            (GEOSTROPHIC.format("eastward"), GEOSTROPHIC.format("northward")),
            ("geostrophic_eastward_sea_water_velocity", "geostrophic_northward_sea_water_velocity"),
        ),
        (("ugos", "vgos"), ("ugeo", "vgeo"), ("ug", "vg"), ("ugeos", "vgeos"), ("u_g", "v_g"), ("u_geo", "v_geo")),
    ),
    Kind(
        "anomaly of the geostrophic current",
        tuple(
            (f"{GEOSTROPHIC.format('eastward')}_{suffix}", f"{GEOSTROPHIC.format('northward')}_{suffix}")
            for suffix in ("assuming_sea_level_for_geoid", "assuming_mean_sea_level_for_geoid")
        ),
        (("ugosa", "vgosa"),),
    ),
)  # fmt: skip
"""In the order of preference, the pairs of names of each kind as well."""
OTHER = re.compile(
    r"(^|_)(winds?|ice|stokes|stress|air|waves?|transport|standard_error|status_flag|number_of_observations|tidal)(_|$)"
)
"""Words in a standard name of what is no current, whatever the variable is called."""
CURRENT = re.compile(r"current|water_velocity|ocean_velocity|sea_velocity")
"""Words in a long name of what is a current, though one of the others may stand there too."""


class NoCurrents(DataError):
    """A file has no variable that is a component of a current."""


@dataclass(frozen=True)
class Chosen:
    """The components that are read from a file: one of u and v, or both."""

    kind: Kind
    names: Mapping[str, str]
    """The variable of "u", of "v"."""
    passed_over: tuple[str, ...] = ()
    """Currents that are less preferred."""


@dataclass(frozen=True)
class Candidate:
    """A variable that may be a component."""

    name: str
    component: str
    kind: Kind
    row: int
    """Of the kind's pairs of names; their number where it has no common name."""
    is_standard: bool


def chosen(path: Path, dataset: xr.Dataset, asked: tuple[str, str] | None) -> Chosen:
    """The components to read, those asked for or the most preferred pair; raises DataError if there are none."""
    if asked is not None:
        return _asked(path, dataset, asked)
    found = [one for name in dataset.variables if (one := _candidate(dataset, str(name))) is not None]
    for kind in KINDS:
        if names := _pair(path, kind, [one for one in found if one.kind is kind]):
            return Chosen(kind, names, tuple(one.name for one in found if one.name not in names.values()))
    for kind in KINDS:
        if mine := [one for one in found if one.kind is kind]:
            best = min(mine, key=lambda one: one.row)
            return Chosen(kind, {best.component: best.name}, tuple(one.name for one in found if one is not best))
    raise NoCurrents(
        f"{path} must have currents, as uo and vo or by the standard names eastward_sea_water_velocity and "
        f"northward_sea_water_velocity; it has {_listed(dataset)}: name them with --variables U V, "
        "or leave it out"
    )


def _asked(path: Path, dataset: xr.Dataset, asked: tuple[str, str]) -> Chosen:
    if asked[0] == asked[1]:
        raise DataError(f"--variables must name two variables, u and v, got {asked[0]} twice")
    names = {component: name for component, name in zip("uv", asked, strict=True) if name in dataset.variables}
    if not names:
        raise NoCurrents(f"{path} has neither {asked[0]} nor {asked[1]}, it has {_listed(dataset)}")
    return Chosen(Kind(" and ".join(asked), ()), names)


def _listed(dataset: xr.Dataset) -> str:
    return ", ".join(map(str, dataset.variables)) or "no variable outside of its groups"


def _candidate(dataset: xr.Dataset, name: str) -> Candidate | None:
    variable = dataset.variables[name]
    if variable.ndim < 2 or variable.dtype.kind not in "fiu":
        return None
    standard = text_of(variable, "standard_name").lower()
    by_name = _row(name.lower())
    for kind in KINDS:
        for component, names in zip("uv", zip(*kind.standard_names, strict=True), strict=True):
            if standard in names:
                row = by_name[2] if by_name and by_name[:2] == (kind, component) else len(kind.names)
                return Candidate(name, component, kind, row, True)
    if by_name is None or OTHER.search(standard.replace(" ", "_")) or (not standard and _is_other(variable)):
        return None
    kind, component, row = by_name
    return Candidate(name, component, kind, row, False)


def _is_other(variable: xr.Variable) -> bool:
    """Whether its long name is that of no current, as "10 metre U wind component"."""
    words = re.sub(r"[^a-z0-9]+", "_", text_of(variable, "long_name").lower())
    return OTHER.search(words) is not None and CURRENT.search(words) is None


def _row(name: str) -> tuple[Kind, str, int] | None:
    """The kind, the component and the pair's place of a common name."""
    for kind in KINDS:
        for place, pair in enumerate(kind.names):
            if name in pair:
                return kind, "uv"[pair.index(name)], place
    return None


def _pair(path: Path, kind: Kind, found: Sequence[Candidate]) -> dict[str, str]:
    """The most preferred u and v of one kind, empty where it has but one component or none."""
    sides = {component: [one for one in found if one.component == component] for component in "uv"}
    both = [(u, v) for u in sides["u"] for v in sides["v"] if u.row == v.row or (u.is_standard and v.is_standard)]
    if not both:
        return {}
    rows = [(u, v) for u, v in both if u.row == v.row < len(kind.names)] or both
    best = min(u.row for u, _ in rows)
    first = [(u, v) for u, v in rows if u.row == best]
    if len(first) > 1:
        names = ", ".join(f"{u.name} and {v.name}" for u, v in first)
        raise DataError(f"{path} has several pairs of currents, {names}: choose one with --variables U V")
    return {"u": first[0][0].name, "v": first[0][1].name}
