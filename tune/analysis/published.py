"""Which published numbers a report shows beside a study's own, and what differs from the published protocol."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

from fernn.experiment import Experiment
from fernn.models import ModelConfig, models_of
from tune.analysis.results import ModelRow
from tune.core.given_weights import FIELD, experiments, named_weights
from tune.core.search_spec import Published, Search, searches
from tune.core.study import RATE, Settings, Study

FREE = ("data.protocol", RATE, "seed", "precision")
"""Fields that may differ from the paper's beside a published number; the report says so where they do."""
SAID_OTHERWISE = ("seed", RATE, "data.protocol", "model.name", "optim.name", FIELD)
"""Fields of which other sentences tell."""
OPTIM = ("weight_decay", "decay", "betas", "epsilon", "epsilon_in_root")
Nearest = Mapping[Experiment, tuple[str, Experiment]]
"""By a study's experiment, the publication's that is nearest, with its preset."""
Facts = Mapping[Experiment, Settings]
"""By experiment, what is compared."""

NAMED_DRAWS = (
    "Initial weights and training sequences come from named seeds; the published code has one global state.",
)


def search_of(study: Study) -> Search | None:
    """The search of the study's data set, None where no search declares it."""
    return searches().get(experiments(study)[0].data.name)


def obstacles(study: Study, search: Search | None) -> list[str]:
    """The reasons not to show published numbers beside the study's; empty where they may be shown."""
    if search is None:
        return [f"no published table is known for data.name {experiments(study)[0].data.name!r}"]
    reasons = ["the clips are rendered (demo)"] if study.demo else []
    reasons += [f"the data is {study.stand_in}"] if study.stand_in else []
    reasons += ["the data is partial"] if study.partial else []
    reasons += [] if study.cells else ["nothing was trained here"]
    return reasons + [f"{name} is {ours}, {theirs}" for name, (ours, theirs) in departures(study, search)]


def departures(study: Study, search: Search) -> list[tuple[str, tuple[str, str]]]:
    """Each field with another value than the search's base and the paper's setting: its values here, the base's."""
    flat = [experiment.flatten() for experiment in experiments(study)]
    exact = [experiment.flatten() for experiment in search.published_settings.get("paper-exact", ())]
    fixed = [(n, v) for n, v in search.base.flatten().items() if not n.startswith("model.") and n not in FREE]
    return [
        (name, (_listed([fields[name] for fields in flat]), f"{_owner(search, name)} is {value}"))
        for name, value in fixed
        if not {fields[name] for fields in flat} <= {value, *(fields[name] for fields in exact)}
    ]


def _owner(search: Search, name: str) -> str:
    """Whose the value of the base, or of an exact preset, is."""
    return "the paper's" if _is_known(search, name) else "this project's default"


def _is_known(search: Search, name: str) -> bool:
    """Whether the publication's value of a field is known."""
    return not any(name == own or name.startswith(f"{own}.") for own in search.own)


def published_value(row: ModelRow, search: Search) -> Published | None:
    """The number published for the row's model, None where it is not known or the model is not the registered one."""
    return None if changed_fields(row.experiment.model, row.experiment.data.name) else search.published.get(row.model)


def changed_fields(model: ModelConfig, data: str) -> dict[str, tuple[Any, Any]]:
    """Each field in which a model differs from the one registered by its name: its value, the registered one."""
    if model.name not in (models := models_of(data)):
        return {"name": (model.name, None)}
    registered = models[model.name].flatten()
    return {
        name: (value, registered.get(name)) for name, value in model.flatten().items() if value != registered.get(name)
    }


def deviations(study: Study, search: Search | None) -> list[str]:
    """One sentence for each thing that differs from how the published numbers were made."""
    if search is None:
        return []
    data = experiments(study)[0].data
    sentences = [*search.deviations.get(data.protocol, ()), *search.always_deviates]
    sentences += [f"The data is a demo: {data.demo_note}."] if study.demo else []
    sentences += [f"The data is {study.stand_in}."] if study.stand_in else []
    return sentences + setting_deviations(study, search)


def setting_deviations(study: Study, search: Search) -> list[str]:
    """One sentence for each difference between the study's experiments and the publication's nearest ones.

    Computed from the configs alone; empty for a study of an exact preset, see :class:`tune.core.search_spec.Preset`.
    """
    published = chain([search.base], *search.published_settings.values())
    facts = {one: _facts(one) for one in {*experiments(study), *published}}
    nearest = {ours: _nearest(ours, search, facts) for ours in experiments(study)}
    models = {ours.model.name: ours.model for ours in nearest}
    paper = {ours.model.name for ours, (_, theirs) in nearest.items() if theirs.model.name == ours.model.name}
    absent = [_absent(model) for name, model in models.items() if name not in (*paper, *search.further_models)]
    return [*absent, *_grid_deviations(study, nearest, search), *_field_deviations(nearest, search, facts)]


def _nearest(ours: Experiment, search: Search, facts: Facts) -> tuple[str, Experiment]:
    """The publication's experiment with the fewest other values, and the preset that has it.

    It is of the same model where the publication has that, and starts from weights where ours does.
    """
    mine, tuned = facts[ours], bool(named_weights(ours.model))
    settings = search.published_settings.items()
    pairs = [(name, one) for name, group in settings if search.presets[name].finetunes == tuned for one in group]
    alike = [pair for pair in pairs if pair[1].model.name == ours.model.name] or pairs or [("paper", search.base)]

    def distance(pair: tuple[str, Experiment]) -> tuple[int, bool]:
        differing = [name for name in _differing(mine, facts[pair[1]]) if _is_known(search, name)]
        return len(differing), pair[1].optim.lr != ours.optim.lr

    return min(alike, key=distance)


def _facts(experiment: Experiment) -> dict[str, Any]:
    """Every field but those of which other sentences tell, and what a plain optimizer leaves as it is."""
    plain = {f"optim.{name}": getattr(experiment.optim, name) for name in OPTIM}
    return {name: value for name, value in (experiment.flatten() | plain).items() if name not in SAID_OTHERWISE}


def _differing(mine: Settings, theirs: Settings) -> list[str]:
    """The fields that both have, with two values."""
    return [name for name in mine if theirs.get(name, mine[name]) != mine[name]]


def _absent(model: ModelConfig) -> str:
    circular = getattr(model, "embedding_padding", "") == "circular"
    return f"{model.name} is not in the paper{': its embedding pads circularly, the paper pads with zeros' * circular}."


def _field_deviations(nearest: Nearest, search: Search, facts: Facts) -> list[str]:
    """A sentence for each field and published value; it names the models where it is not of all."""
    found: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for ours, (_, theirs) in nearest.items():
        mine, published, is_same = facts[ours], facts[theirs], ours.model.name == theirs.model.name
        for name in _differing(mine, published):
            if is_same or not name.startswith("model."):
                values = found.setdefault((name, str(published[name])), {})
                values.setdefault(ours.model.name, []).append(mine[name])
    return [
        f"{name} is {_listed([*chain(*values.values())])}; {_owner(search, name)} is {value}{_of(values, nearest)}."
        for (name, value), values in found.items()
    ]


def _grid_deviations(study: Study, nearest: Nearest, search: Search) -> list[str]:
    """Sentences on learning rates, which may be a model's own, on their early stopping, and on seeds."""
    rates: dict[tuple[str, str], list[str]] = {}
    seeds: set[int] = set()
    for model in dict.fromkeys(cell.experiment.model.name for cell in study.cells):
        used = {setting for ours, (setting, _) in nearest.items() if ours.model.name == model}
        theirs = [one for setting in used for one in search.published_settings[setting]]
        seeds |= {one.seed for one in theirs}
        ours = [cell.experiment.optim.lr for cell in study.cells if cell.experiment.model.name == model]
        known = [one.optim.lr for one in theirs if one.model.name == model] or [one.optim.lr for one in theirs]
        if study.sampling or set(ours) != set(known):
            rates.setdefault(("sampled" if study.sampling else _listed(ours), _listed(known)), []).append(model)
    sentences = [
        f"Learning rates searched: {ours}; the paper's: {known}{_of(models, nearest)}."
        for (ours, known), models in rates.items()
        if _is_known(search, RATE)
    ]
    if study.stops_early:
        sentences.append("A scheduler stopped learning rates early; the paper trains all to their last epoch.")
    num_seeds = len({cell.experiment.seed for cell in study.cells})
    if num_seeds and num_seeds != len(seeds) and _is_known(search, "seed"):
        sentences.append(f"Seeds for each learning rate: {num_seeds}; the paper's: {len(seeds)}.")
    return sentences


def _of(models: Collection[str], nearest: Nearest) -> str:
    return "" if set(models) == {ours.model.name for ours in nearest} else f" ({', '.join(models)})"


def missing_values(rows: Sequence[ModelRow], search: Search) -> list[str]:
    """Models of the paper in the table whose published number could not be found."""
    paper = {one.model.name for setting in search.published_settings.values() for one in setting}
    return list(dict.fromkeys(row.model for row in rows if row.model in paper and row.model not in search.published))


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(dict.fromkeys(f"{value:g}" if isinstance(value, float) else str(value) for value in values))
