"""Every registered data set keeps to the protocol."""

from pathlib import Path

import pytest

from data.registry import DATA_SETS, data_set
from fernn.config import DATA
from fernn.models import models_of

ROOT = Path(__file__).parents[2]


def test_every_config_has_a_data_set_and_every_data_set_a_config():
    assert list(DATA_SETS) == list(DATA)


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_has_config_models_card_and_columns(name, tmp_path):
    found = data_set(name)
    assert found.config == DATA[name] and models_of(name)
    assert (ROOT / found.config.card).is_file() and found.config.source and found.config.demo_note
    assert found.schema(found.config).names
    assert found.folder_of(tmp_path, found.config).is_relative_to(tmp_path)
    assert set(found.num_clips(found.config, None, True)) == {"train", "validation", "test"}
