"""Configs of velocity fields: what cannot be is refused, and what they say of themselves."""

import pytest

from fernn.config import OceanConfig
from fernn.experiment import Experiment

SMALL = {
    "data.name": "ocean", "model": "unet-um", "optim.name": "decaying-adam", "model.narrowing": 8, "epochs": 3,
    "model.input_length": 2, "model.output_length": 2, "data.size": 16, "data.num_frames": 5, "data.input_frames": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optim.name": "adan"}, "unknown optimizer 'adan'"),
        ({"optim.decay": 1.5}, "optim.decay must be above 0 and at most 1, got 1.5"),
        ({"optim.weight_decay": -1.0}, "optim.weight_decay must be 0 or more, got -1.0"),
        ({"data.input_frames": 5}, "data.input_frames must be below data.num_frames = 5, got 5"),
        ({"data.shares": (0.5, 0.5, 0.5)}, "data.shares must be above 0 and sum to 1"),
        ({"data.num_clips": (0, 1, 1, 0)}, "data.num_clips must be 1 or more each, the last 0 or more"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changed, message):
    with pytest.raises((ValueError, KeyError), match=message):
        Experiment().override(SMALL | changed)


def test_what_the_ocean_config_says_of_itself():
    assert OceanConfig().horizon == 10 and "domain test: south_pacific*" in OceanConfig().note()
