"""The published file on disk as squares: by the command, once, never another in its place."""

import shutil

import pytest
import torch

from data.convection import made
from data.convection.prepare import PrepareConfig, folder_of, main, prepare
from data.errors import DataError, DownloadError, ManifestError
from data.manifest import Manifest
from data.registry import data_set
from data.terminal import answer
from fernn.config import data_config


def test_a_second_call_changes_nothing_and_damage_is_made_good(file, tmp_path):
    first = prepare(tmp_path / "out", files=file, size=4)
    path = folder_of(tmp_path / "out", 4) / "tiles.parquet"
    before = path.stat().st_mtime_ns
    assert prepare(tmp_path / "out", size=4) == first and path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ManifestError, match=r"tiles.parquet has \d+ bytes"):
        Manifest.read(path.parent).verify(path.parent)
    assert prepare(tmp_path / "out", files=file, size=4).hash == first.hash


def test_squares_that_stand_never_hide_another_file_or_axis(file, solved, tmp_path, capsys):
    torch.save(torch.from_numpy(solved[:2].copy()), file)
    first = prepare(tmp_path / "out", files=file, size=4, component_axis=1)
    assert prepare(tmp_path / "out", files=file, size=4) == first
    assert answer(main, PrepareConfig(tmp_path / "out", file, 4, component_axis=0)) == 2
    assert "was read with components along axis 1 of (2, 2, 16, 48), not 0" in capsys.readouterr().err
    with pytest.raises(DataError, match="was read with components along axis 1"):
        prepare(tmp_path / "out", size=4, component_axis=0)
    other = file.with_name("other.pt")
    torch.save(torch.from_numpy(2 * solved[:2]), other)
    for path, reason in (
        (other, "is not made of .*other.pt, which has other content"),
        (tmp_path / "gone", "not there"),
    ):
        with pytest.raises(DataError, match=reason):
            prepare(tmp_path / "out", files=path, size=4)
        with pytest.raises(DataError, match=reason):
            data_set("convection").require_same(folder_of(tmp_path / "out", 4), first, path)
    assert prepare(tmp_path / "out", files=shutil.copy(file, tmp_path / "copy.pt"), size=4) == first


def test_without_the_file_the_ways_out_are_named(tmp_path):
    with pytest.raises(DownloadError, match="rbc_data.pt is not downloaded .* --set data.name=made-convection"):
        prepare(tmp_path / "out")
    with pytest.raises(DataError, match="rbc_data.pt is not there: give rbc_data.pt, or the folder that has it"):
        prepare(tmp_path / "out", files=tmp_path)
    with pytest.raises(DataError, match="a demo has no published fields: leave data.name made-convection"):
        data_set("convection").prepare_demo(tmp_path, data_config("convection"))


def said(capsys):
    """What was said, whatever its line breaks."""
    return capsys.readouterr().err.replace("\n", "")


def test_the_command_says_what_there_is(file, tmp_path, capsys, monkeypatch):
    assert answer(main, PrepareConfig(tmp_path / "out", file, 4)) == 0
    assert "squares-4: convection, 3 squares, 36 frames" in said(capsys)
    assert answer(main, PrepareConfig(tmp_path / "other", tmp_path / "nothing.pt")) == 2
    assert "error: " in said(capsys)
    monkeypatch.setattr(made, "prepare", lambda out, data: prepare(tmp_path / "out", size=data.size))
    assert answer(main, PrepareConfig(tmp_path / "out", size=4)) == 0
    assert f"{made.folder_of(tmp_path / 'out', data_config('made-convection').override({'size': 4}))}:" in said(capsys)
    assert answer(main, PrepareConfig(tmp_path / "out", rayleigh=-1.0)) == 2
    assert "data.rayleigh must be above 0, got -1" in said(capsys)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0, "files": True}, "data.size must be 1 or more, got 0"),
        ({"size": -4, "files": True}, "data.size must be 1 or more, got -4"),
        ({"size": 0}, "data.size must be"),
        ({"rayleigh": 1e5, "files": True}, "--rayleigh is of fields solved for: leave it or --files out"),
        ({"num_fields": 5, "files": True}, "--num-fields is of fields solved for"),
        ({"reading": "uv"}, "--reading is of a file: give --files with it"),
    ],
)
def test_what_the_command_cannot_do_is_named(file, tmp_path, capsys, options, message):
    found = {"files": file} if options.pop("files", False) else {}
    assert answer(main, PrepareConfig(tmp_path / "out", **found, **options)) == 2
    assert f"error: {message}" in said(capsys) and not (tmp_path / "out").exists()
