"""What a search declares: its experiment, its presets, and the published numbers that it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

from fernn.experiment import Experiment
from tune.core.study import Settings, Space


@dataclass(frozen=True)
class Preset:
    """A named set of defaults: the grid, fields that differ from the base, and whose data it is."""

    space: Space
    defaults: Settings = field(default_factory=dict)
    demo: bool = False
    finetunes: bool = False
    """Whether training starts from weights that the user must give."""
    published: Space = field(default_factory=dict)
    """What the publication has of a searched dimension, where that is not the grid's; nothing where it is not known."""


@dataclass(frozen=True)
class Published:
    """A published test result, mean ± deviation over seeds: where it was read, and how far it can be relied on."""

    mean: float
    deviation: float
    source: str
    certainty: str
    num_seeds: int | None = None
    """Of how many seeds, None where that could not be found."""

    @property
    def is_certain(self) -> bool:
        """Whether a verdict may rest on it."""
        return not self.certainty.startswith("uncertain")


Sentences = tuple[str, ...]


@dataclass(frozen=True)
class LiteratureTable:
    """A published table that a report shows for reference, beside the study's own: its file's name, title and rows."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]
    remarks: Sentences
    needs_real_data: bool = False
    """Whether it is left out beside rendered, other or partial data."""


@dataclass(frozen=True)
class Search:
    """What a search file declares."""

    base: Experiment
    presets: Mapping[str, Preset]
    description: str
    published: Mapping[str, Published] = field(default_factory=dict)
    """The published table by model; a model without an entry has no number that could be found."""
    deviations: Mapping[str, Sentences] = field(default_factory=dict)
    """By data.protocol: what differs from the published code."""
    always_deviates: Sentences = ()
    """What differs from it under any protocol."""
    own: tuple[str, ...] = ()
    """Fields of the base, or groups of them as in "data", whose values are this project's and not the publication's."""
    further_data: tuple[str, ...] = ()
    """Other data sets whose studies are held against this search, by name."""
    literature: LiteratureTable | None = None
    """A published table for reference, beside studies on the base's data set."""
    wants_gpu: bool = True
    """Whether to ask before its full size starts without a GPU."""


@cache
def searches() -> Mapping[str, Search]:
    """The search that a study on each data set is held against: what a module ``tune/*_search.py`` has as ``SEARCH``.

    Of several on one data set it is the one with a published table.
    """
    paths = sorted(Path(__file__).parents[1].glob("*_search.py"))
    declared: list[Search] = [import_module(f"tune.{path.stem}").SEARCH for path in paths]
    found: dict[str, Search] = {}
    for search in sorted(declared, key=lambda one: not one.published):
        for name in (search.base.data.name, *search.further_data):
            found.setdefault(name, search)
    return found
