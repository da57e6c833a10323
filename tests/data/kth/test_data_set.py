"""What a search says of KTH before the data is there is what the annotation has."""

import pytest

from data.kth.annotations import read_annotation
from data.kth.data_set import KTH
from data.kth.schema import count_by_split
from fernn.config import KTHConfig
from fernn.config.kth import PERSONS
from tests.data.kth.published import PUBLISHED, clips_of


@pytest.mark.parametrize("split", PERSONS)
def test_clips_are_counted_before_there_are_any(split):
    config = KTHConfig(split=split)
    published = count_by_split(video.person for video, _ in clips_of(read_annotation(PUBLISHED)))
    assert KTH.num_clips(config, None, False) == published[split]
    rendered = {"paper": [384, 96, 120], "official": [192, 192, 216]}
    assert list(KTH.num_clips(config, None, True).values()) == rendered[split]
