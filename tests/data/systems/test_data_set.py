"""Ideal systems as data sets: one of each name, their sequences counted by the config."""

from data.systems.data_set import PENDULUM, SPRING


def test_each_system_is_a_data_set_of_states_that_the_config_alone_decides():
    assert (PENDULUM.config.name, SPRING.config.name) == ("ideal-pendulum", "ideal-spring")
    assert PENDULUM.is_generated and SPRING.is_generated and SPRING.folder == PENDULUM.folder


def test_training_sequences_are_counted_as_often_as_an_epoch_has_them():
    data = SPRING.config.override({"num_sequences": (5, 3, 4), "passes": 7})
    assert SPRING.num_clips(data, None, False) == {"train": 35, "validation": 3, "test": 4}
