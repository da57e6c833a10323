import dataclasses
import json

import pytest

from data.errors import ManifestError
from data.files import sha256_of
from data.manifest import MANIFEST, DataFile, Manifest, Remark


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips-00000.parquet").write_bytes(b"not really parquet")
    return tmp_path


@pytest.fixture
def manifest(folder):
    path = folder / "clips-00000.parquet"
    return Manifest(
        dataset="kth",
        demo=False,
        size=32,
        origin="videos on disk",
        source_sha256="b",
        missing=("person01_boxing_d1",),
        skipped=(Remark("person02_boxing_d1", "damaged"),),
        clips={"paper": {"train": 5}},
        files=(DataFile(path.name, 5, path.stat().st_size, sha256_of(path)),),
        versions={"av": "1"},
        hash="d",
        details={"short": ["person03_boxing_d1-1"]},
    )


def test_a_manifest_is_read_back_as_it_was_written(folder, manifest):
    manifest.write(folder)
    assert Manifest.read(folder) == manifest
    manifest.verify(folder)
    assert json.loads((folder / MANIFEST).read_text())["partial"] is True


def test_a_flipped_byte_of_a_manifest_is_noticed(folder, manifest):
    manifest.write(folder)
    whole = (folder / MANIFEST).read_bytes()
    for place in range(len(whole)):
        content = whole[:place] + bytes([whole[place] ^ 1 << place % 7]) + whole[place + 1 :]
        (folder / MANIFEST).write_bytes(content)
        try:
            assert Manifest.read(folder) == manifest  # a flip in white space changes nothing
        except ManifestError as error:
            assert str(error).startswith(f"{folder / MANIFEST} is not a manifest") and "prepare it again" in str(error)


def test_a_manifest_of_an_earlier_version_has_no_checksum(folder, manifest):
    manifest.write(folder)
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del content["crc32"]
    (folder / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    assert Manifest.read(folder) == manifest


@pytest.mark.parametrize(
    ("missing", "skipped", "partial"),
    [((), (), False), (("x",), (), True), ((), (Remark("x", "y"),), True)],
)
def test_what_is_missing_or_skipped_makes_it_partial(manifest, missing, skipped, partial):
    assert dataclasses.replace(manifest, missing=missing, skipped=skipped).partial is partial


def test_num_clips_counts_the_rows_of_all_files(manifest):
    assert dataclasses.replace(manifest, files=manifest.files * 2).num_clips == 10


def test_a_changed_a_shorter_and_a_missing_file_are_named(folder, manifest):
    path = folder / "clips-00000.parquet"
    path.write_bytes(b"Not really parquet")
    with pytest.raises(ManifestError, match="SHA-256 of clips-00000.parquet has changed"):
        manifest.verify(folder)
    path.write_bytes(b"not")
    with pytest.raises(ManifestError, match="clips-00000.parquet has 3 bytes instead of 18"):
        manifest.verify(folder)
    path.unlink()
    with pytest.raises(ManifestError, match="is damaged, prepare it again: clips-00000.parquet is missing"):
        manifest.verify(folder)


def test_a_folder_without_a_manifest_is_not_finished(folder):
    with pytest.raises(ManifestError, match="has no manifest.json: its preparation did not finish"):
        Manifest.read(folder)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"format": 99}, "format must be 2, got 99"),
        ({"partial": False}, "partial must be True by what it lists, got False"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"files": [{"name": "x"}]}, "rows"),
    ],
)
def test_a_manifest_that_breaks_its_rules_is_refused(folder, manifest, change, rule):
    manifest.write(folder)
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ManifestError, match=f"is not a manifest of format 2: .*{rule}"):
        Manifest.read(folder)


def test_a_manifest_cut_short_is_refused(folder, manifest):
    manifest.write(folder)
    path = folder / MANIFEST
    path.write_text(path.read_text()[:100])
    with pytest.raises(ManifestError, match="is not a manifest"):
        Manifest.read(folder)
