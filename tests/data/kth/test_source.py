import functools
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data.errors import ArchiveError, DownloadError
from data.files import sha256_of
from data.kth.annotations import ACTIONS
from data.kth.prepare import prepare
from data.manifest import Manifest
from data.sources import download

pytestmark = pytest.mark.usefixtures("two_cpus")


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


def test_archives_are_fetched_extracted_prepared_and_recorded(url, served, tmp_path, monkeypatch):
    manifest = prepare(tmp_path, url=url)
    assert (manifest.details["num_videos"], manifest.num_clips, manifest.partial) == (12, 24, False)
    assert manifest.origin == f"{url}/"
    assert manifest.details["archives"] == {f"{action}.zip": sha256_of(served / f"{action}.zip") for action in ACTIONS}
    monkeypatch.setattr("data.kth.source.download", lambda *_, **__: pytest.fail("asked the server again"))
    assert prepare(tmp_path, url=url) == manifest == Manifest.read(tmp_path / "32px")


def test_another_size_uses_what_was_downloaded(url, tmp_path, monkeypatch):
    prepare(tmp_path, url=url)
    monkeypatch.setattr("data.sources.download._fetch", lambda *_: pytest.fail("downloaded again"))
    assert prepare(tmp_path, url=url, size=16).num_clips == 24


def test_raw_files_may_lie_elsewhere(url, tmp_path):
    prepare(tmp_path / "out", url=url, raw=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "walking.zip.json").exists()
    assert not (tmp_path / "out" / "raw").exists()


def test_an_archive_changed_since_its_download_is_found_out(url, tmp_path):
    prepare(tmp_path, url=url)
    path = tmp_path / "raw" / "boxing.zip"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DownloadError, match="boxing.zip is not the file that was downloaded .*: delete"):
        prepare(tmp_path, url=url, size=16)


def test_an_archive_put_there_truncated_is_named_with_the_way_out(url, served, tmp_path):
    (tmp_path / "raw").mkdir()
    content = (served / "boxing.zip").read_bytes()
    (tmp_path / "raw" / "boxing.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(ArchiveError, match="boxing.zip is damaged .*: delete it and run the same command again"):
        prepare(tmp_path, url=url)
    assert not (tmp_path / "32px").exists()
    (tmp_path / "raw" / "boxing.zip").unlink()
    assert prepare(tmp_path, url=url).num_clips == 24


def test_the_annotation_is_fetched_for_videos_that_lack_it(url, videos, tmp_path):
    (videos / "00sequences.txt").unlink()
    assert prepare(tmp_path / "out", videos=videos, url=url).num_clips == 24


def test_a_server_that_cannot_be_reached_is_named_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "WAIT_S", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DownloadError, match="http://127.0.0.1:9/00sequences.txt cannot .* --videos DIR"):
        prepare(tmp_path, url="http://127.0.0.1:9")
