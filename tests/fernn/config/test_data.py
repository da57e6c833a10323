"""What the config of every data set has: bounds of its fields, and frames that are left to predict."""

import pytest

from fernn.config import DATA, DataConfig, PredictionConfig, TranslatingMNISTConfig
from fernn.config.data import Motion

BOUNDED = PredictionConfig("any", size=4, num_frames=5, velocity_range=0, input_frames=2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"velocity_range": -1}, "data.velocity_range must be 0 or more, got -1"),
        ({"size": 0}, "data.size must be 1 or more, got 0"),
        ({"num_frames": 0}, "data.num_frames must be 1 or more, got 0"),
        ({"input_frames": 0}, "data.input_frames must be 1 or more, got 0"),
        ({"input_frames": 5}, "data.input_frames must be below data.num_frames = 5, got 5"),
    ],
)
def test_a_value_below_its_bound_is_refused(fields, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        BOUNDED.override(fields)


def test_what_is_not_given_is_predicted():
    assert BOUNDED.horizon == 3 and BOUNDED.override({"input_frames": 4}).horizon == 1


def test_a_data_set_that_says_no_more_has_its_own_family_and_stands_still():
    data = DataConfig("mine", size=4, num_frames=2, velocity_range=0)
    assert (data.family, data.motion, data.label_shape) == ("mine", None, ())
    assert data.note() == "Protocol: default."


def test_every_data_set_says_what_it_is_and_which_velocities_it_can_have():
    for data in DATA.values():
        assert data.source and data.card.endswith("CARD.md") and data.demo_note and data.note(), data.name
        if isinstance(data.motion, Motion):
            assert 0 < data.motion.radius <= data.motion.most and data.motion.axes in (("vy", "vx"), ("angle",))


def test_the_test_clips_may_have_velocities_of_their_own():
    data = TranslatingMNISTConfig(velocity_range=1, test_velocity_range=3)
    assert [data.in_split(split).velocity_range for split in ("train", "validation", "test")] == [1, 1, 3]
    assert data.moving(0).in_split("test").velocity_range == 0 == data.moving(0).velocity_range
    still = TranslatingMNISTConfig(velocity_range=1)
    assert still.in_split("test") is still
