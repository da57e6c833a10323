"""Cells and plans: each point once, each key its own."""

import pytest

from fernn.experiment import Experiment
from tune.core.folder import Folder
from tune.core.study import Cell, Study, cell_of, plan_cells
from tune.kth_search import DEMO, PAPER

SPACE = {"model": ("fernn-v1", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0, 1, 2)}


def study(folder, space=SPACE, **settings):
    return Study("s", Folder(str(folder)), space, plan_cells(Experiment(), space, "hash", settings=settings))


def test_the_paper_has_sixty_cells_and_the_demo_eight():
    for preset, expected in ((PAPER, 60), (DEMO, 8)):
        cells = plan_cells(Experiment(), preset.space, "hash", preset.defaults)
        assert len(cells) == len({cell.key for cell in cells}) == len({cell.name for cell in cells}) == expected


def test_every_point_stands_once_with_seeds_innermost():
    cells = plan_cells(Experiment(), SPACE, "hash")
    assert len({cell.key for cell in cells}) == 12
    assert [cell.experiment.seed for cell in cells[:4]] == [0, 1, 2, 0]


def test_a_key_depends_on_every_field_and_on_the_data():
    cell = Cell(Experiment(), "hash")
    others = [Cell(Experiment(), "other")]
    changes = {"optim.lr": 1e-3, "seed": 1, "epochs": 2, "precision": "bf16", "data.protocol": "published"}
    others += [Cell(Experiment().override({name: value}), "hash") for name, value in changes.items()]
    assert len({one.key for one in [cell, *others]}) == 1 + len(others)
    assert cell.key == Cell(Experiment().override(Experiment().flatten()), "hash").key


def test_equal_points_are_one_cell():
    assert len(plan_cells(Experiment(), {"seed": (1, 1, 2)}, "hash")) == 2


def test_fields_reach_the_models_that_have_them():
    cells = plan_cells(Experiment(), SPACE, "hash", {"model.hidden_channels": 8, "model.base": 4}, {"epochs": 3})
    assert {cell.experiment.epochs for cell in cells} == {3}
    assert cells[0].experiment.model.hidden_channels == 8 and cells[-1].experiment.model.base == 4
    assert plan_cells(Experiment(), {"model": ("grnn",)}, "hash", {"model.base": 4})
    with pytest.raises(KeyError, match="did you mean 'model.hidden_channels'"):
        plan_cells(Experiment(), SPACE, "hash", settings={"model.hiden_channels": 8})


def test_a_point_leads_back_to_its_cell(tmp_path):
    one = study(tmp_path)
    assert all(one.cell_at(cell.point(one.space)) is cell for cell in one.cells)


@pytest.mark.parametrize(
    ("name", "revision"), [("unet", None), ("unet-scale", 2), ("resnet-mag", None), ("unet-mag", 2)]
)
def test_networks_that_compute_something_else_since_have_other_keys(name, revision):
    experiment = Experiment().override({"data.name": "ocean", "model": name})
    config = Cell(experiment, "hash").config()
    assert config.get("model_revision") == revision
    assert cell_of(config) == Cell(experiment, "hash")
