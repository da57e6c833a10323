"""Every registered data set keeps to the protocol."""

from pathlib import Path

import pytest

from data.mnist.prepare import prepare
from data.registry import DATA_SETS, data_set, stand_in
from fernn.config import DATA
from fernn.models import models_of
from tests.data.mnist.layouts import four_files

ROOT = Path(__file__).parents[2]


def test_every_config_has_a_data_set_and_every_data_set_a_config():
    assert list(DATA_SETS) == list(DATA)


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_has_config_models_and_card(name, tmp_path):
    found = data_set(name)
    assert found.config == DATA[name] and models_of(name)
    assert (ROOT / found.config.card).is_file() and found.config.source and found.config.demo_note
    assert found.folder_of(tmp_path, found.config).is_relative_to(tmp_path)
    assert set(found.num_clips(found.config, None, True)) == {"train", "validation", "test"}


@pytest.mark.parametrize("name", ("translating-mnist", "rotating-mnist", "moving-mnist"))
def test_digits_of_ones_own_are_marked_by_every_data_set_that_is_made_of_them(name, tmp_path):
    four_files(tmp_path / "files", str)
    manifest = prepare(tmp_path / "mnist", files=tmp_path / "files")
    assert data_set(name).stand_in(manifest) == stand_in(manifest) == "digits of your own, not MNIST"
