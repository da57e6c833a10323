import stat
import zipfile

import pytest

from data.errors import ArchiveError
from data.kth import source
from data.kth.source import extract

NAME = "person01_boxing_d1_uncomp.avi"


def make(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path


def extracted(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock") if folder.exists() else []


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "videos"


def test_videos_are_extracted_and_other_members_left(tmp_path, folder):
    content = {NAME: b"one", "boxing/person02_boxing_d4_uncomp.avi": b"two", "readme.txt": b"x", "sub/": b""}
    extract(make(tmp_path / "boxing.zip", content | {"person01_hopping_d1_uncomp.avi": b"y"}), folder)
    assert extracted(folder) == [NAME, "person02_boxing_d4_uncomp.avi"]
    assert (folder / NAME).read_bytes() == b"one"


def test_a_video_that_is_there_whole_stays_and_another_is_replaced(tmp_path, folder):
    path = make(tmp_path / "boxing.zip", {NAME: b"one"})
    extract(path, folder)
    before = (folder / NAME).stat()
    extract(path, folder)
    assert (folder / NAME).stat().st_ino == before.st_ino
    (folder / NAME).write_bytes(b"?ne")
    extract(path, folder)
    assert (folder / NAME).read_bytes() == b"one"


@pytest.mark.parametrize(
    "name", ["../" + NAME, "a/../../" + NAME, "/tmp/" + NAME, "..\\" + NAME, "C:/" + NAME, "/etc/passwd"]
)
def test_a_member_that_leaves_the_folder_is_refused(tmp_path, folder, name):
    path = make(tmp_path / "boxing.zip", {NAME: b"fine", name: b"evil"})
    with pytest.raises(ArchiveError, match="a member must stay inside the folder"):
        extract(path, folder)
    assert extracted(folder) == []


def test_a_link_is_refused(tmp_path, folder):
    link = zipfile.ZipInfo(NAME)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "boxing.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="a member must not be a link"):
        extract(tmp_path / "boxing.zip", folder)
    assert extracted(folder) == []


def test_a_huge_member_is_refused(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(source, "MAX_VIDEO_BYTES", 1000)
    path = make(tmp_path / "boxing.zip", {NAME: bytes(1001)})
    with pytest.raises(ArchiveError, match=f"at most 1000 bytes, got '{NAME}' of 1001"):
        extract(path, folder)


@pytest.mark.parametrize("keep", [0, 100, 3000, -30])
def test_a_truncated_archive_is_named_with_the_way_out(tmp_path, folder, keep):
    path = make(tmp_path / "boxing.zip", {NAME: b"".join(i.to_bytes(4) for i in range(5000))})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArchiveError, match=r"boxing.zip is damaged .*: delete it and run the same command again"):
        extract(path, folder)
    assert extracted(folder) == []


def test_a_damaged_member_leaves_nothing_half_written(tmp_path, folder):
    path = make(tmp_path / "boxing.zip", {NAME: b"".join(i.to_bytes(4) for i in range(5000))})
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="boxing.zip is damaged"):
        extract(path, folder)
    assert extracted(folder) == []
