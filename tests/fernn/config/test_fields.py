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


def test_temperatures_are_said_and_records_without_them_have_no_field_more():
    data = OceanConfig(quantities="currents-and-temperature", temperature_unit=5.0)
    assert (data.kelvin, data.channels) == (
        5.0,
        3,
    ) and "Temperatures stand beside the currents, 5 K as 1 m/s." in data.note()
    bare = OceanConfig()
    assert (bare.kelvin, bare.channels) == (None, 2) and "emperature" not in bare.note()
    assert not {"quantities", "temperature_unit", "validation_steps"} & set(bare.flatten(for_record=True))
