"""Files that somebody has tampered with: our own error or a right answer, nothing written elsewhere."""

import gzip
import io
import json
import struct
import zipfile
from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataError, ManifestError, VideoError
from data.kth.annotations import parse_annotation, read_annotation
from data.kth.decode import decode, encode
from data.kth.prepare import folder_of
from data.kth.source import extract
from data.manifest import MANIFEST, Manifest
from data.mnist.formats import LABELS, PICTURES, read_idx
from data.sources.arrays import read_arrays
from tests.support.mutations import JSON, bounded_memory, mutations, tried

NAMES = ["person01_boxing_d1_uncomp.avi", "person02_walking_d2_uncomp.avi", "00sequences.txt"]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "v.avi"
    encode(path, np.random.default_rng(0).integers(0, 256, (12, 120, 160), dtype=np.uint8))
    return path.read_bytes()


@pytest.fixture(scope="module")
def archives():
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", method) as zipped:
            for name in NAMES:
                zipped.writestr(name, f"content of {name}" * 5)
        found.append(sink.getvalue())
    return found


@pytest.fixture(scope="module")
def prepared_folder(prepared):
    return folder_of(prepared, 8)


def everything(folder):
    return {path for path in folder.rglob("*")}


def test_an_annotation_is_read_or_refused(tmp_path):
    text = b"person01_boxing_d1\t\tframes\t1-95, 96-185\r\nperson13_handclapping_d3\t*missing*\r\n"

    @tried(1000)
    @given(mutations([text]))
    def check(content):
        (tmp_path / "a.txt").write_bytes(content)
        with suppress(DataError):
            assert all(
                part.first <= part.last for video in read_annotation(tmp_path / "a.txt") for part in video.ranges
            )

    check()
    with pytest.raises(DataError):
        parse_annotation(f"person01_boxing_d1 frames 1-{'9' * 5000}")


def test_a_manifest_is_read_or_refused(prepared_folder, tmp_path):
    whole = (prepared_folder / MANIFEST).read_bytes()

    def read(content):
        (tmp_path / MANIFEST).write_bytes(content)
        with suppress(ManifestError):
            found = Manifest.read(tmp_path)
            assert found.num_clips >= 0 and all(path.parent == tmp_path for path in found.paths(tmp_path))
            with suppress(ManifestError):
                found.verify(tmp_path)

    tried(1000)(given(mutations([whole]))(read))()
    names = list(json.loads(whole))

    @tried(1000)
    @given(st.sampled_from([*names, None]), JSON)
    def replaced(name, value):
        read(json.dumps(value if name is None else json.loads(whole) | {name: value}).encode())

    replaced()
    read(b"[" * 100_000)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "", "a/b", ".."])
def test_no_hash_in_a_manifest_leads_out_of_the_cache(prepared_folder, tmp_path, name):
    content = json.loads((prepared_folder / MANIFEST).read_bytes())
    (tmp_path / MANIFEST).write_text(json.dumps({**content, "hash": name}))
    with pytest.raises(ManifestError, match="hash must be letters and digits alone"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["../clips.parquet", "/etc/passwd", "a/b.parquet", "", "."])
def test_a_manifest_names_files_of_its_own_folder_alone(prepared_folder, tmp_path, name):
    content = json.loads((prepared_folder / MANIFEST).read_bytes())
    content["files"][0]["name"] = name
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(ManifestError, match="a file's name must be plain"):
        Manifest.read(tmp_path)


def test_an_archive_is_extracted_or_refused_and_nothing_leaves_the_folder(archives, tmp_path):
    archive, folder = tmp_path / "a.zip", tmp_path / "home/out"
    folder.mkdir(parents=True)

    @tried(1000)
    @given(mutations(archives))
    def check(content):
        archive.write_bytes(content)
        with suppress(DataError):
            extract(archive, folder)
        assert everything(tmp_path) - everything(folder) == {archive, folder, folder.parent}
        assert {path.name for path in folder.iterdir()} <= {*NAMES[:2], ".lock"} | {
            path.name for path in folder.iterdir() if path.name.endswith("_uncomp.avi")
        }

    with bounded_memory():
        check()


@tried(200)
@given(
    name=st.text(max_size=20)
    | st.sampled_from(["../" + NAMES[0], "/tmp/" + NAMES[0], "c:\\" + NAMES[0], "x/../../" + NAMES[0]])
)
def test_no_name_of_a_member_leads_outside(tmp_path_factory, name):
    home = tmp_path_factory.mktemp("zip")
    (home / "out").mkdir()
    with suppress(ValueError, UnicodeEncodeError):  # names that zipfile itself does not write
        with zipfile.ZipFile(home / "a.zip", "w") as zipped:
            zipped.writestr(zipfile.ZipInfo(name or "x"), b"content")
        with suppress(DataError):
            extract(home / "a.zip", home / "out")
    assert {path.name for path in home.iterdir()} <= {"a.zip", "out"}


def test_bombs_are_refused_before_they_go_off(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(NAMES[0], b"\0" * (65 * 2**20))
    with bounded_memory(), pytest.raises(DataError, match="at most"):
        extract(tmp_path / "a.zip", folder)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "b.zip", "w") as zipped:
        for _ in range(3):
            zipped.writestr(NAMES[0], b"content")
    with pytest.raises(DataError, match="a video must be in it once"):
        extract(tmp_path / "b.zip", folder)
    (tmp_path / "labels.gz").write_bytes(gzip.compress(b"\0" * 2**28, 1))
    with bounded_memory(), pytest.raises(DataError, match="more than"):
        read_idx(tmp_path / "labels.gz", LABELS)
    assert everything(folder) <= {folder / ".lock"}


def test_a_video_is_decoded_or_refused(video, tmp_path):
    @tried(300)
    @given(mutations([video]))
    def check(content):
        (tmp_path / "v.avi").write_bytes(content)
        with suppress(VideoError):
            frames = decode(tmp_path / "v.avi", 8)
            assert frames.shape[1:] == (8, 8) and frames.dtype == np.uint8

    with bounded_memory():
        check()


def test_a_video_of_giant_pictures_is_refused(tmp_path):
    with av.open(str(tmp_path / "v.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 4096, 2048, "yuv420p"
        black = av.VideoFrame.from_ndarray(np.zeros((3072, 4096), np.uint8), format="yuv420p")
        container.mux([*stream.encode(black), *stream.encode()])
    with bounded_memory(), pytest.raises(VideoError, match="goes beyond 4194304 pixels a frame"):
        decode(tmp_path / "v.avi", 8)


def test_an_idx_file_is_read_or_refused(tmp_path):
    labels = struct.pack(">II", 0x801, 12) + bytes(range(12))
    pictures = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 784)

    @tried(1000)
    @given(mutations([labels, pictures, gzip.compress(labels), gzip.compress(pictures)]), st.booleans(), st.booleans())
    def check(content, packed, is_label):
        path = tmp_path / f"file{'.gz' if packed else ''}"
        path.write_bytes(content)
        with suppress(DataError):
            assert read_idx(path, LABELS if is_label else PICTURES).dtype == np.uint8

    with bounded_memory():
        check()


def test_a_numpy_file_is_read_or_refused(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    plain, packed = io.BytesIO(), io.BytesIO()
    np.save(plain, array)
    np.savez_compressed(packed, array)
    whole = [plain.getvalue(), packed.getvalue(), gzip.compress(plain.getvalue())]

    @tried(1000)
    @given(mutations(whole))
    def check(content):
        (tmp_path / "file.npy").write_bytes(content)
        with suppress(DataError):
            assert all(found.dtype != object for found in read_arrays(tmp_path / "file.npy").values())

    with bounded_memory():
        check()
