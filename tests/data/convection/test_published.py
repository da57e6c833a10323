"""The published file: read without running code, the right way up, or refused by name.

Every fourth pixel, and seven squares beside each other, are Rose-STL-Lab/Equivariant-Net @e6f4c84, data_prep.py
(25-29).
"""

import os
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given

from data.convection.prepare import folder_of, prepare
from data.convection.published import divergence, read_published
from data.errors import DataError
from data.fields.schema import read_tiles
from tests.support.mutations import bounded_memory, mutations, tried


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
