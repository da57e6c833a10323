"""The ramp: videos to clips as the published pipeline makes them, each once an epoch, splits by clip and object."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from data.errors import ArchiveError, DataError, VideoError
from data.physics101 import decode, source
from data.physics101.demo import DemoConfig, frames_of, render
from data.physics101.prepare import PUBLISHED_CLIPS, folder_of, num_clips, prepare
from data.physics101.schema import count_by_split, object_of, split_by
from data.physics101.stream import read_clips
from data.sources.decode import pictures
from fernn.config import RampConfig

DATA = RampConfig(size=16, num_frames=5)
NAMES = [f"block_{block:02d}/20_01/{trial:02d}" for block in (1, 2, 3) for trial in (1, 2, 3)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ramp")
    assert render(folder, objects=3, trials=3) == NAMES == render(folder, objects=3, trials=3)
    return folder


@pytest.fixture(scope="module")
def slides(videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    manifest = prepare(out, DATA, videos)
    assert prepare(out, DATA, videos) == manifest and manifest.demo and not manifest.partial
    return read_clips(folder_of(out, DATA), manifest), manifest


def test_frames_are_every_second_one_cropped_to_the_middle_and_resized_without_antialiasing(videos, slides):
    corpus, manifest = slides
    assert corpus.ids == tuple(NAMES) and (corpus.lengths == 24).all() and corpus.frames.shape[1:] == (16, 16, 3)
    images = list(pictures(videos / "ramp" / NAMES[4] / source.CAMERA, decode.rgb, decode.MOST_FRAMES, 2))
    assert len(images) == 24
    square = torch.from_numpy(images[7][:, 24:168].astype(np.float32)).permute(2, 0, 1)[None]  # 144 of 192 columns
    expected = F.interpolate(square, (16, 16), mode="bilinear", align_corners=False)[0].round().permute(1, 2, 0)
    assert np.array_equal(corpus.frames[corpus.offsets[4] + 7], expected.numpy().astype(np.uint8))
    true = list(frames_of(NAMES[4]))[14].astype(float)
    assert np.abs(images[7] - true).mean() < 3  # what compression and color subsampling change
    large = np.zeros((1100, 1300, 3), np.uint8)
    large[10:1090, 110:1190] = 255
    assert (decode.resized(large, 8) == 255).all()


def test_a_block_slides_ever_faster():
    first, middle, last = np.stack(list(frames_of(NAMES[0])))[[20, 30, 40]].astype(float)
    still = np.minimum(np.minimum(first, middle), last)
    centers = []
    for frame in (first, middle, last):
        weight = np.abs(frame - still).sum(axis=2)
        centers.append((weight.sum(axis=0) * np.arange(192)).sum() / weight.sum())
    assert centers[1] > centers[0] and centers[2] - centers[1] > centers[1] - centers[0]


def test_every_training_clip_comes_once_an_epoch_in_its_order_and_mirrored_by_name(two_cpus, slides):
    corpus, manifest = slides
    stream = corpus.stream(DATA, 2)
    first, again, second = (list(stream.training(3, epoch)) for epoch in (1, 1, 2))
    ids = [[name for batch in epoch for name in batch.ids] for epoch in (first, again, second)]
    assert sorted(ids[0]) == sorted(stream.clips["train"]) and ids[0] == ids[1] != ids[2]
    assert all(torch.equal(one.clips, other.clips) for one, other in zip(first, again, strict=True))
    plain = {
        name: clip
        for batch in corpus.stream(DATA, 9)._batches(stream.clips["train"], np.zeros(6, dtype=int))
        for name, clip in zip(batch.ids, batch.clips, strict=True)
    }
    mirrored = set()
    for batch in [*first, *second]:
        for name, clip in zip(batch.ids, batch.clips, strict=True):
            same = torch.equal(clip, plain[name])
            assert same or torch.equal(clip, plain[name].flip(-1))
            mirrored.add(same)
    assert mirrored == {True, False}
    (test,) = stream.evaluation("test")
    place = corpus.ids.index(test.ids[0])
    middle = corpus.frames[corpus.offsets[place] + 9 : corpus.offsets[place] + 14]
    assert np.array_equal(test.clips[0].permute(0, 2, 3, 1).numpy(), middle)
    assert len(set(test.labels.tolist())) == 2 and stream.facts(test.ids)["object"] == list(map(object_of, test.ids))
    assert num_clips(DATA, manifest) == {split: stream.num_clips(split) for split in ("train", "validation", "test")}
    with pytest.raises(DataError, match="slide by themselves"):
        stream.evaluation("test", (0, 1))
    with pytest.raises(DataError, match="the train split has no clips: the data has 0 videos of 25 frames or more"):
        corpus.stream(RampConfig(size=16, num_frames=25), 2)


def test_splits_have_the_published_sizes_and_objects_are_held_out_whole():
    names = [f"object_{i % 44:02d}/20_01/{i // 44:02d}" for i in range(390)]
    assert count_by_split(names, "clip") == PUBLISHED_CLIPS
    assert split_by(names, "clip") == split_by(reversed(names), "clip")
    splits = split_by(names, "object")
    held = {split: {object_of(name) for name in names if splits[name] == split} for split in PUBLISHED_CLIPS}
    assert not held["train"] & held["test"] and not held["validation"] & (held["train"] | held["test"])
    assert 78 <= count_by_split(names, "object")["test"] < 78 + 9


def test_the_archive_gives_the_ramps_videos_at_20_degrees_alone(videos, tmp_path):
    archive, video = tmp_path / "phys101.zip", (videos / "ramp" / NAMES[0] / source.CAMERA).read_bytes()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in (
            "phys101/scenarios/ramp/foam_01/20_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/ramp/foam_01/10_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/fall/foam_01/20_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/ramp/../20_01/01/Kinect_RGB_1.mp4",
            "phys101/scenarios/ramp/foam_01/20_01/01/audio.wav",
        ):
            zipped.writestr(name, video)
    source.extract(archive, tmp_path / "raw")
    found = source.from_folder(tmp_path / "raw")
    assert list(found.videos) == ["foam_01/20_01/01"] and not found.demo and found.dataset == "physics101"
    assert [path.name for path in (tmp_path / "raw").rglob("*.mp4")] == ["Kinect_RGB_1.mp4"]
    manifest = prepare(tmp_path / "out", DATA, tmp_path / "raw")
    assert manifest.partial and manifest.missing == ("389 of 390 videos",)
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(ArchiveError, match="is damaged"):
        source.extract(archive, tmp_path / "raw")


def test_what_is_damaged_is_skipped_and_said(videos, tmp_path):
    shutil.copytree(videos, tmp_path / "videos")
    path = tmp_path / "videos/ramp" / NAMES[1] / source.CAMERA
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(VideoError, match="cannot be decoded"):
        decode.decode(path, 16, 2)
    manifest = prepare(tmp_path / "out", DATA, tmp_path / "videos")
    assert [remark.name for remark in manifest.skipped] == [NAMES[1]] and manifest.num_clips == 8
    with pytest.raises(DataError, match="holds none"):
        prepare(tmp_path / "out", DATA, tmp_path / "out")
    with pytest.raises(DataError, match="objects must be 1 to 99, got 0"):
        DemoConfig(tmp_path, objects=0)
    shutil.rmtree(tmp_path / "videos/ramp" / NAMES[0])
    (tmp_path / "videos/demo.json").unlink()
    with pytest.raises(DataError, match="choose another output folder"):
        prepare(tmp_path / "out", DATA, tmp_path / "videos")
    with pytest.raises(DataError, match="holds videos that are not rendered"):
        render(tmp_path / "videos", objects=1, trials=1)


def test_what_is_there_instead_of_a_video_is_said(tmp_path):
    for content, reason in ((b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"), (b"", "empty")):
        (tmp_path / "v.mp4").write_bytes(content)
        with pytest.raises(VideoError, match=f"v.mp4 cannot be decoded: it is .*{reason}"):
            decode.decode(tmp_path / "v.mp4", 8, 1)
