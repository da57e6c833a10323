"""Videos to be predicted: which folder a config's data has."""

import pytest

from data.errors import DataError
from data.video.data_set import KTH_VIDEO, MOVING, prepare_moving_demo
from fernn.config import KTHVideoConfig, MovingConfig

PUBLISHED = MovingConfig(protocol="published")


def test_the_published_protocol_has_a_folder_of_its_own(tmp_path):
    assert MOVING.folder_of(tmp_path, MovingConfig()) == tmp_path / "digits"
    assert MOVING.folder_of(tmp_path, PUBLISHED) == tmp_path / "standard-test"


def test_the_published_protocol_has_no_demo(tmp_path):
    with pytest.raises(DataError, match="goes with MNIST itself: give --files DIR, or drop --protocol"):
        prepare_moving_demo(tmp_path, PUBLISHED)


def test_windows_are_cut_from_kths_own_folder(tmp_path):
    assert KTH_VIDEO.folder_of(tmp_path, KTHVideoConfig(size=16)) == tmp_path / "16px"
    assert KTH_VIDEO.num_clips(KTHVideoConfig(num_clips=(4, 2, 1)), None, False) == dict(train=4, validation=2, test=1)
