"""Which variables of a file are the current's two components: by CF's standard names, else by common names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import xarray as xr

from data.errors import DataError
from data.ocean.axes import has_times
from data.ocean.opening import text_of


@dataclass(frozen=True)
class Kind:
    """A kind of current; u of one kind never goes with v of another."""

    title: str
    standard_names: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...] = ()
    along_grid: bool = False
    """Whether it runs along the grid's axes, which are east and north only where latitude and longitude are those."""


def _pairs(u: str, v: str, *templates: str) -> tuple[tuple[str, str], ...]:
    return tuple((template.format(u), template.format(v)) for template in templates)


EAST_NORTH = ("eastward", "northward")
GEOSTROPHIC = "surface_geostrophic_{}_sea_water_velocity"
KINDS = (
    Kind(
        "eastward and northward current",
        _pairs(
            *EAST_NORTH, "{}_sea_water_velocity", "surface_{}_sea_water_velocity",
            "{}_sea_water_velocity_assuming_no_tide",
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
        _pairs("x", "y", "sea_water_{}_velocity", "surface_sea_water_{}_velocity"),
        (("vozocrtx", "vomecrty"), ("vxo", "vyo")),
        along_grid=True,
    ),
    Kind(
        "geostrophic current",
        _pairs(*EAST_NORTH, GEOSTROPHIC, "geostrophic_{}_sea_water_velocity"),
        (("ugos", "vgos"), ("ugeo", "vgeo"), ("ug", "vg"), ("ugeos", "vgeos"), ("u_g", "v_g"), ("u_geo", "v_geo")),
    ),
    Kind(
        "anomaly of the geostrophic current",
        _pairs(
            *EAST_NORTH, f"{GEOSTROPHIC}_assuming_sea_level_for_geoid",
            f"{GEOSTROPHIC}_assuming_mean_sea_level_for_geoid",
        ),
        (("ugosa", "vgosa"),),
    ),
)  # fmt: skip
"""In the order of preference, the pairs of names of each kind as well."""
NO_CURRENT = Kind("no current", ())
BY_STANDARD_NAME = {
    name: (component, kind)
    for kind in KINDS for pair in kind.standard_names for component, name in zip("uv", pair, strict=True)
}  # fmt: skip
BY_NAME = {
    name: (component, kind, row)
    for kind in KINDS for row, pair in enumerate(kind.names) for component, name in zip("uv", pair, strict=True)
}  # fmt: skip
"""What a common name means, and the place of its pair among those of its kind."""
OTHER = re.compile(
    r"(^|_)(winds?|ice|stokes|stress|air|waves?|transport|standard_error|status_flag|number_of_observations|tidal)(_|$)"
)
"""Words in a standard name of what is no current, whatever the variable is called."""
CURRENT = re.compile(r"current|water_velocity|ocean_velocity|sea_velocity")
"""Words in a long name of what is a current, though one of the others may stand there too."""


class NoFields(DataError):
    """A file has neither currents nor times, as a mask or the depth of the sea floor has none."""


class AbsentCurrents(DataError):
    """A file has no currents, whatever else it has."""


@dataclass(frozen=True)
class Chosen:
    """The components that are read from a file: some of u, v and t, the temperature."""

    kind: Kind
    names: Mapping[str, str]
    """The variable of "u", of "v", of "t"."""
    passed_over: tuple[str, ...] = ()
    """Currents that are less preferred."""

    def __str__(self) -> str:
        return f"{self.kind.title} ({', '.join(self.names.values())})"


@dataclass(frozen=True)
class Candidate:
    """A variable that may be a component."""

    name: str
    component: str
    kind: Kind
    row: int
    """Of the kind's pairs of names; their number where it has no common name."""
    is_standard: bool


def chosen(path: Path, dataset: xr.Dataset, variables: tuple[str, str] | None, temperature: str | None) -> Chosen:
    """The components to read: velocities asked for or the most preferred pair, and the ``temperature`` if there is one.

    Raises DataError if there are none.
    """
    warmth = {} if temperature is None else {"t": temperature}
    try:
        currents = _currents(path, dataset, variables)
    except AbsentCurrents as error:
        if warmth:
            return Chosen(NO_CURRENT, warmth)
        raise (DataError if has_times(dataset) else NoFields)(str(error)) from None
    return replace(currents, names={**currents.names, **warmth})


def _currents(path: Path, dataset: xr.Dataset, variables: tuple[str, str] | None) -> Chosen:
    if variables is not None:
        return _asked(path, dataset, variables)
    candidates = [candidate for name in dataset.variables if (candidate := _candidate(dataset, str(name))) is not None]
    pairs = (_pair(path, [candidate for candidate in candidates if candidate.kind is kind]) for kind in KINDS)
    alone = sorted(candidates, key=lambda candidate: (KINDS.index(candidate.kind), candidate.row))[:1]
    first = next(filter(None, pairs), alone)
    if not first:
        lacking = "must have currents, as uo and vo or by the standard names eastward_sea_water_velocity and "
        lacking += "northward_sea_water_velocity;"
        raise _refusal(path, dataset, lacking, ": name them with --variables U V, or leave it out")
    names = {candidate.component: candidate.name for candidate in first}
    return Chosen(first[0].kind, names, tuple(candidate.name for candidate in candidates if candidate not in first))


def _asked(path: Path, dataset: xr.Dataset, variables: tuple[str, str]) -> Chosen:
    if variables[0] == variables[1]:
        raise DataError(f"--variables must name two variables, u and v, got {variables[0]} twice")
    names = {component: name for component, name in zip("uv", variables, strict=True) if name in dataset.variables}
    if not names:
        raise _refusal(path, dataset, f"has neither {variables[0]} nor {variables[1]},")
    return Chosen(Kind(" and ".join(variables), ()), names)


def _refusal(path: Path, dataset: xr.Dataset, lacking: str, way: str = "") -> AbsentCurrents:
    listed = ", ".join(map(str, dataset.variables)) or "no variable outside of its groups"
    return AbsentCurrents(f"{path} {lacking} it has {listed}{way}")


def _candidate(dataset: xr.Dataset, name: str) -> Candidate | None:
    variable, by_name = dataset.variables[name], BY_NAME.get(name.lower())
    standard = text_of(variable, "standard_name").lower()
    if variable.ndim < 2 or variable.dtype.kind not in "fiu":
        return None
    if standard in BY_STANDARD_NAME:
        component, kind = BY_STANDARD_NAME[standard]
        row = by_name[2] if by_name and by_name[:2] == (component, kind) else len(kind.names)
        return Candidate(name, component, kind, row, True)
    words = re.sub(r"[^a-z0-9]+", "_", text_of(variable, "long_name").lower())  # as "10 metre U wind component"
    is_other = OTHER.search(standard.replace(" ", "_") or words) and (standard or not CURRENT.search(words))
    return None if by_name is None or is_other else Candidate(name, *by_name, False)


def _pair(path: Path, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The most preferred u and v of one kind, empty where it has but one component or none."""
    sides = ([candidate for candidate in candidates if candidate.component == component] for component in "uv")
    pairs = [(u, v) for u, v in product(*sides) if u.row == v.row or (u.is_standard and v.is_standard)]
    rows = [(u, v) for u, v in pairs if u.row == v.row < len(u.kind.names)] or pairs
    first = [pair for pair in rows if pair[0].row == min(u.row for u, _ in rows)]
    if len(first) > 1:
        names = ", ".join(f"{u.name} and {v.name}" for u, v in first)
        raise DataError(f"{path} has several pairs of currents, {names}: choose one with --variables U V")
    return list(first[0]) if first else []
