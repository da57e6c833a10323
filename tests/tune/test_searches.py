"""Every search file: its cells are read back as they were planned, and its published models are its own."""

import json

import pytest

from tune import (
    convection_search,
    kth_search,
    kth_video_search,
    noether_search,
    pendulum_search,
    rotating_mnist_search,
    spring_search,
    translating_mnist_search,
    video_search,
)
from tune.core.study import cell_of, plan_cells

MNIST = (translating_mnist_search, rotating_mnist_search)
MODULES = (kth_search, *MNIST, video_search, kth_video_search, noether_search, pendulum_search, spring_search)
MODULES += (convection_search,)
SEARCHES = [module.SEARCH for module in MODULES]
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
