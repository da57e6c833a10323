"""Every search file: its cells are read back as they were planned, and its published models are its own."""

import json
import sys
from pathlib import Path

import pytest

import tune
from tune.core.search_spec import Published, _declared, searches
from tune.core.study import StudyError, cell_of, plan_cells

ROOT = Path(__file__).parents[3]
SEARCHES = list({id(search): search for search in searches().values()}.values())
PRESETS = [(search, preset) for search in SEARCHES for preset in search.presets.values()]


@pytest.mark.parametrize(("search", "preset"), PRESETS)
def test_a_planned_cell_is_read_back_with_its_key(search, preset):
    for cell in plan_cells(search.base, preset.space, "hash", preset.defaults):
        again = cell_of(json.loads(json.dumps(cell.config())))
        assert again == cell and again.key == cell.key


@pytest.mark.parametrize("search", SEARCHES)
def test_published_numbers_are_of_the_papers_models(search):
    assert set(search.published) <= set(search.presets["paper"].space["model"])


@pytest.mark.parametrize("search", SEARCHES)
def test_what_is_published_is_said_of_searched_dimensions_and_fields_of_the_base(search):
    for preset in search.presets.values():
        assert set(preset.published) <= set(preset.space)
    flat = search.base.flatten()
    assert all(any(name == own or name.startswith(f"{own}.") for name in flat) for own in search.own)


def test_every_search_file_is_found_by_its_data_set():
    assert len(SEARCHES) == len(list((ROOT / "tune").glob("*_search.py")))
    assert searches()["made-convection"] is searches()["convection"]
    assert searches()["kth"].published and searches()["kth"] is not searches()["kth-video"]


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
