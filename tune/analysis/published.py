"""Which published numbers a report shows beside a study's own, and what differs from the published protocol."""

from collections.abc import Sequence
from typing import Any

from fernn.models import ModelConfig, models_of
from tune.analysis.results import ModelRow
from tune.core.given_weights import experiments, named_weights
from tune.core.search_spec import Published, Search, searches
from tune.core.study import Space, Study

FREE = ("data.protocol", "optim.lr", "seed", "precision")
"""Fields that may differ from the paper's beside a published number; the report says so where they do."""

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
    """Each field of the search's base that the study changed: its values here, and the base's value with its origin."""
    base = search.base.flatten()
    fixed = {name: base[name] for name in base if not name.startswith("model.") and name not in FREE}
    flat = [experiment.flatten() for experiment in experiments(study)]
    values = {name: list(dict.fromkeys(fields[name] for fields in flat)) for name in fixed}
    return [
        (name, (_listed(values[name]), f"{_owner(search, name)} is {value}"))
        for name, value in fixed.items()
        if values[name] != [value]
    ]


def _owner(search: Search, name: str) -> str:
    """Whether the base's value of a field is the paper's."""
    ours = any(name == own or name.startswith(f"{own}.") for own in search.own)
    return "this project's default" if ours else "the paper's"


def published_space(study: Study, search: Search) -> Space:
    """What the publication searched, where that is known: when fine-tuning, if the study starts from weights."""
    tuned = any(named_weights(experiment.model) for experiment in experiments(study))
    finetuning = (preset for preset in search.presets.values() if tuned and preset.finetunes)
    preset = next(finetuning, search.presets["paper"])
    return {**preset.space, **preset.published}


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
    planned = experiments(study)
    data = planned[0].data
    sentences = [*search.deviations.get(data.protocol, ()), *search.always_deviates]
    sentences += [f"The data is a demo: {data.demo_note}."] if study.demo else []
    sentences += [f"The data is {study.stand_in}."] if study.stand_in else []
    sentences += [f"{name} is {ours}; {theirs}." for name, (ours, theirs) in departures(study, search)]
    if (precision := _listed([experiment.precision for experiment in planned])) != search.base.precision:
        sentences.append(f"precision is {precision}; {_owner(search, 'precision')} is {search.base.precision}.")
    paper, models = published_space(study, search), [experiment.model for experiment in planned]
    return sentences + _grid_deviations(study, paper) + _model_deviations(models, search, paper)


def _grid_deviations(study: Study, paper: Space) -> list[str]:
    sentences = []
    lrs, seeds = study.space.get("optim.lr", ()), study.space.get("seed", ())
    if study.sampling and paper["optim.lr"]:
        sentences.append(f"Learning rates were sampled; the paper's: {_listed(paper['optim.lr'])}.")
    elif lrs and set(lrs) != set(paper["optim.lr"] or lrs):
        sentences.append(f"Learning rates searched: {_listed(lrs)}; the paper's: {_listed(paper['optim.lr'])}.")
    if study.halves:
        sentences.append("Successive halving stopped learning rates early; the paper trains each to its last epoch.")
    if seeds and len(seeds) != len(paper["seed"] or seeds):
        sentences.append(f"Seeds for each learning rate: {len(seeds)}; the paper's: {len(paper['seed'])}.")
    return sentences


def _model_deviations(models: Sequence[ModelConfig], search: Search, paper: Space) -> list[str]:
    """A sentence for each model that the paper does not have, and for each field that differs from the paper's."""
    sentences = []
    for model in dict.fromkeys(models):
        if model.name not in paper["model"]:
            circular = getattr(model, "embedding_padding", "") == "circular"
            why = ": its embedding pads circularly, the paper's with zeros" if circular else ""
            sentences.append(f"{model.name} is not in the paper{why}.")
        is_registered = model.name in models_of(search.base.data.name)
        changed = changed_fields(model, search.base.data.name) if is_registered else {}
        for name, (ours, registered) in changed.items():
            sentences.append(f"{model.name} has {name} {ours}, the registered model {registered}.")
    return sentences


def missing_values(rows: Sequence[ModelRow], search: Search) -> list[str]:
    """Models of the paper in the table whose published number could not be found."""
    preset = search.presets["paper"]
    paper = preset.published.get("model", preset.space["model"])
    return list(dict.fromkeys(row.model for row in rows if row.model in paper and row.model not in search.published))


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(dict.fromkeys(f"{value:g}" if isinstance(value, float) else str(value) for value in values))
