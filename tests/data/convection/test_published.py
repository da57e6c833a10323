"""The published file: read without running code, the right way up, or refused by name."""

import os
import shutil
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given

from data.convection import made
from data.convection.prepare import PrepareConfig, folder_of, main, prepare
from data.convection.published import divergence, read_published
from data.errors import DataError, DownloadError, ManifestError
from data.fields.schema import read_tiles
from data.manifest import Manifest
from data.registry import DATASETS, read_corpus
from fernn.config import data_config
from tests.support.mutations import bounded_memory, mutations, tried


@pytest.fixture
def file(solved, tmp_path):
    """A file as the published one, of 12 frames of 16 x 48 pixels."""
    path = tmp_path / "files/rbc_data.pt"
    path.parent.mkdir()
    torch.save(torch.from_numpy(solved), path)
    return path


def test_the_file_becomes_squares_of_every_fourth_pixel(file, solved, tmp_path):
    manifest = prepare(tmp_path / "out", files=file.parent, size=4)
    tiles = read_tiles(folder_of(tmp_path / "out", 4), manifest)
    assert [tile.name for tile in tiles] == ["rbc/0/0", "rbc/0/1", "rbc/0/2"] and not manifest.demo
    assert np.array_equal(tiles[2].frames, solved[:, :, ::4, 32::4])
    assert manifest.details["shape"] == [12, 2, 16, 48] and manifest.details["stride"] == 4
    assert manifest.details["deviation"] == pytest.approx(solved[:, :, ::4, ::4].std())
    assert manifest.details["divergence"] < 0.15


@pytest.mark.parametrize("is_swapped", [False, True])
@pytest.mark.parametrize("is_upside_down", [False, True])
def test_whatever_the_order_of_components_and_rows_vectors_point_where_they_should(
    file, solved, is_swapped, is_upside_down
):
    stored = solved[:, ::-1] if is_swapped else solved
    stored = stored[:, :, ::-1] if is_upside_down else stored
    torch.save(torch.from_numpy(stored.copy()), file)
    fields, facts = read_published(file, 16)
    assert np.array_equal(fields, solved)
    assert facts["components_swapped"] == is_swapped and facts["rows_turned"] == is_upside_down
    assert divergence(fields.astype(np.float64)) == pytest.approx(facts["divergence"], rel=0.2)


def test_files_of_old_versions_and_other_floats_are_read(file, solved):
    torch.save(torch.from_numpy(solved).double(), file, _use_new_zipfile_serialization=False)
    assert np.array_equal(read_published(file, 8)[0], solved[:, :, ::2, ::2])


class Code:
    """What runs code when it is unpickled."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.mark.parametrize("is_new", [True, False])
def test_code_in_a_file_is_refused_and_never_run(file, tmp_path, is_new):
    torch.save({"data": Code(tmp_path / "ran")}, file, _use_new_zipfile_serialization=is_new)
    with pytest.raises(DataError, match="it needs pickled code, which is never run .posix.mkdir.; where that code is"):
        prepare(tmp_path / "out", files=file, size=4)
    assert not (tmp_path / "ran").exists() and not folder_of(tmp_path / "out", 4).exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], r"got \(1,\)"),
        (torch.zeros(4, 3, 16, 48), r"must have the shape \(frames, 2, rows, columns\), got \(4, 3, 16, 48\)"),
        (torch.zeros(2, 16, 48), r"got \(2, 16, 48\)"),
        (torch.zeros(0, 2, 16, 48), r"got \(0, 2, 16, 48\)"),
        (torch.zeros(4, 2, 16, 48, dtype=torch.int64), "must hold plain floating-point numbers, got torch.int64"),
        (torch.zeros(4, 2, 18, 48), "has 18 x 48 pixels: data.size must divide 18, got 4"),
        (torch.zeros(4, 2, 16, 8), "has 16 x 8 pixels"),
        (torch.randn(4, 2, 16, 48, generator=torch.manual_seed(0)), "must hold velocities of an incompressible flow"),
        (torch.zeros(4, 2, 16, 48), "must hold velocities of an incompressible flow"),
    ],
)
def test_what_is_no_velocity_field_is_named(file, content, message):
    torch.save(content, file)
    with pytest.raises(DataError, match=message):
        read_published(file, 4)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_small_file_that_claims_many_frames_is_refused(file, solved, is_new):
    one = torch.from_numpy(solved[:1].copy())
    torch.save(one.expand(3_000_000, -1, -1, -1), file, _use_new_zipfile_serialization=is_new)
    assert file.stat().st_size < 20_000
    with pytest.raises(DataError, match=r"must hold every number of its shape \(3000000, 2, 16, 48\), it is too small"):
        read_published(file, 4)  # which would ask for 18 GB without this check


def test_a_file_with_divergence_is_read_as_it_is_said_to_be(file, tmp_path):
    noise = torch.randn(4, 2, 16, 48, generator=torch.manual_seed(0))
    torch.save(noise, file)
    with pytest.raises(DataError, match=r"\(uv \d\.\d\d, uv-upside-down .*\); .*/prepare.py with --reading"):
        read_published(file, 16)
    manifest = prepare(tmp_path / "out", files=file, size=16, reading="vu-upside-down")
    tiles = read_tiles(folder_of(tmp_path / "out", 16), manifest)
    assert np.array_equal(tiles[0].frames, noise.flip(1, 2)[..., :16].numpy())
    assert manifest.details["divergence"] > 0.3 and manifest.details["components_swapped"]
    assert prepare(tmp_path / "out", size=16) == prepare(tmp_path / "out", size=16, reading="vu-upside-down")
    with pytest.raises(DataError, match="squares-16 was read in another way than vu: choose another output folder"):
        prepare(tmp_path / "out", files=file, size=16, reading="vu")
    torch.save(torch.zeros(4, 2, 16, 48), file)
    with pytest.raises(DataError, match="must hold velocities"):
        read_published(file, 16, "uv")


@pytest.mark.parametrize("broken", [(7,), (3, 4, 11), tuple(range(12))])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_named_by_its_frame(file, solved, broken, value):
    spoilt = solved.copy()
    spoilt[list(broken), 1, 5, 9] = value  # a pixel that is not among every fourth
    torch.save(torch.from_numpy(spoilt), file)
    said = f"NaN or infinity is in {len(broken)} of its 12 frames, first in frame {broken[0]} "
    with pytest.raises(DataError, match=said):
        read_published(file, 4)


def test_a_file_is_read_or_refused(file, solved):
    contents, fields = [], torch.from_numpy(solved[:3].copy())
    for is_new in (True, False):
        sink = BytesIO()
        torch.save(fields, sink, _use_new_zipfile_serialization=is_new)
        contents.append(sink.getvalue())

    @tried(200)
    @given(mutations(contents))
    def check(content):
        file.write_bytes(content)
        with suppress(DataError):
            fields, _ = read_published(file, 4)
            assert np.isfinite(fields).all()

    with bounded_memory():
        check()


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
    assert main(PrepareConfig(tmp_path / "out", file, 4, component_axis=0)) == 2
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
            DATASETS["convection"].require_same(folder_of(tmp_path / "out", 4), first, path)
    assert prepare(tmp_path / "out", files=shutil.copy(file, tmp_path / "copy.pt"), size=4) == first


def test_without_the_file_the_ways_out_are_named(tmp_path):
    with pytest.raises(DownloadError, match="rbc_data.pt is not downloaded .* --set data.name=made-convection"):
        prepare(tmp_path / "out")
    with pytest.raises(DataError, match="rbc_data.pt is not there: give rbc_data.pt, or the folder that has it"):
        prepare(tmp_path / "out", files=tmp_path)
    with pytest.raises(DataError, match="a demo has no published fields: leave data.name made-convection"):
        DATASETS["convection"].prepare_demo(tmp_path, data_config("convection"))


def said(capsys):
    """What was said, whatever its line breaks."""
    return capsys.readouterr().err.replace("\n", "")


def test_the_command_says_what_there_is(file, tmp_path, capsys, monkeypatch):
    assert main(PrepareConfig(tmp_path / "out", file, 4)) == 0
    assert "squares-4: convection, 3 squares, 36 frames" in said(capsys)
    assert main(PrepareConfig(tmp_path / "other", tmp_path / "nothing.pt")) == 2
    assert "error: " in said(capsys)
    monkeypatch.setattr(made, "prepare", lambda out, data: prepare(tmp_path / "out", size=data.size))
    assert main(PrepareConfig(tmp_path / "out", size=4)) == 0
    assert f"{made.folder_of(tmp_path / 'out', data_config('made-convection').override({'size': 4}))}:" in said(capsys)
    assert main(PrepareConfig(tmp_path / "out", rayleigh=-1.0)) == 2
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
    assert main(PrepareConfig(tmp_path / "out", **found, **options)) == 2
    assert f"error: {message}" in said(capsys) and not (tmp_path / "out").exists()


def test_windows_of_a_domain_test_are_counted_where_there_is_one():
    """Before there is data: as many as the config allows."""
    assert DATASETS["convection"].num_clips(data_config("convection"), None, False)["test"] == 2000
    assert DATASETS["ocean"].num_clips(data_config("ocean"), None, False)["test"] == 4000


def test_squares_are_streamed_standardised_by_the_training_frames_alone(two_cpus, file, solved, tmp_path):
    data = data_config("convection").override({"size": 4, "num_frames": 2, "input_frames": 1})
    manifest = prepare(tmp_path / "out", files=file, size=4)
    stream = read_corpus(data, folder_of(tmp_path / "out", 4), manifest).stream(data, 64)
    training = solved[:7, :, ::4, ::4].astype(np.float64)  # 60 % of 12 frames
    assert stream.moments == pytest.approx((training.mean(), training.std()))
    (batch,) = stream.evaluation("validation")
    assert batch.ids == [f"rbc/0/{square}@{start}" for start in (7, 8) for square in range(3)]
    expected = (solved[7:9, :, ::4, 16:32:4] - training.mean()) / training.std()
    np.testing.assert_allclose(batch.clips[1], expected, atol=1e-5)
    counts = DATASETS["convection"].num_clips(data, manifest, False)
    assert counts == {split: stream.num_clips(split) for split in counts} == {"train": 18, "validation": 6, "test": 3}
