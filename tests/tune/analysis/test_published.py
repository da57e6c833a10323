"""Which published numbers may stand beside a study's own, and what is said of the differences."""

import pytest

from fernn.config import data_config
from fernn.models import MODELS
from tests.support.stored_study import planned_study
from tune.analysis.published import changed_fields, departures, deviations, obstacles, search_of, setting_deviations
from tune.core.folder import Folder
from tune.core.search_spec import searches
from tune.core.study import Study
from tune.kth_search import SEARCH

PAPER = {"model": ("grnn",), "optim.lr": (3e-3, 1e-3, 3e-4, 1e-4), "seed": (0, 1, 2)}


def study_of(folder, space=PAPER, settings=(), **facts):
    return planned_study(folder, space, settings=dict(settings), **facts)


def test_the_papers_own_setting_has_no_obstacle(tmp_path):
    study = study_of(tmp_path)
    assert search_of(study) is SEARCH and obstacles(study, SEARCH) == [] == departures(study, SEARCH)
    assert setting_deviations(study, SEARCH) == []


EXACT = [
    pytest.param(search, preset, id=f"{data}-{name}")
    for data, search in searches().items()
    for name, preset in search.presets.items()
    if preset.exact
]


@pytest.mark.parametrize(("search", "preset"), EXACT)
def test_of_an_exact_preset_nothing_differs_that_a_setting_can_say(search, preset, tmp_path):
    settings = {"model.initial_weights": "0" * 64} if preset.finetunes else {}
    cells = preset.cells(search.base, preset.space, "hash", settings)
    study = Study("s", Folder(str(tmp_path)), preset.space, cells)
    assert setting_deviations(study, search) == []
    protocol = cells[0].experiment.data.protocol
    assert deviations(study, search) == [*search.deviations.get(protocol, ()), *search.always_deviates]
    other = preset.cells(search.base, preset.space, "hash", settings | {"batch_size": 7})
    (said,) = {
        one.partition(";")[0] for one in setting_deviations(Study("s", study.folder, preset.space, other), search)
    }
    assert said == "batch_size is 7"


def test_every_search_with_a_known_publication_has_its_exact_setting():
    assert [data for data, search in searches().items() if "paper-exact" not in search.presets] == [
        "controlled-pendulum"
    ]


def test_each_departure_is_named_with_the_papers_value(tmp_path):
    study = study_of(tmp_path, settings={"data.size": 16, "optim.clip_norm": None}, demo=True)
    why = obstacles(study, SEARCH)
    assert why[0] == "the clips are rendered (demo)" and "data.size is 16, the paper's is 32" in why
    assert any(reason.startswith("optim.clip_norm is None, ") for reason in why)
    assert obstacles(study, None) == ["no published table is known for data.name 'kth'"]


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"optim.lr": (1e-2,)}, "Learning rates searched: 0.01; the paper's: 0.003, 0.001, 0.0003, 0.0001."),
        ({"seed": (0,)}, "Seeds for each learning rate: 1; the paper's: 3."),
        ({"model": ("grnn", "fernn-v1-circular")}, "fernn-v1-circular is not in the paper: its embedding pads"),
    ],
)
def test_another_grid_is_a_deviation_in_words(tmp_path, space, sentence):
    said = deviations(study_of(tmp_path, PAPER | space), SEARCH)
    assert any(one.startswith(sentence) for one in said) and deviations(study_of(tmp_path / "b"), None) == []


def test_a_model_is_the_registered_one_until_a_field_differs():
    grnn = MODELS["kth"]["grnn"]
    assert changed_fields(grnn, "kth") == {}
    assert changed_fields(grnn.override({"hidden_channels": 3}), "kth") == {
        "hidden_channels": (3, grnn.hidden_channels)
    }
    assert changed_fields(grnn, data_config("ocean").name) == {"name": ("grnn", None)}
