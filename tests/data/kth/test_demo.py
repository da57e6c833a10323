import json

import cv2
import numpy as np
import pytest

from data.errors import DataError
from data.kth import demo
from data.kth.annotations import ACTIONS, read_annotation, video_of
from data.kth.decode import decode
from data.kth.demo import DemoConfig, frames_of, main, render
from data.kth.figures import body_of, phases
from data.terminal import answer
from fernn.seeding import generator


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_the_folder_looks_like_kths(rendered):
    videos = read_annotation(rendered / "00sequences.txt")
    assert len(videos) == 2 * len(ACTIONS)
    assert {path.name for path in rendered.glob("*.avi")} == {video.file_name for video in videos}
    for video in videos:
        assert [(part.first, part.last) for part in video.ranges] == [(0, 32), (33, 65)]
        assert len(decode(rendered / video.file_name, 8)) == 66
    assert (rendered / "00sequences.txt").read_bytes().startswith(b"person01_boxing_d1\t\tframes\t1-33, 34-66\r\n")
    assert json.loads((rendered / "demo.json").read_text())["dataset"] == "kth-demo"


def test_equal_arguments_give_equal_bytes(tmp_path):
    for name in ("one", "other"):
        render(DemoConfig(tmp_path / name, persons=1, ranges=1, frames=32))
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_more_persons_leave_the_first_as_they_were(rendered, tmp_path):
    render(DemoConfig(tmp_path, persons=1, ranges=2, frames=33))
    name = "person01_walking_d1_uncomp.avi"
    assert (tmp_path / name).read_bytes() == (rendered / name).read_bytes()


def test_persons_actions_scenarios_and_ranges_differ():
    names = ["person01_boxing_d1", "person02_boxing_d1", "person01_walking_d1"]
    names += [f"person01_boxing_d{scenario}" for scenario in (2, 3, 4)]
    firsts = [next(frames_of(video_of(name, [(0, 31)]))) for name in names]
    one, other = np.split(np.stack(list(frames_of(video_of(names[0], [(0, 31), (32, 63)])))), 2)
    for index, frame in enumerate(firsts):
        assert all((frame != later).any() for later in firsts[index + 1 :])
    assert (one != other).any()


def test_scenario_2_changes_the_scale():
    def height(frame, ground):
        rows = np.flatnonzero((cv2.absdiff(frame, ground) > 25).any(axis=1))
        return rows[-1] - rows[0]

    video = video_of("person03_boxing_d2", [(0, 39)])
    ground = demo.scene_of(3, 2).ground
    frames = list(frames_of(video))
    assert abs(height(frames[0], ground) - height(frames[-1], ground)) > 10


def test_a_finished_folder_is_left_and_other_arguments_replace_it(tmp_path, monkeypatch):
    render(DemoConfig(tmp_path, persons=2, ranges=1, frames=32))
    before = contents(tmp_path)
    monkeypatch.setattr(demo, "encode", lambda path, frames: pytest.fail("rendered again"))
    render(DemoConfig(tmp_path, persons=2, ranges=1, frames=32))
    assert contents(tmp_path) == before
    monkeypatch.undo()
    render(DemoConfig(tmp_path, persons=1, ranges=1, frames=32))
    assert len(list(tmp_path.glob("*.avi"))) == 6


def test_what_was_broken_off_is_marked_and_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "encode", lambda path, frames: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        render(DemoConfig(tmp_path, persons=1, ranges=1, frames=32))
    assert (tmp_path / "demo.json").exists()
    assert not (tmp_path / "00sequences.txt").exists()
    monkeypatch.undo()
    render(DemoConfig(tmp_path, persons=1, ranges=1, frames=32))
    assert len(read_annotation(tmp_path / "00sequences.txt")) == 6


def test_a_folder_of_real_videos_is_refused(tmp_path):
    (tmp_path / "person01_boxing_d1_uncomp.avi").write_bytes(b"real")
    with pytest.raises(DataError, match="holds videos that are not rendered"):
        render(DemoConfig(tmp_path, persons=1))
    assert (tmp_path / "person01_boxing_d1_uncomp.avi").read_bytes() == b"real"


def test_a_passing_figure_is_everywhere_equally_often_whatever_its_pace():
    def places(action):
        rng = generator("places")
        zoom = np.full(40, 68.0)
        return [demo._path(action, phases(action, body_of(1), 40, rng), zoom, 1, rng)[20] for _ in range(2000)]

    jogging, running = np.sort(places("jogging")), np.sort(places("running"))
    span = 160 + 0.6 * 68
    assert np.abs(jogging - running).max() < 0.06 * span  # two-sample distance; 5 standard errors of 2000 draws


@pytest.mark.parametrize("wrong", [{"persons": 26}, {"scenarios": 0}, {"ranges": 17}, {"frames": 31}])
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(DataError, match=f"{next(iter(wrong))} must be"):
        render(DemoConfig(tmp_path, **wrong))


def test_the_command_line_says_what_it_did_or_what_is_wrong(tmp_path, capsys):
    assert answer(main, DemoConfig(tmp_path, persons=1, ranges=1, frames=32)) == 0
    assert "6 rendered videos" in capsys.readouterr().err
    (tmp_path / "demo.json").unlink()
    assert answer(main, DemoConfig(tmp_path, persons=1, ranges=1, frames=32)) == 2
    assert capsys.readouterr().err.startswith("error: ")
