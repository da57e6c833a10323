"""Folders of prepared data are made once, whole or not at all, and never stand for another data set."""

import pytest

from data.errors import DataError
from data.manifest import Manifest
from data.preparing.folders import (
    DEMO_MARK,
    alone_in,
    dataset_of,
    ready_in,
    ready_or_made,
    render_videos,
    versions_of,
    write_folder,
)

MANIFEST = Manifest(
    dataset="dots", demo=False, size=8, origin="here", source_sha256="0", clips={}, files=(), versions={}, hash="a"
)


def filled(folder):
    (folder / "clips").write_text("clips")
    return MANIFEST


def test_a_folder_is_made_once_and_checked_from_then_on(tmp_path):
    made, checked = [], []

    def make():
        made.append(1)
        return write_folder(tmp_path / "out", filled)

    for _ in range(2):
        assert ready_or_made(tmp_path / "out", "dots", make, checked.append) == MANIFEST
    assert (made, checked) == ([1], [MANIFEST]) and ready_in(tmp_path / "out") == MANIFEST
    with pytest.raises(DataError, match="holds dots, asked for is other: choose another output folder"):
        ready_or_made(tmp_path / "out", "other", make)


def test_a_damaged_folder_is_said_and_not_ready(tmp_path, capsys):
    write_folder(tmp_path / "out", filled)
    (tmp_path / "out/manifest.json").write_text("{")
    assert ready_in(tmp_path / "out", doing="fetching") is None and ready_in(tmp_path / "nowhere") is None
    assert f"fetching {tmp_path / 'out'} again: " in capsys.readouterr().err


def test_a_folder_that_is_not_filled_leaves_what_was_there(tmp_path):
    write_folder(tmp_path / "out", filled)

    def broken(folder):
        (folder / "clips").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", broken)
    assert (tmp_path / "out/clips").read_text() == "clips" and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_videos_are_rendered_once_for_their_facts(tmp_path):
    rendered = []

    def write(path, video):
        rendered.append(path.name)
        path.write_text(video)

    def render(facts, *names):
        with alone_in(tmp_path):
            render_videos(tmp_path, "**/*.avi", facts, {tmp_path / name: f"of {name}" for name in names}, write)

    render({"seed": 1}, "a.avi", "in/b.avi")
    render({"seed": 1}, "a.avi", "in/b.avi")
    assert rendered == [".a.avi.tmp", ".b.avi.tmp"] and (tmp_path / "in/b.avi").read_text() == "of in/b.avi"
    render({"seed": 2}, "a.avi")
    assert len(rendered) == 3 and not (tmp_path / "in/b.avi").exists()
    assert dataset_of("dots", tmp_path) == dataset_of("dots", tmp_path.parent) == "dots-demo"
    (tmp_path / DEMO_MARK).unlink()
    assert dataset_of("dots", tmp_path) == dataset_of("dots", None) == "dots"
    with pytest.raises(DataError, match="holds videos that are not rendered: choose another folder"):
        render({"seed": 2}, "a.avi")


def test_versions_name_python_and_the_libraries():
    assert set(versions_of(("numpy", "pyarrow"))) == {"python", "numpy", "pyarrow"}
