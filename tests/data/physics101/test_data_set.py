"""What a search says of the ramp before the data is there."""

from data.physics101.data_set import PHYSICS101
from fernn.config import RampConfig


def test_clips_are_counted_before_there_are_any():
    config = RampConfig()
    assert sum(PHYSICS101.num_clips(config, None, False).values()) == 390
    assert PHYSICS101.num_clips(config, None, True) == {"train": 86, "validation": 10, "test": 24}
