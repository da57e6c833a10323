"""Whole sampled studies without training: rounds on a folder's records, killed between them and in the middle."""

from functools import partial

import pytest

from fernn.experiment import Experiment
from tests.support.stored_study import NARROW, finish_cell, planned_study
from tune.analysis.objectives import Score
from tune.core.cells import cells_at
from tune.core.choice import Domain
from tune.core.folder import Folder
from tune.core.protocol import load_study, save_study
from tune.core.study import Study
from tune.planning.choices import value_of, with_choices
from tune.planning.sampling import Sampler

SIZE = "grnn.batch_size"
DOMAINS = {"optim.lr": Domain((), 1e-4, 1e-1, True), SIZE: Domain((4, 8, 16))}
ROWS = [{"model": model, "data.velocity_range": 1} for model in ("grnn", "3dcnn")]


def plan(folder, number=5, seeds=(0,), name="tpe", **goals):
    names = {"model": ("grnn", "3dcnn"), "data.velocity_range": (1,), "optim.lr": (), SIZE: (), "seed": seeds}
    study = Study("s", Folder(str(folder)), names, (), tuned=(SIZE,), **goals)
    at = partial(cells_at, Experiment(), data_hash="hash", settings=NARROW)
    return with_choices(study, Sampler(name, number, DOMAINS), ROWS, at)


def train(study, models=("grnn", "3dcnn")):
    """Give every planned cell of the models a result that follows from its choice."""
    save_study(study)
    for cell in study.missing():
        if cell.experiment.model.name in models:
            finish_cell(study, cell, (round(10 * cell.experiment.optim.lr) + cell.experiment.batch_size % 5, 4))


def test_a_search_that_was_killed_at_any_time_tries_the_same_choices(tmp_path):
    for _ in range(2):
        train(plan(tmp_path / "whole"))
    whole = plan(tmp_path / "whole")
    assert whole.num_to_come == 0 and len(whole.cells) == 10 and whole.missing() == []
    first = plan(tmp_path / "killed")
    save_study(first)
    for cell in first.cells[::2]:  # killed while the plan was written
        first.folder.delete(f"cells/{cell.name}/config.json")
    for models in (("3dcnn",), ("grnn",), ("grnn", "3dcnn")):
        train(plan(tmp_path / "killed"), models)
    assert {cell.key for cell in plan(tmp_path / "killed").cells} == {cell.key for cell in whole.cells}
    assert load_study(whole.folder).proposed == plan(tmp_path / "killed").proposed


def test_a_row_goes_on_while_the_round_of_another_is_unfinished(tmp_path):
    train(plan(tmp_path), models=("3dcnn",))
    again = plan(tmp_path)
    assert [len(again.groups[f"{model}, velocity_range 1"]) for model in ("grnn", "3dcnn")] == [4, 5]
    assert again.num_to_come == 1 and plan(tmp_path).cells == again.cells
    assert {len(choice.values) for choices in again.groups.values() for choice in choices} == {1, 2}
    assert load_study(again.folder).num_to_come == 2  # what was not saved is proposed again


def test_further_seeds_and_samples_keep_what_was_tried(tmp_path):
    train(plan(tmp_path))
    more = plan(tmp_path, number=6, seeds=(0, 1))
    assert len(more.cells) == 16 and len(more.missing()) == 8  # first the further seed
    train(more)
    assert len(plan(tmp_path, number=6, seeds=(0, 1)).missing()) == 2 * 2 * 2


def test_several_objectives_are_compared_in_every_row(tmp_path):
    train(plan(tmp_path, objectives=("validation/accuracy", "num_parameters")))
    goals = {"objectives": ("validation/accuracy", "num_parameters"), "constraints": ("law_error<=1",)}
    assert len(plan(tmp_path, **goals).cells) == 10 and plan(tmp_path, **goals).cells == plan(tmp_path, **goals).cells


def test_choices_of_an_earlier_grid_are_values_for_the_sampler(tmp_path):
    points = [{**ROWS[0], "optim.lr": rate, "batch_size": 8, "seed": 0} for rate in (1e-3, 1.0)]
    cells = cells_at(Experiment(), points, "hash", NARROW)
    space = {"model": ("grnn",), "data.velocity_range": (1,), "optim.lr": (1e-3, 1.0), SIZE: (8,), "seed": (0,)}
    train(Study("s", Folder(str(tmp_path)), space, cells, tuned=(SIZE,)))
    grown = plan(tmp_path)
    assert grown.cells[:2] == cells[:2] and len(grown.groups["grnn, velocity_range 1"]) == 2 + 4
    train(grown)
    assert len(plan(tmp_path, number=6).groups["grnn, velocity_range 1"]) == 6 + 1  # a rate of 1 does not count


def test_a_mean_goes_on_after_choices_that_diverge_in_their_first_epoch(tmp_path):
    study = planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-1, 1e-2), "seed": (0, 1)})
    for cell, accuracy in zip(study.cells, (None, None, None, 8), strict=True):
        if accuracy is None:
            folder = study.cell_folder(cell)
            folder.take_over()
            folder.fail("the training loss is nan in epoch 1: lower optim.lr", diverged=True)
        else:
            finish_cell(study, cell, (accuracy, 4))
    assert value_of(study, study.cells[:2]) == Score((0.0,))
    assert value_of(study, study.cells[2:]).ranks == pytest.approx((0.4,))
