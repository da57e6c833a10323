"""Plans: each point once, with the fields that its model has."""

import pytest

from fernn.experiment import Experiment
from tune.core.cells import plan_cells
from tune.kth_search import DEMO, PAPER

SPACE = {"model": ("fernn-v1", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0, 1, 2)}


def test_the_paper_has_sixty_cells_and_the_demo_eight():
    for preset, expected in ((PAPER, 60), (DEMO, 8)):
        cells = plan_cells(Experiment(), preset.space, "hash", preset.defaults)
        assert len(cells) == len({cell.key for cell in cells}) == len({cell.name for cell in cells}) == expected


def test_every_point_stands_once_with_seeds_innermost():
    cells = plan_cells(Experiment(), SPACE, "hash")
    assert len({cell.key for cell in cells}) == 12
    assert [cell.experiment.seed for cell in cells[:4]] == [0, 1, 2, 0]


def test_equal_points_are_one_cell():
    assert len(plan_cells(Experiment(), {"seed": (1, 1, 2)}, "hash")) == 2


def test_fields_reach_the_models_that_have_them():
    cells = plan_cells(Experiment(), SPACE, "hash", {"model.hidden_channels": 8, "model.base": 4}, {"epochs": 3})
    assert {cell.experiment.epochs for cell in cells} == {3}
    assert cells[0].experiment.model.hidden_channels == 8 and cells[-1].experiment.model.base == 4
    assert plan_cells(Experiment(), {"model": ("grnn",)}, "hash", {"model.base": 4})
    with pytest.raises(KeyError, match="did you mean 'model.hidden_channels'"):
        plan_cells(Experiment(), SPACE, "hash", settings={"model.hiden_channels": 8})
