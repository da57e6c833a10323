"""Every search file: its cells are read back as they were planned, and its published models are its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tune.core.search_spec import searches
from tune.core.study import cell_of, plan_cells

ROOT = Path(__file__).parents[2]
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


@pytest.mark.soak
def test_a_search_from_outside_is_one_file_whose_demo_runs(prepared, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/extend/search.md").read_text(), re.DOTALL)
    (tmp_path / "still_search.py").write_text(code)
    command = [sys.executable, "still_search.py", "--preset", "demo", "--models", "grnn", "--data", prepared, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode == 0, done.stderr
    (table,) = (event for line in done.stdout.splitlines() if (event := json.loads(line))["event"] == "table")
    (row,) = table["rows"]
    assert row["model"] == "grnn" and row["n"] == 1
