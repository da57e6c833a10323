"""The stream: deterministic, shuffled by name, flowed exactly, never waiting for a CPU.

The published protocol is that of akandykeller/FERNN @7def7bc, kth/train_kth_classification.py, KTHVideoClips:
velocities (168-175, in ``tests/golden``), frames one later than annotated (198-207, 290-298), motion, then mirroring
(304-319).
"""

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import ray
import torch
from safetensors.numpy import load_file

from data.errors import DataError
from data.kth.prepare import PrepareConfig, folder_of, prepare
from data.kth.stream import ClipStream, Footage, clip_velocities, random_part, read_footage
from data.preparing.frames import frames_of
from fernn.config import KTHConfig
from fernn.equivariance import drift
from fernn.flows import TranslationFlow

LENGTHS = [40, 33, 32, 50, 41, 36]
PERSONS = [1, 1, 2, 17, 21, 25]


def footage(extra=1):
    """Six clips of random 6x6 frames; ``extra`` frames after each range, as the video goes on."""
    num_frames = np.array(LENGTHS) + extra
    frames = np.random.default_rng(0).integers(0, 256, (num_frames.sum(), 6, 6), dtype=np.uint8)
    ids = tuple(f"person{p:02}_boxing_d1-{i}" for i, p in enumerate(PERSONS))
    persons, labels = np.array(PERSONS), np.arange(6)
    return Footage(frames, ids, persons, labels, np.cumsum(num_frames) - num_frames, num_frames, np.array(LENGTHS))


def stream(batch_size=2, **changes):
    return ClipStream(footage(), KTHConfig().override({"size": 6, **changes}), batch_size)


def joined(batches):
    batches = list(batches)
    return torch.cat([b.clips for b in batches]), [name for b in batches for name in b.ids]


def test_batches_have_the_documented_shape(two_cpus):
    first, second = stream().training(seed=0, epoch=1)
    assert first.clips.shape == (2, 16, 1, 6, 6) and first.clips.dtype == torch.uint8
    assert first.labels.dtype == torch.int64 and len(second.ids) == 1
    assert [footage().ids.index(name) for name in first.ids] == first.labels.tolist()


def test_an_epoch_is_the_same_for_the_same_seed_and_epoch_alone(two_cpus):
    epochs = {(s, e): joined(stream().training(s, e)) for s, e in itertools.product((0, 1), (1, 2, 3))}
    again = joined(stream(batch_size=3).training(0, 1))
    assert torch.equal(epochs[0, 1][0], again[0]) and epochs[0, 1][1] == again[1]
    for one, other in itertools.combinations(epochs.values(), 2):
        assert one[0].shape == other[0].shape and not torch.equal(one[0], other[0])
    assert len({tuple(names) for _, names in epochs.values()}) > 1
    assert {frozenset(names) for _, names in epochs.values()} == {frozenset(footage().ids[:3])}


def test_evaluation_clips_are_fixed_in_order_and_from_the_middle(two_cpus):
    clips, names = joined(stream(velocity_range=0).evaluation("test"))
    assert names == list(footage().ids[4:])
    start = footage().offsets[4] + (41 - 32) // 2
    assert np.array_equal(clips[0, :, 0].numpy(), footage().frames[start : start + 32 : 2])


@pytest.mark.parametrize("velocities", [(1, -2), [(1, -2), (-4, 3)]])
def test_evaluation_clips_can_be_given_other_velocities(two_cpus, velocities):
    still, names = joined(stream().evaluation("test", (0, 0)))
    moving, same = joined(stream().evaluation("test", velocities))
    own, _ = joined(stream(velocity_range=0).evaluation("test"))
    flow = TranslationFlow.box(0, 0)
    expected = [
        drift(flow, clip[None], velocity)[0]
        for clip, velocity in zip(still, np.broadcast_to(velocities, (2, 2)).tolist(), strict=True)
    ]
    assert names == same and torch.equal(moving, torch.stack(expected)) and torch.equal(still, own)


@pytest.mark.parametrize("protocol", ["default", "published"])
def test_velocities_of_another_range_are_those_of_data_with_that_range(two_cpus, protocol):
    clips = stream(velocity_range=1, protocol=protocol)
    for k in (0, 1, 2):
        expected, _ = joined(stream(velocity_range=k, protocol=protocol).evaluation("test"))
        assert torch.equal(joined(clips.evaluation("test", clips.velocities("test", k)))[0], expected)


def test_clips_are_flowed_and_then_mirrored(two_cpus):
    still, _ = joined(stream(velocity_range=0, flip=False).training(0, 1))
    moving, names = joined(stream(flip=False).training(0, 1))
    both, _ = joined(stream().training(0, 1))
    velocities = clip_velocities(names, KTHConfig(), "train")
    flow, mirrored = TranslationFlow.box(0, 0), 0
    for clip, velocity, expected, final in zip(still, velocities.tolist(), moving, both, strict=True):
        assert torch.equal(drift(flow, clip[None], velocity)[0], expected)
        assert torch.equal(final, expected) or torch.equal(final, expected.flip(-1))
        mirrored += torch.equal(final, expected.flip(-1))
    assert 0 < mirrored < len(names)


def test_a_clip_keeps_its_velocity_over_epochs_and_seeds():
    data, names = KTHConfig(), [f"clip-{i}" for i in range(400)]
    velocities = clip_velocities(names, data, "train")
    assert np.array_equal(velocities[::-1], clip_velocities(names[::-1], data, "train"))
    assert not np.array_equal(velocities, clip_velocities(names, data, "test"))
    assert {tuple(v) for v in velocities.tolist()} == set(itertools.product(range(-2, 3), repeat=2))


@pytest.mark.parametrize("protocol", ["default", "published"])
def test_a_horizontal_drift_is_that_of_the_plane_without_its_vertical_part(protocol):
    names, plane = [f"clip-{i}" for i in range(100)], KTHConfig(protocol=protocol)
    level = replace(plane, drift="horizontal")
    expected = clip_velocities(names, plane, "test") * [0, 1]
    assert np.array_equal(clip_velocities(names, level, "test"), expected) and set(expected[:, 1]) == {-2, -1, 0, 1, 2}


def test_published_velocities_are_the_published_ones_with_our_sign(golden_folder):
    golden = load_file(golden_folder / "kth_velocities_range2.safetensors")["out.vy_vx"]
    data = KTHConfig(protocol="published")
    for split in ("train", "validation", "test"):
        ours = clip_velocities([str(i) for i in range(64)], data, split)
        assert np.array_equal(ours, -golden)


def test_the_published_protocol_reads_one_frame_later(two_cpus):
    """1-based ranges read as 0-based start one frame late; a range that ends with its video loses a frame."""
    changes = {"velocity_range": 0, "flip": False, "protocol": "published"}
    clips, names = joined(stream(**changes).evaluation("test"))
    start = footage().offsets[4] + 1 + (41 - 32) // 2
    assert np.array_equal(clips[0, :, 0].numpy(), footage().frames[start : start + 32 : 2])
    at_the_end = ClipStream(footage(extra=0), KTHConfig().override({"size": 6, **changes}), 2)
    _, names = joined(at_the_end.training(0, 1))
    assert sorted(names) == sorted(footage().ids[:2])  # the third has 32 frames, 31 without its first


def test_a_split_without_clips_is_refused():
    whole = footage()
    no_test = Footage(whole.frames, whole.ids, np.minimum(whole.persons, 20), *list(vars(whole).values())[3:])
    with pytest.raises(DataError, match="the test split has no clips"):
        ClipStream(no_test, KTHConfig(size=6), 2)


def test_a_trial_streams_while_others_hold_every_cpu(two_cpus):
    @ray.remote(num_cpus=2)
    def consume(shared):
        return joined(ClipStream(shared, KTHConfig(size=6), 2).training(0, 1))

    clips, names = ray.get(consume.remote(ray.put(footage())), timeout=60)
    expected, order = joined(stream().training(0, 1))
    assert torch.equal(clips, expected) and names == order


def test_prepared_clips_are_read_back_whole(two_cpus, rendered, tmp_path):
    manifest = prepare(PrepareConfig(tmp_path, rendered, size=8))
    home = folder_of(tmp_path, 8)
    whole = read_footage(home, manifest)
    table = pa.concat_tables([pa.parquet.read_table(path) for path in manifest.paths(home)])
    assert list(whole.ids) == table["id"].to_pylist() and len(whole.ids) == manifest.num_clips == 24
    for frames, offset, count in zip(frames_of(table["frames"]), whole.offsets, whole.num_frames, strict=True):
        assert np.array_equal(whole.frames[offset : offset + count], frames)
    assert set(whole.num_annotated) == {33}


def test_a_random_split_is_drawn_over_clips_as_the_published_one(two_cpus):
    """train_kth_classification.py of akandykeller/FERNN @7def7bc: RandomState(42).shuffle of the kept ranges' list."""
    kept = [(f"clip{number}", number, number + 40) for number in range(2370)]
    np.random.RandomState(42).shuffle(kept)
    expected = {"train": kept[:1659], "validation": kept[1659:2014], "test": kept[2014:]}
    for split, clips in expected.items():
        assert random_part(np.arange(2370), 42, split).tolist() == [first for _, first, _ in clips]
    one = footage()
    many = replace(one, **{name: np.tile(getattr(one, name), 2) for name in vars(one) if name not in ("frames", "ids")})
    many = replace(many, ids=(*one.ids, *(f"{name}-again" for name in one.ids)))
    data = KTHConfig().override({"size": 6, "split": "random", "split_seed": 1, "protocol": "published"})
    parts = [ClipStream(many, data, 4).evaluation(split) for split in ("validation", "test")]
    found = [name for batches in parts for name in joined(batches)[1]]
    shuffled = list(many.ids)
    np.random.RandomState(1).shuffle(shuffled)
    assert found == shuffled[8:]
    with pytest.raises(DataError, match="the validation split has no clips"):
        stream(split="random")


def test_test_clips_may_move_faster_than_those_of_training(two_cpus):
    slow, fast = stream(velocity_range=0, test_velocity_range=2), stream(velocity_range=2)
    assert torch.equal(joined(slow.evaluation("test"))[0], joined(fast.evaluation("test"))[0])
    still = joined(stream(velocity_range=0).evaluation("validation"))[0]
    assert torch.equal(joined(slow.evaluation("validation"))[0], still)
