import functools
import stat
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data.errors import DataError, DownloadError
from data.files import sha256_of
from data.kth.annotations import ACTIONS
from data.kth.prepare import PrepareConfig, prepare
from data.kth.source import extract
from data.manifest import Manifest
from data.sources import download

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
    with pytest.raises(DataError, match="a member must stay inside the folder"):
        extract(path, folder)
    assert extracted(folder) == []


def test_a_link_is_refused(tmp_path, folder):
    link = zipfile.ZipInfo(NAME)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "boxing.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="a member must not be a link"):
        extract(tmp_path / "boxing.zip", folder)
    assert extracted(folder) == []


def test_a_huge_member_is_refused(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("data.kth.source.MAX_VIDEO_BYTES", 1000)
    path = make(tmp_path / "boxing.zip", {NAME: bytes(1001)})
    with pytest.raises(DataError, match=f"at most 1000 bytes, got '{NAME}' of 1001"):
        extract(path, folder)


@pytest.mark.parametrize("keep", [0, 100, 3000, -30])
def test_a_truncated_archive_is_named_with_the_way_out(tmp_path, folder, keep):
    path = make(tmp_path / "boxing.zip", {NAME: b"".join(i.to_bytes(4) for i in range(5000))})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"boxing.zip is damaged .*: delete it and run the same command again"):
        extract(path, folder)
    assert extracted(folder) == []


def test_a_damaged_member_leaves_nothing_half_written(tmp_path, folder):
    path = make(tmp_path / "boxing.zip", {NAME: b"".join(i.to_bytes(4) for i in range(5000))})
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match="boxing.zip is damaged"):
        extract(path, folder)
    assert extracted(folder) == []


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served(rendered, tmp_path_factory):
    """A folder as on the official server: the annotation and six archives."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "00sequences.txt").write_bytes((rendered / "00sequences.txt").read_bytes())
    for action in ACTIONS:
        with zipfile.ZipFile(folder / f"{action}.zip", "w") as zipped:
            for path in rendered.glob(f"*_{action}_*.avi"):
                zipped.write(path, path.name)
    return folder


@pytest.fixture
def url(served, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "WAIT_S", 0.0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.usefixtures("two_cpus")
def test_archives_are_fetched_extracted_prepared_and_recorded(url, served, tmp_path, monkeypatch):
    manifest = prepare(PrepareConfig(tmp_path, url=url))
    assert (manifest.details["num_videos"], manifest.num_clips, manifest.partial) == (12, 24, False)
    assert manifest.origin == f"{url}/"
    assert manifest.details["archives"] == {f"{action}.zip": sha256_of(served / f"{action}.zip") for action in ACTIONS}
    monkeypatch.setattr("data.kth.source.download", lambda *_, **__: pytest.fail("asked the server again"))
    assert prepare(PrepareConfig(tmp_path, url=url)) == manifest == Manifest.read(tmp_path / "32px")


@pytest.mark.usefixtures("two_cpus")
def test_another_size_uses_what_was_downloaded(url, tmp_path, monkeypatch):
    prepare(PrepareConfig(tmp_path, url=url))
    monkeypatch.setattr("data.sources.download._fetch", lambda *_: pytest.fail("downloaded again"))
    assert prepare(PrepareConfig(tmp_path, url=url, size=16)).num_clips == 24


@pytest.mark.usefixtures("two_cpus")
def test_raw_files_may_lie_elsewhere(url, tmp_path):
    prepare(PrepareConfig(tmp_path / "out", url=url, raw=tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / "walking.zip.json").exists()
    assert not (tmp_path / "out" / "raw").exists()


@pytest.mark.usefixtures("two_cpus")
def test_an_archive_changed_since_its_download_is_found_out(url, tmp_path):
    prepare(PrepareConfig(tmp_path, url=url))
    path = tmp_path / "raw" / "boxing.zip"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DownloadError, match="boxing.zip is not the file that was downloaded .*: delete"):
        prepare(PrepareConfig(tmp_path, url=url, size=16))


@pytest.mark.usefixtures("two_cpus")
def test_an_archive_put_there_truncated_is_named_with_the_way_out(url, served, tmp_path):
    (tmp_path / "raw").mkdir()
    content = (served / "boxing.zip").read_bytes()
    (tmp_path / "raw" / "boxing.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="boxing.zip is damaged .*: delete it and run the same command again"):
        prepare(PrepareConfig(tmp_path, url=url))
    assert not (tmp_path / "32px").exists()
    (tmp_path / "raw" / "boxing.zip").unlink()
    assert prepare(PrepareConfig(tmp_path, url=url)).num_clips == 24


@pytest.mark.usefixtures("two_cpus")
def test_the_annotation_is_fetched_for_videos_that_lack_it(url, videos, tmp_path):
    (videos / "00sequences.txt").unlink()
    assert prepare(PrepareConfig(tmp_path / "out", videos, url=url)).num_clips == 24


def test_a_server_that_cannot_be_reached_is_named_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "WAIT_S", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DownloadError, match="http://127.0.0.1:9/00sequences.txt cannot .* --videos DIR"):
        prepare(PrepareConfig(tmp_path, url="http://127.0.0.1:9"))
