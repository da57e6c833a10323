"""The declaration of a search: its experiment, its presets, and the published numbers for comparison."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from fernn.config import DataConfig, unknown_name
from fernn.experiment import Experiment
from tune.core.cells import cells_at, check_settings, with_fields
from tune.core.choice import points_of
from tune.core.console import ReportTable
from tune.core.study import EMPTY, Cell, Settings, Space, StudyError


@dataclass(frozen=True)
class Preset:
    """A named set of defaults: the grid, and the fields that differ from the base."""

    space: Space
    defaults: Settings = field(default_factory=dict)
    demo: bool = False
    finetunes: bool = False
    """Whether training starts from weights that the user must give."""
    by_model: Mapping[str, Settings] = field(default_factory=dict)
    """Fields of single models, after the defaults; of a searched dimension the model has then this one value."""
    computed: Mapping[str, Callable[[DataConfig], Sequence[Any]]] = field(default_factory=dict)
    """Searched fields whose values follow from the data's config; in ``space`` they have none."""
    exact: bool = False
    """Whether this is a setting of the publication, from which all others are said to differ."""

    def as_published(self, changes: Settings = EMPTY, by_model: Mapping[str, Settings] = EMPTY) -> "Preset":
        """A setting of the publication: this one by the published protocol, with other dimensions or fields."""
        space = {name: changes.get(name, values) for name, values in self.space.items()}
        fields = {name: value for name, value in changes.items() if name not in space}
        defaults = {**self.defaults, "data.protocol": "published", **fields}
        return replace(self, space=space, defaults=defaults, by_model=by_model, exact=True)

    def filled(self, base: Experiment, space: Space, settings: Settings = EMPTY) -> Space:
        """The space with the computed values of those fields that have none."""
        fields = {name: value for name, value in {**self.defaults, **settings}.items() if name.startswith("data.")}
        data = with_fields(base, fields).data
        return {name: values or self.computed[name](data) for name, values in space.items()} if self.computed else space

    def cells(self, base: Experiment, space: Space, data_hash: str, settings: Settings = EMPTY) -> tuple[Cell, ...]:
        """The cells of ``space`` around ``base``; its dimensions with other values than the preset's hold for all."""
        space = self.filled(base, space, settings)
        points = [{**point, **self.own_values(point["model"], space)} for point in points_of(space)]
        cells = self.cells_at(base, points, data_hash, settings)
        check_settings(cells, settings, space)
        return cells

    def cells_at(
        self, base: Experiment, points: Sequence[Settings], data_hash: str, settings: Settings = EMPTY
    ) -> tuple[Cell, ...]:
        """The cells at points, which are values by field, around ``base``."""
        return cells_at(base, points, data_hash, self.defaults, settings, self.by_model)

    def own_values(self, model: str, space: Space) -> Settings:
        """The one value that a model has of each dimension of ``space`` whose values are the preset's."""
        own = self.by_model.get(model, EMPTY)
        kept = {name for name, values in space.items() if tuple(values) == tuple(self.space.get(name, ()))}
        return {name: value for name, value in own.items() if name in kept}


@dataclass(frozen=True)
class Published:
    """A published test result, mean ± deviation over seeds, with its source and how certain it is."""

    mean: float
    deviation: float
    source: str
    certainty: str
    num_seeds: int | None = None
    """The number of seeds, None where the publication does not give it."""

    @property
    def is_certain(self) -> bool:
        """Whether a verdict may rest on it."""
        return not self.certainty.startswith("uncertain")


Sentences = tuple[str, ...]


@dataclass(frozen=True)
class Search:
    """The declaration in a search file."""

    base: Experiment
    presets: Mapping[str, Preset]
    description: str
    published: Mapping[str, Published] = field(default_factory=dict)
    """The published table by model; a model without an entry has no known published number."""
    deviations: Mapping[str, Sentences] = field(default_factory=dict)
    """By data.protocol: what differs from the published code."""
    always_deviates: Sentences = ()
    """What differs from the published code under any protocol."""
    own: tuple[str, ...] = ()
    """Fields of the base, or groups such as "data", of which the publication's values are not known."""
    further_models: tuple[str, ...] = ()
    """Models of the publication that ``published_settings`` do not have."""
    further_data: tuple[str, ...] = ()
    """Names of other data sets whose studies are compared with this search."""
    literature: ReportTable | None = None
    """A published table that a report shows for reference, beside studies on the base's data set."""
    wants_gpu: bool = True
    """Whether to ask before its full size starts without a GPU."""

    @cached_property
    def published_settings(self) -> Mapping[str, Sequence[Experiment]]:
        """The experiments of each preset that is a setting of the publication; where none is known, of the paper's."""
        exact = {name: preset for name, preset in self.presets.items() if preset.exact}
        settings = exact or {"paper": self.presets["paper"]}
        return {name: [c.experiment for c in one.cells(self.base, one.space, "")] for name, one in settings.items()}


@cache
def searches() -> Mapping[str, Search]:
    """By data set, the ``SEARCH`` of the module ``tune/*_search.py`` with which studies on it are compared.

    Of several searches on one data set it is the one with a published table.
    """
    declared = [_declared(path) for path in _files().values()]
    by_data: dict[str, Search] = {}
    for search in sorted(declared, key=lambda search: not search.published):
        for name in (search.base.data.name, *search.further_data):
            by_data.setdefault(name, search)
    return by_data


def search_named(name: str) -> Search:
    """The search of ``tune/NAME_search.py``: "kth", "translating-mnist"; raises StudyError for another name."""
    files = _files()
    if name.replace("_", "-") not in files:
        raise StudyError(unknown_name(name, list(files), kind="search"))
    return _declared(files[name.replace("_", "-")])


def _files() -> dict[str, Path]:
    """Every search's file by the name of the search."""
    paths = sorted(Path(__file__).parents[1].glob("*_search.py"))
    return {path.stem.removesuffix("_search").replace("_", "-"): path for path in paths}


def _declared(path: Path) -> Search:
    """The file's ``SEARCH``; raises StudyError for a file that has none, or that cannot be imported."""
    try:
        search = import_module(f"tune.{path.stem}").SEARCH
    except (ImportError, AttributeError) as error:
        raise StudyError(f"{path} must declare SEARCH, as every tune/*_search.py does: {error}") from error
    if not isinstance(search, Search):
        raise StudyError(f"SEARCH in {path} must be a tune.core.search_spec.Search, got {search!r:.80}")
    return search
