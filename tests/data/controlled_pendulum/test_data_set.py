"""The controlled pendulum as a data set: made here, with actions."""

from data.controlled_pendulum.data_set import CONTROLLED_PENDULUM


def test_the_config_alone_decides_it_and_its_clips_have_actions():
    assert CONTROLLED_PENDULUM.is_generated and CONTROLLED_PENDULUM.config.num_actions == 1
    assert CONTROLLED_PENDULUM.num_clips(CONTROLLED_PENDULUM.config, None, False)["test"] == 195
