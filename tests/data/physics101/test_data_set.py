"""What a search says of the ramp before the data is there."""

from pathlib import Path

from data.physics101.data_set import PHYSICS101
from data.physics101.demo import DemoConfig
from data.physics101.schema import count_by_split
from fernn.config import RampConfig


def test_clips_are_counted_before_there_are_any():
    config = RampConfig()
    assert sum(PHYSICS101.num_clips(config, None, False).values()) == 390
    rendered = count_by_split(DemoConfig(Path()).names(), config.split)
    assert PHYSICS101.num_clips(config, None, True) == rendered and sum(rendered.values()) == 120
