"""What MLflow's pages say of a study in words, as Markdown."""

from collections.abc import Sequence

from tune.analysis.results import ModelRow
from tune.core.study import Study
from tune.reporting.markdown import bullets, grid
from tune.reporting.table import columns, gated, mark_lines, notes, row_cells
from tune.tracking.ui_views import CURVES, MODELS, route


def study_note(study: Study, rows: Sequence[ModelRow], experiment_id: str) -> str:
    """The experiment's description: marks, what was searched, links to its views, the table, how to read it."""
    models, curves = (route(experiment_id, view) for view in (MODELS, CURVES))
    parts = [
        *(f"**{mark}**" for mark in mark_lines(study)),
        searched(study),
        f"[Table of the models, mean ± deviation]({models}) · [Training curves by model]({curves})",
        grid(columns(study.metric), [row_cells(row) for row in rows]) if rows else "",
        bullets([*notes(study), *gated(rows)]),
    ]
    return "\n\n".join(filter(None, parts))


def searched(study: Study) -> str:
    """What the study is, in a sentence."""
    sizes = ", ".join(f"{len(values)} × {name}" for name, values in study.space.items())
    done = len(study.cells) - len(study.missing())
    return f"Study `{study.name}`: {sizes}; {done} of {len(study.cells)} cells are done."


def model_note(study: Study, row: ModelRow) -> str:
    """The description of a model's run, and of the model in the registry."""
    return "\n\n".join([*(f"**{mark}**" for mark in mark_lines(study)), row.sentence()])
