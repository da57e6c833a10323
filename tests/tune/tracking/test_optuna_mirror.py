"""The study in Optuna's database: written once, written again where the study changed, and never over another's."""

from dataclasses import replace

import optuna
import pytest

from tests.support.stored_study import finish_cell, finished_study, planned_study
from tune.core.study import StudyError
from tune.services.databases import ViewError
from tune.tracking.optuna_mirror import mirror

SPACE = {"model": ("grnn",), "optim.lr": (1e-3, 1e-2), "seed": (0,)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (7, 5)})


def stored(url):
    study = optuna.load_study(study_name="s", storage=url)
    return [(trial.params["optim.lr"], trial.value) for trial in study.trials]


def test_each_rate_is_a_trial_once_and_a_new_one_is_added(tmp_path):
    url, study = f"sqlite:///{tmp_path}/optuna.db", planned_study(tmp_path / "s", SPACE)
    expected = []
    for cell, hits in zip(study.cells, ((7, 5), (4, 4)), strict=True):
        finish_cell(study, cell, hits)
        expected.append((cell.experiment.optim.lr, hits[0] / 10))
        for _ in range(2):
            mirror(study, url)
            assert stored(url) == expected


def test_a_study_of_another_folder_is_refused_and_stays(study, tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    optuna.create_study(study_name="s", storage=url).enqueue_trial({"x": 1})
    with pytest.raises(StudyError, match="has a study 's' of an unknown owner"):
        mirror(study, url)
    assert len(optuna.load_study(study_name="s", storage=url).trials) == 1


def test_a_link_that_is_named_or_leads_nowhere_else_is_followed(study, tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "optuna.db").symlink_to("inside.db")
    (elsewhere / "named.db").symlink_to(tmp_path / "other.db")
    for link, target in ((tmp_path / "optuna.db", "inside.db"), (elsewhere / "named.db", "other.db")):
        mirror(study, f"sqlite:///{link}")
        assert (tmp_path / target).stat().st_size
    (tmp_path / "optuna.db").unlink()
    (tmp_path / "optuna.db").symlink_to(elsewhere / "not-there.db")
    with pytest.raises(ViewError, match="is a link that leads to .*not-there.db"):
        mirror(study, f"sqlite:///{tmp_path}/optuna.db")
    assert not (elsewhere / "not-there.db").exists()


def test_several_objectives_are_those_of_the_study_and_others_replace_them(study, tmp_path):
    url = f"sqlite:///{tmp_path}/optuna.db"
    mirror(study, url)
    mirror(replace(study, objectives=("validation/accuracy", "num_parameters"), constraints=("law_error<=1",)), url)
    written = optuna.load_study(study_name="s", storage=url)
    assert [direction.name for direction in written.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert [(trial.values, trial.constraints) for trial in written.trials] == [([0.7, 1234.0], {"law_error<=1": -1.0})]
    mirror(study, url)
    assert stored(url) == [(1e-3, 0.7)]
