"""The ramp: videos to clips as the published pipeline makes them.

dylandoblar/noether-networks @c7a65a2, video_prediction/data/phys101.py (78-86): CenterCrop and Resize of torchvision,
which does not smooth tensors before it takes pixels away.
"""

import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from data.errors import DataError, VideoError
from data.physics101 import decode, source
from data.physics101.demo import DemoConfig, frames_of, render
from data.physics101.prepare import prepare
from data.sources.decode import pictures


def test_frames_are_every_second_one_cropped_to_the_middle_and_resized_without_antialiasing(ramp_videos, slides, names):
    corpus, manifest = slides
    assert corpus.ids == tuple(names) and (corpus.lengths == 24).all() and corpus.frames.shape[1:] == (16, 16, 3)
    images = list(pictures(ramp_videos / "ramp" / names[4] / source.CAMERA, decode.rgb, decode.MOST_FRAMES, 2))
    assert len(images) == 24
    square = torch.from_numpy(images[7][:, 24:168].astype(np.float32)).permute(2, 0, 1)[None]  # 144 of 192 columns
    expected = F.interpolate(square, (16, 16), mode="bilinear", align_corners=False)[0].round().permute(1, 2, 0)
    assert np.array_equal(corpus.frames[corpus.offsets[4] + 7], expected.numpy().astype(np.uint8))
    true = list(frames_of(names[4]))[14].astype(float)
    assert np.abs(images[7] - true).mean() < 3  # what compression and color subsampling change
    large = np.zeros((1100, 1300, 3), np.uint8)
    large[10:1090, 110:1190] = 255
    assert (decode.resized(large, 8) == 255).all()


def test_what_is_damaged_is_skipped_and_said(ramp_videos, ramp, names, tmp_path):
    shutil.copytree(ramp_videos, tmp_path / "videos")
    path = tmp_path / "videos/ramp" / names[1] / source.CAMERA
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(VideoError, match="cannot be decoded"):
        decode.decode(path, 16, 2)
    manifest = prepare(tmp_path / "out", ramp, tmp_path / "videos")
    assert [remark.name for remark in manifest.skipped] == [names[1]] and manifest.num_clips == 8
    with pytest.raises(DataError, match="holds none"):
        prepare(tmp_path / "other", ramp, tmp_path / "out")
    with pytest.raises(DataError, match="objects must be 1 to 99, got 0"):
        DemoConfig(tmp_path, objects=0)
    shutil.rmtree(tmp_path / "videos/ramp" / names[0])
    (tmp_path / "videos/demo.json").unlink()
    with pytest.raises(DataError, match="choose another output folder"):
        prepare(tmp_path / "out", ramp, tmp_path / "videos")
    with pytest.raises(DataError, match="holds videos that are not rendered"):
        render(DemoConfig(tmp_path / "videos", objects=1, trials=1))
