"""Cells: each key its own, and of a study each at its point."""

import pytest

from fernn.experiment import Experiment
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.study import Cell, Study, cell_of

SPACE = {"model": ("fernn-v1", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0, 1, 2)}


def study(folder, space=SPACE, **settings):
    return Study("s", Folder(str(folder)), space, plan_cells(Experiment(), space, "hash", settings=settings))


def test_a_key_depends_on_every_field_and_on_the_data():
    cell = Cell(Experiment(), "hash")
    others = [Cell(Experiment(), "other")]
    changes = {"optim.lr": 1e-3, "seed": 1, "epochs": 2, "precision": "bf16", "data.protocol": "published"}
    others += [Cell(Experiment().override({name: value}), "hash") for name, value in changes.items()]
    assert len({one.key for one in [cell, *others]}) == 1 + len(others)
    assert cell.key == Cell(Experiment().override(Experiment().flatten()), "hash").key


def test_a_point_is_that_of_one_cell(tmp_path):
    one = study(tmp_path)
    assert all(
        [other for other in one.cells if other.point(one.space) == cell.point(one.space)] == [cell]
        for cell in one.cells
    )


@pytest.mark.parametrize(
    ("name", "revision"), [("unet", None), ("unet-scale", 2), ("resnet-mag", None), ("unet-mag", 2)]
)
def test_networks_that_compute_something_else_since_have_other_keys(name, revision):
    experiment = Experiment().override({"data.name": "ocean", "model": name})
    config = Cell(experiment, "hash").config()
    assert config.get("model_revision") == revision
    assert cell_of(config) == Cell(experiment, "hash")
