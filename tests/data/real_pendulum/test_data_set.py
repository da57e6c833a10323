"""The filmed pendulum as a data set: one sequence a split, counted before there is a file."""

from data.real_pendulum.data_set import REAL_PENDULUM, prepare_demo


def test_an_epoch_has_the_training_sequence_as_often_as_its_passes():
    data = REAL_PENDULUM.config.override({"passes": 7})
    assert REAL_PENDULUM.num_clips(data, None, False) == {"train": 7, "validation": 1, "test": 1}
    assert not REAL_PENDULUM.download and REAL_PENDULUM.folder == "real-pendulum"


def test_the_demo_is_read_as_a_file_is_and_streams_its_derivatives(two_cpus, tmp_path):
    data = REAL_PENDULUM.config.override({"protocol": "published", "passes": 2})
    manifest = prepare_demo(tmp_path, data)
    assert manifest.demo and manifest.details["moments"] == 556
    stream = REAL_PENDULUM.read(REAL_PENDULUM.folder_of(tmp_path, data), manifest).stream(data, 1)
    (test,) = stream.evaluation("test")
    assert test.clips.shape == (1, 110, 2, 1, 1) and test.labels.shape == (1, *data.label_shape)
    assert [batch.clips.shape[1] for batch in stream.training(0, 1)] == [445, 445]
