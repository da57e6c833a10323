"""A study's best model, for use elsewhere."""

import subprocess
import sys

import pytest
import torch

import tune
from fernn.files.checkpoint import unpack
from tests.support.stored_study import finished_study, planned_study
from tune.core.cell_folder import BEST
from tune.core.protocol import find_study
from tune.core.study import StudyError

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2, 1e-3), "seed": (0, 1, 2)}
VALIDATION = {1e-2: (9, 1, 1), 1e-3: (4, 6, 6)}
HITS = {("grnn", lr, seed): (hits[seed], 5) for lr, hits in VALIDATION.items() for seed in (0, 1, 2)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "studies/s", SPACE, HITS)


@pytest.mark.parametrize("by", ["name", "path"])
def test_the_best_seed_of_the_chosen_rate_is_loaded(study, tmp_path, by):
    storage = str(tmp_path / "studies")
    asked = {"study": "s", "storage": storage} if by == "name" else {"study": tmp_path / "studies/s"}
    model, experiment = tune.load_best(model="grnn", **asked)
    # 1e-2 has the best single seed, 1e-3 the best mean; of its seeds 1 and 2 are equal
    assert (experiment.model.name, experiment.optim.lr, experiment.seed) == ("grnn", 1e-3, 1)
    point = {"model": "grnn", "optim.lr": 1e-3, "seed": 1}
    (cell,) = (cell for cell in study.cells if cell.point(point) == point)
    weights, _ = unpack(study.cell_folder(cell).folder.read(BEST))
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert not model.training and model(torch.rand(2, 3, 1, 6, 6)).shape == (2, 6)


def test_an_unknown_study_or_model_is_named_with_the_nearest(study, tmp_path):
    storage = str(tmp_path / "studies")
    (tmp_path / "studies/mlflow.db").write_bytes(b"no study")
    with pytest.raises(StudyError, match="unknown study 'z': it must be one of s "):
        tune.load_best("z", "grnn", storage=storage)
    with pytest.raises(KeyError, match="unknown model of study 's' 'grn': did you mean 'grnn'"):
        tune.load_best("s", "grn", storage=storage)
    with pytest.raises(KeyError, match="it must be one of grnn"):
        tune.load_best("s", "3dcnn", storage=storage)  # planned, but without a result
    with pytest.raises(StudyError, match="holds no study"):
        find_study("s", str(tmp_path / "nowhere"))


def test_a_study_without_results_has_no_best_model(tmp_path):
    planned_study(tmp_path / "s", SPACE)
    with pytest.raises(KeyError, match="has no finished cell yet"):
        tune.load_best("s", "grnn", storage=str(tmp_path))


def test_a_model_with_several_rows_is_not_chosen_silently(tmp_path):
    space = {**SPACE, "data.velocity_range": (0, 1)}
    finished_study(tmp_path / "s", space, HITS)
    storage = str(tmp_path)
    with pytest.raises(StudyError, match="has grnn, velocity_range 0; grnn, velocity_range 1: say which with where="):
        tune.load_best("s", "grnn", storage=storage)
    _, experiment = tune.load_best("s", "grnn", where={"data.velocity_range": 1}, storage=storage)
    assert experiment.data.velocity_range == 1
    with pytest.raises(KeyError, match="has no 'grnn' where .*: it has grnn, velocity_range 0; grnn"):
        tune.load_best("s", "grnn", where={"data.velocity_range": 2}, storage=storage)


def test_the_package_is_cheap_to_import():
    code = "import sys, tune; assert not {'torch', 'ray', 'mlflow'} & set(sys.modules); tune.load_best"
    subprocess.run([sys.executable, "-c", code], check=True)
