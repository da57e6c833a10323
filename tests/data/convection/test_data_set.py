"""Convection as a data set: its windows are counted, and streamed standardised."""

import numpy as np
import pytest

from data.convection.data_set import CONVECTION, MADE_CONVECTION
from data.convection.prepare import folder_of, prepare
from data.errors import DataError
from data.registry import data_set
from fernn.config import data_config


def test_there_is_no_demo_of_the_published_fields(tmp_path):
    with pytest.raises(DataError, match="a demo has no published fields: leave data.name made-convection"):
        CONVECTION.prepare_demo(tmp_path, CONVECTION.config)


def test_made_windows_are_counted_before_there_is_a_manifest(layer_config):
    assert MADE_CONVECTION.num_clips(layer_config, None, False) == {"train": 18, "validation": 6, "test": 3}


def test_windows_of_a_domain_test_are_counted_where_there_is_one():
    """Before there is data: as many as the config allows."""
    assert data_set("convection").num_clips(data_config("convection"), None, False)["test"] == 2000
    assert data_set("ocean").num_clips(data_config("ocean"), None, False)["test"] == 4000


def test_squares_are_streamed_standardised_by_the_training_frames_alone(two_cpus, file, solved, tmp_path):
    data = data_config("convection").override({"size": 4, "num_frames": 2, "input_frames": 1})
    manifest = prepare(tmp_path / "out", files=file, size=4)
    stream = data_set(data.name).read(folder_of(tmp_path / "out", 4), manifest).stream(data, 64)
    training = solved[:7, :, ::4, ::4].astype(np.float64)  # 60 % of 12 frames
    assert stream.moments == pytest.approx((training.mean(), training.std()))
    (batch,) = stream.evaluation("validation")
    assert batch.ids == [f"rbc/0/{square}@{start}" for start in (7, 8) for square in range(3)]
    expected = (solved[7:9, :, ::4, 16:32:4] - training.mean()) / training.std()
    np.testing.assert_allclose(batch.clips[1], expected, atol=1e-5)
    counts = data_set("convection").num_clips(data, manifest, False)
    assert counts == {split: stream.num_clips(split) for split in counts} == {"train": 18, "validation": 6, "test": 3}
