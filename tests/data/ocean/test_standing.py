"""A folder that stands never hides other files: what is asked for is what it is made of, or it is refused."""

import shutil

import pytest

from data.errors import DataError
from data.ocean.prepare import PrepareConfig, folder_of, main, prepare
from data.registry import data_set

REFUSAL = "give another folder (--out, --data of a search), or drop --files"


@pytest.fixture
def standing(sea, tmp_path):
    """A folder that was made of two files, which are there still."""
    sea.save(sea.dataset(days=[0, 1, 2]), "a_1.nc")
    sea.save(sea.dataset(days=[3, 4, 5]), "a_2.nc")
    prepare(tmp_path / "out", files=sea.folder, size=4)
    return tmp_path / "out"


def changed(sea):
    found = sea.dataset(days=[3, 4, 5])
    found["uo"].values[0, 0, 0] += 0.5
    sea.save(found, "a_2.nc")


CHANGES = [
    (changed, "a_2.nc has other content"), (lambda sea: (sea.folder / "a_2.nc").unlink(), "a_2.nc is not there"),
    (lambda sea: sea.save(sea.dataset(days=[6, 7]), "a_3.nc"), "a_3.nc is not part of it"),
    (lambda sea: shutil.rmtree(sea.folder), "it is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_other_files_are_refused_by_the_command_and_by_a_search(sea, standing, capsys, change, reason):
    manifest = prepare(standing, size=4)
    change(sea)
    capsys.readouterr()
    assert main(PrepareConfig(standing, sea.folder, 4)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert reason in said and (REFUSAL in said or not sea.folder.exists())
    with pytest.raises(DataError, match=reason):
        data_set("ocean").require_same(folder_of(standing, 4), manifest, sea.folder)
    assert prepare(standing, size=4) == manifest  # without files, what stands is asked for


def test_the_same_files_elsewhere_are_the_same(sea, standing, tmp_path, capsys):
    shutil.copytree(sea.folder, tmp_path / "copy")
    assert main(PrepareConfig(standing, tmp_path / "copy", 4)) == 0
    assert main(PrepareConfig(standing, tmp_path / "copy/a_1.nc", 4)) == 2
    assert "a_2.nc is not there" in capsys.readouterr().err


def test_a_manifest_without_files_says_that_it_cannot_tell(sea, standing, capsys):
    manifest = prepare(standing, size=4)
    del manifest.details["files"]
    data_set("ocean").require_same(folder_of(standing, 4), manifest, sea.folder)
    assert "does not say which files it is made of, these may be others: delete it" in capsys.readouterr().err
