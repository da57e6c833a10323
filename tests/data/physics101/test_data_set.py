"""What a search says of the ramp before the data is there."""

import pytest

from data.errors import DataError
from data.physics101.data_set import PHYSICS101
from fernn.config import RampConfig


def test_clips_are_counted_before_there_are_any():
    config = RampConfig()
    assert sum(PHYSICS101.num_clips(config, None, False).values()) == 390
    published = PHYSICS101.num_clips(RampConfig(protocol="published"), None, False)
    assert published == {"train": 310, "validation": 78, "test": 78}
    assert PHYSICS101.num_clips(config, None, True) == {"train": 86, "validation": 10, "test": 24}


def test_rendered_blocks_are_not_the_published_clips(tmp_path):
    with pytest.raises(DataError, match="data.protocol published goes with Physics 101 itself: give --files DIR"):
        PHYSICS101.prepare_demo(tmp_path, RampConfig(protocol="published"))
