import errno
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray

import data.kth
from data.errors import DataError
from data.kth import prepare as module
from data.kth.annotations import read_annotation
from data.kth.decode import decode
from data.kth.prepare import PrepareConfig, folder_of, main, prepare
from data.manifest import Manifest
from data.preparing import parquet
from data.preparing.frames import frames_of
from data.terminal import answer
from tests.data.kth.published import clips_of

pytestmark = pytest.mark.usefixtures("two_cpus")

VICTIM = "person01_boxing_d1"


def visible(folder):
    """What is in a folder besides locks."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def builds(monkeypatch):
    """A list that grows by one whenever clips are built."""
    done, write = [], module.write_folder
    monkeypatch.setattr(module, "write_folder", lambda *arguments: done.append(1) or write(*arguments))
    return done


def annotate(videos, old, new):
    path = videos / "00sequences.txt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def prepared(rendered, tmp_path_factory, two_cpus):
    out = tmp_path_factory.mktemp("prepared")
    return prepare(PrepareConfig(out, rendered)), folder_of(out, 32)


def test_every_annotated_range_becomes_a_clip(prepared, rendered):
    manifest, folder = prepared
    videos = read_annotation(rendered / "00sequences.txt")
    table = pq.read_table(manifest.paths(folder))
    for (video, part), row, frames in zip(
        clips_of(videos), table.drop(["frames"]).to_pylist(), frames_of(table["frames"]), strict=True
    ):
        assert (row["id"], row["person"], row["action"]) == (part.id, video.person, video.action)
        assert (row["label"], row["scenario"]) == (video.label, video.scenario)
        assert (row["first"], row["last"], row["num_frames"]) == (part.first, part.last, 66)
        footage = decode(rendered / video.file_name, 32)
        np.testing.assert_array_equal(frames, footage[part.first : part.last + 2])


def test_the_manifest_says_what_there_is(prepared):
    manifest, folder = prepared
    assert Manifest.read(folder) == manifest
    manifest.verify(folder)
    assert (manifest.dataset, manifest.demo, manifest.partial, manifest.size) == ("kth-demo", True, False, 32)
    assert (manifest.details["num_videos"], manifest.details["num_videos_annotated"], manifest.num_clips) == (
        12,
        12,
        24,
    )
    assert manifest.clips["paper"] == {"train": 24, "validation": 0, "test": 0}
    assert manifest.origin == "videos on disk"
    assert visible(folder) == ["clips-00000.parquet", "manifest.json"]
    assert visible(folder.parent) == ["32px"]


def test_the_hash_depends_on_the_content_alone(prepared, videos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_FILE", 7)
    again = prepare(PrepareConfig(tmp_path / "out", videos))
    assert len(again.files) == 4
    assert again.hash == prepared[0].hash
    assert prepare(PrepareConfig(tmp_path / "out", videos, size=24)).hash != again.hash


def test_a_finished_folder_is_verified_and_left(videos, tmp_path, monkeypatch):
    done = builds(monkeypatch)
    first = prepare(PrepareConfig(tmp_path / "out", videos))
    assert prepare(PrepareConfig(tmp_path / "out", videos)) == first
    assert len(done) == 1


@pytest.mark.parametrize("damage", ["manifest.json", "clips-00000.parquet"])
def test_a_damaged_folder_is_built_again(videos, tmp_path, capsys, damage):
    first = prepare(PrepareConfig(tmp_path / "out", videos))
    path = tmp_path / "out" / "32px" / damage
    path.write_bytes(path.read_bytes()[:-9])
    assert prepare(PrepareConfig(tmp_path / "out", videos)) == first
    first.verify(tmp_path / "out" / "32px")
    assert damage in capsys.readouterr().err


def test_sizes_lie_side_by_side(videos, tmp_path):
    small, large = (prepare(PrepareConfig(tmp_path / "out", videos, size=size)) for size in (16, 48))
    assert visible(tmp_path / "out") == ["16px", "48px"]
    for manifest in (small, large):
        folder = folder_of(tmp_path / "out", manifest.size)
        manifest.verify(folder)
        frames = frames_of(pq.read_table(manifest.paths(folder))["frames"])
        assert {part.shape[1:] for part in frames} == {(manifest.size, manifest.size)}


def test_a_missing_video_is_named_and_found_later(videos, tmp_path, capsys):
    hidden = videos / f"{VICTIM}_uncomp.avi"
    hidden.rename(tmp_path / hidden.name)
    config = PrepareConfig(tmp_path / "out", videos)
    assert answer(main, config) == 0
    assert "22 clips of 11 of 12 videos; partial: 1 videos missing" in capsys.readouterr().err
    manifest = Manifest.read(tmp_path / "out" / "32px")
    assert manifest.partial
    assert manifest.missing == (VICTIM,)
    (tmp_path / hidden.name).rename(hidden)
    assert not prepare(PrepareConfig(config.out, videos)).partial


def test_a_corrupt_video_is_skipped_and_named(videos, tmp_path):
    path = videos / f"{VICTIM}_uncomp.avi"
    path.write_bytes(path.read_bytes()[:5000])
    manifest = prepare(PrepareConfig(tmp_path / "out", videos))
    assert manifest.partial
    assert [entry.name for entry in manifest.skipped] == [VICTIM]
    assert "it ends after 5000 of" in manifest.skipped[0].reason
    assert (manifest.details["num_videos"], manifest.num_clips) == (12, 22)


def test_an_annotation_past_the_end_is_clipped_and_named(videos, tmp_path):
    annotate(videos, f"{VICTIM}\t\tframes\t1-33, 34-66", f"{VICTIM}\t\tframes\t1-90, 60-99, 10-20")
    manifest = prepare(PrepareConfig(tmp_path / "out", videos))
    assert list(manifest.details["clipped"]) == [f"{VICTIM}-0"]
    assert [entry.name for entry in manifest.skipped] == [f"{VICTIM}-1"]
    assert manifest.details["short"] == [f"{VICTIM}-2"]
    assert pq.read_table(manifest.paths(tmp_path / "out" / "32px"))["last"][0].as_py() == 65


def test_what_is_cut_and_skipped_is_named_in_the_last_line(videos, tmp_path, capsys):
    annotate(videos, f"{VICTIM}\t\tframes\t1-33, 34-66", f"{VICTIM}\t\tframes\t1-90, 60-99")
    assert answer(main, PrepareConfig(tmp_path / "out", videos)) == 0
    said = capsys.readouterr().err
    assert f"{VICTIM}-1: annotated to frame 99 of a video of 66: fewer than 32 frames are left" in said
    assert said.endswith(f"1 ranges cut where their video ends: {VICTIM}-0\n")


def test_folders_and_names_of_any_kind_give_the_same_clips(prepared, videos, tmp_path):
    text = (videos / "00sequences.txt").read_text()
    (videos / "00sequences.txt").unlink()
    (videos / "docs").mkdir()
    (videos / "docs/00Sequences.TXT").write_text("video frames\n" + text.replace("frames", "").upper())
    for index, path in enumerate(sorted(videos.glob("*.avi"))):
        name = (path.name.upper(), path.name.replace("_uncomp.avi", ".AVI"), path.name)[index % 3]
        folder = videos / path.name.split("_")[1]
        folder.mkdir(exist_ok=True)
        path.rename(folder / name)
        if index == 0:
            shutil.copy(folder / name, videos / name)  # the same video twice is one
    assert prepare(PrepareConfig(tmp_path / "out", videos)).hash == prepared[0].hash


def test_a_video_that_was_encoded_again_is_not_taken_and_named(videos, tmp_path):
    (videos / f"{VICTIM}_uncomp.avi").rename(videos / f"{VICTIM}.mp4")
    manifest = prepare(PrepareConfig(tmp_path / "out", videos))
    assert manifest.partial and manifest.missing == () and [one.name for one in manifest.skipped] == [VICTIM]
    assert f"is there as {VICTIM}.mp4, encoded again: only KTH's own AVI files" in manifest.skipped[0].reason
    for path in videos.glob("*.avi"):
        path.unlink()
    with pytest.raises(DataError, match=f"is there: {VICTIM} is there as {VICTIM}.mp4, encoded again: only KTH's"):
        prepare(PrepareConfig(tmp_path / "other", videos))


def test_a_pointer_or_a_page_instead_of_a_video_is_named(videos, tmp_path):
    others = [f"person02_{action}_d1" for action in ("boxing", "walking")]
    for name, content in zip(others, (b"version https://git-lfs.github.com/spec/v1\n", b"<html>404"), strict=True):
        (videos / f"{name}_uncomp.avi").write_bytes(content)
    reasons = {entry.name: entry.reason for entry in prepare(PrepareConfig(tmp_path / "out", videos)).skipped}
    assert "is a Git LFS pointer" in reasons[others[0]] and "is a web page" in reasons[others[1]]


def test_two_annotations_that_differ_are_refused(videos, tmp_path):
    for name in ("a", "b"):
        (videos / name).mkdir()
        (videos / name / "00sequences.txt").write_text(f"{VICTIM} frames 1-40, 1-{len(name) + ord(name)}")
    assert prepare(PrepareConfig(tmp_path / "out", videos)).num_clips == 24  # that in the folder itself goes before
    (videos / "00sequences.txt").unlink()
    with pytest.raises(DataError, match="must be equal, or one of them must go"):
        prepare(PrepareConfig(tmp_path / "out", videos))


def test_no_video_at_all_is_an_error(videos, tmp_path):
    for path in videos.glob("*.avi"):
        path.unlink()
    with pytest.raises(DataError, match="none of the 12 videos .* is there"):
        prepare(PrepareConfig(tmp_path / "out", videos))
    assert visible(tmp_path / "out") == []


def test_only_corrupt_videos_are_an_error(videos, tmp_path):
    for path in videos.glob("*.avi"):
        path.write_bytes(b"RIFF")
    with pytest.raises(DataError, match="no video gives a clip: .*is not an AVI file"):
        prepare(PrepareConfig(tmp_path / "out", videos))
    assert visible(tmp_path / "out") == []


def test_a_full_disk_leaves_what_was_there(videos, tmp_path, monkeypatch):
    before = prepare(PrepareConfig(tmp_path / "out", videos))
    annotate(videos, "1-33", "1-32")

    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet.pq.ParquetWriter, "write_table", no_room)
    with pytest.raises(DataError, match="the disk is full; free some space"):
        prepare(PrepareConfig(tmp_path / "out", videos))
    assert visible(tmp_path / "out") == ["32px"]
    assert Manifest.read(tmp_path / "out" / "32px") == before
    before.verify(tmp_path / "out" / "32px")


def test_the_rest_of_a_killed_run_is_cleared_away(videos, tmp_path):
    rest = tmp_path / "out" / ".32px.tmp"
    rest.mkdir(parents=True)
    (rest / "clips-00000.parquet").write_bytes(b"half")
    prepare(PrepareConfig(tmp_path / "out", videos)).verify(tmp_path / "out" / "32px")
    assert visible(tmp_path / "out") == ["32px"]


def test_two_runs_at_once_build_once(videos, tmp_path, monkeypatch, capsys):
    done, manifests = builds(monkeypatch), []

    def run():
        manifests.append(prepare(PrepareConfig(tmp_path / "out", videos)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert manifests[0] == manifests[1]
    assert len(done) == 1
    assert "another process prepares" in capsys.readouterr().err


def test_rendered_and_real_videos_never_replace_each_other(videos, tmp_path):
    prepare(PrepareConfig(tmp_path / "out", videos))
    (videos / "demo.json").unlink()
    with pytest.raises(DataError, match="holds kth-demo, asked for is kth: choose another output folder"):
        prepare(PrepareConfig(tmp_path / "out", videos))
    with pytest.raises(DataError, match="holds kth-demo, asked for is kth"):
        prepare(PrepareConfig(tmp_path / "out", url="http://127.0.0.1:9/"))  # said before anything is downloaded
    assert not prepare(PrepareConfig(tmp_path / "other", videos)).demo


@pytest.mark.soak
def test_it_ends_while_others_hold_all_cpus(videos, tmp_path):
    @ray.remote(num_cpus=2)
    class Holder:
        def ready(self):
            return True

    holder = Holder.remote()
    assert ray.get(holder.ready.remote())
    assert prepare(PrepareConfig(tmp_path / "out", videos)).num_clips == 24
    ray.kill(holder)


def test_what_cannot_be_used_is_said_where_it_enters(videos, tmp_path):
    with pytest.raises(DataError, match="size must be 1 or more pixels, got 0"):
        prepare(PrepareConfig(tmp_path / "out", videos, size=0))
    with pytest.raises(DataError, match="videos must be a folder that exists, got .*nowhere"):
        prepare(PrepareConfig(tmp_path / "out", tmp_path / "nowhere"))
    (videos / "again").mkdir()
    (videos / "again" / f"{VICTIM}_uncomp.avi").write_bytes(b"")
    with pytest.raises(DataError, match="a video must be there once"):
        prepare(PrepareConfig(tmp_path / "out", videos))
    annotate(videos, "1-33", "1-x")
    (videos / "again" / f"{VICTIM}_uncomp.avi").unlink()
    with pytest.raises(DataError, match="line 1"):
        prepare(PrepareConfig(tmp_path / "out", videos))


def test_the_command_line_ends_with_one_line_and_2(tmp_path):
    script = Path(data.kth.__file__).with_name("prepare.py")
    arguments = ["--out", str(tmp_path / "out"), "--videos", str(tmp_path / "nowhere")]
    done = subprocess.run([sys.executable, script, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: videos must be a folder that exists, got {tmp_path / 'nowhere'}\n"


def test_real_videos_are_prepared_and_marked_partial(real_videos, tmp_path):
    manifest = prepare(PrepareConfig(tmp_path / "out", real_videos))
    found = {path.name.removesuffix("_uncomp.avi") for path in real_videos.glob("*_uncomp.avi")}
    annotated = read_annotation(real_videos / "00sequences.txt")
    assert (manifest.dataset, manifest.demo) == ("kth", False)
    assert set(manifest.missing) == {video.name for video in annotated if video.ranges} - found
    assert manifest.partial == bool(manifest.missing)
    assert manifest.skipped == () and manifest.details["clipped"] == {}
    assert manifest.num_clips == sum(video.name in found for video, _ in clips_of(annotated))
