"""Every search file: its cells are read back as they were planned, and its published models are its own."""

import json
import sys
from pathlib import Path

import pytest

import tune
from tune import translating_mnist_search
from tune.core.search_spec import Preset, Published, _declared, search_named, searches
from tune.core.study import StudyError, cell_of

ROOT = Path(__file__).parents[3]
SEARCHES = list({id(search): search for search in searches().values()}.values())
PRESETS = [(search, preset) for search in SEARCHES for preset in search.presets.values()]


@pytest.mark.parametrize(("search", "preset"), PRESETS)
def test_a_planned_cell_is_read_back_with_its_key(search, preset):
    for cell in preset.cells(search.base, preset.space, "hash"):
        again = cell_of(json.loads(json.dumps(cell.config())))
        assert again == cell and again.key == cell.key


@pytest.mark.parametrize("search", SEARCHES)
def test_published_numbers_are_of_the_papers_models(search):
    assert set(search.published) <= set(search.presets["paper"].space["model"])


@pytest.mark.parametrize("search", SEARCHES)
def test_what_is_not_known_is_said_of_fields_of_the_base(search):
    flat = search.base.flatten()
    assert all(any(name == own or name.startswith(f"{own}.") for name in flat) for own in search.own)


def test_every_search_file_is_found_by_its_data_set():
    assert len(SEARCHES) == len(list((ROOT / "tune").glob("*_search.py")))
    assert searches()["made-convection"] is searches()["convection"]
    assert searches()["kth"].published and searches()["kth"] is not searches()["kth-video"]


def test_a_models_own_values_hold_unless_others_are_asked_for_all():
    preset = Preset(
        {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0,)},
        by_model={"grnn": {"optim.lr": 1e-4, "batch_size": 8}},
    )
    base = searches()["kth"].base

    def rates(space, settings=()):
        cells = [cell.experiment for cell in preset.cells(base, space, "hash", dict(settings))]
        return [(one.model.name, one.optim.lr, one.batch_size) for one in cells]

    assert rates(preset.space) == [("grnn", 1e-4, 8), ("3dcnn", 1e-3, 32), ("3dcnn", 1e-4, 32)]
    assert rates({**preset.space, "optim.lr": (1e-2,)}) == [("grnn", 1e-2, 8), ("3dcnn", 1e-2, 32)]
    assert rates({**preset.space, "model": ("grnn",)}, {"batch_size": 4}) == [("grnn", 1e-4, 4)]


def test_computed_values_follow_from_the_data_unless_others_are_given():
    def sizes(data):
        return (data.num_frames, data.num_frames + 1)

    preset = Preset(
        {"model": ("grnn",), "model.num_layers": (), "seed": (0,)}, {"data.num_frames": 2},
        computed={"model.num_layers": sizes},
    )  # fmt: skip
    base = searches()["kth"].base
    assert preset.filled(base, preset.space)["model.num_layers"] == (2, 3)
    assert preset.filled(base, preset.space, {"data.num_frames": 5, "epochs": 3})["model.num_layers"] == (5, 6)
    assert preset.filled(base, {**preset.space, "model.num_layers": (7,)})["model.num_layers"] == (7,)
    layers = [cell.experiment.model.num_layers for cell in preset.cells(base, preset.space, "hash")]
    assert layers == [2, 3]


@pytest.mark.parametrize(
    ("certainty", "is_certain"), [("read in the source", True), ("second-hand", True), ("uncertain: garbled", False)]
)
def test_no_verdict_rests_on_an_uncertain_number(certainty, is_certain):
    assert Published(0.5, 0.1, "a paper", certainty).is_certain == is_certain


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "must declare SEARCH"), ("import no_such_module", "no_such_module"), ("SEARCH = 3", "got 3")],
)
def test_a_search_file_without_a_search_is_refused_with_its_name(content, message, tmp_path, monkeypatch):
    (tmp_path / "odd_search.py").write_text(content)
    monkeypatch.setattr(tune, "__path__", [*tune.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "tune.odd_search", raising=False)
    with pytest.raises(StudyError, match=message) as refused:
        _declared(tmp_path / "odd_search.py")
    assert str(tmp_path / "odd_search.py") in str(refused.value)


def test_a_search_is_named_as_its_file():
    assert search_named("translating-mnist") is search_named("translating_mnist") is translating_mnist_search.SEARCH
    with pytest.raises(StudyError, match="unknown search 'kht': did you mean 'kth'"):
        search_named("kht")
