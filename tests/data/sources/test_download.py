import hashlib
import json
import resource
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data.errors import DataError, DownloadError
from data.files import room_in
from data.sources import download as module
from data.sources.download import download

CONTENT = bytes(range(256)) * 4000


class Server:
    """A local server of one file whose manners a test may spoil; it notes what it is asked."""

    def __init__(self):
        self.content, self.tag = CONTENT, '"one"'
        self.ranges, self.lengths, self.cut_after, self.status = True, True, None, None
        self.asked = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/file.zip"

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.status:
            request.send_error(self.status)
            return
        begin = self.begin(asked, request.headers.get("If-Range"))
        if begin >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        self.send(request, begin)

    def begin(self, asked, version):
        if not asked or not self.ranges or version not in (None, self.tag):
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def send(self, request, begin):
        body = self.content[begin:]
        request.send_response(206 if begin else 200)
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        if self.lengths:
            request.send_header("Content-Length", str(len(body)))
        request.send_header("ETag", self.tag)
        request.end_headers()
        request.wfile.write(body[: self.cut_after])

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        return Handler


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    server = Server()
    yield server
    server.close()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_and_recorded(server, tmp_path):
    path = download(server.url, tmp_path / "file.zip")
    assert path.read_bytes() == CONTENT
    record = json.loads((tmp_path / "file.zip.json").read_text())
    assert record == {
        "url": server.url,
        "num_bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    assert names(tmp_path) == ["file.zip", "file.zip.json"]


def test_a_file_that_is_there_is_verified_and_not_fetched_again(server, tmp_path):
    path = download(server.url, tmp_path / "file.zip")
    download(server.url, path)
    assert len(server.asked) == 1
    path.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(DownloadError, match="file.zip is not the file that was downloaded .*: delete "):
        download(server.url, path)


def test_a_file_put_there_by_hand_is_taken_and_verified_from_then_on(server, tmp_path):
    path = tmp_path / "file.zip"
    path.write_bytes(b"mine")
    assert download(server.url, path).read_bytes() == b"mine"
    assert server.asked == []
    path.write_bytes(b"other")
    with pytest.raises(DownloadError, match="SHA-256 differs"):
        download(server.url, path)


def test_a_connection_that_breaks_is_resumed_where_it_broke(server, tmp_path):
    server.cut_after = 400_000
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=400000-", "bytes=800000-"]


def test_a_download_given_up_is_resumed_by_the_next_run(server, tmp_path):
    server.cut_after = 400_000
    download_part(server, tmp_path)
    server.cut_after, server.asked = None, []
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT
    assert server.asked == ["bytes=400000-"]


def download_part(server, folder):
    """Leave behind what a killed run leaves: the first bytes, and which version they belong to."""
    (folder / "file.zip.part").write_bytes(CONTENT[: server.cut_after])
    (folder / "file.zip.part.json").write_text(json.dumps({"version": server.tag}))


def test_a_server_without_ranges_is_asked_for_all_of_it(server, tmp_path):
    download_part(server, tmp_path)
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT


def test_parts_of_two_versions_are_never_joined(server, tmp_path):
    server.cut_after = 1000
    download_part(server, tmp_path)
    server.cut_after, server.content, server.tag = None, CONTENT[::-1], '"two"'
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT[::-1]


def test_a_part_that_is_whole_already_is_finished(server, tmp_path):
    server.cut_after = None
    download_part(server, tmp_path)
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_fetched_anew(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT + b"more")
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_body_without_length_is_taken_to_its_end(server, tmp_path):
    server.lengths = False
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_server_that_never_sends_all_of_it_is_given_up(server, tmp_path):
    server.ranges, server.cut_after = False, 1000
    with pytest.raises(DownloadError, match=f"breaks off after 1000 of {len(CONTENT)} bytes; do this"):
        download(server.url, tmp_path / "file.zip", way_out="do this")
    assert not (tmp_path / "file.zip").exists()


def test_a_file_that_the_server_does_not_have(server, tmp_path):
    server.status = 404
    with pytest.raises(DownloadError, match=r"file.zip cannot be downloaded: the server answers 404 .*; do this"):
        download(server.url, tmp_path / "file.zip", way_out="do this")
    assert len(server.asked) == 1  # asking again is useless


def test_a_server_in_trouble_is_asked_again(server, tmp_path):
    server.status = 503
    with pytest.raises(DownloadError, match="answers 503"):
        download(server.url, tmp_path / "file.zip")
    assert len(server.asked) == module.ATTEMPTS


def test_a_host_that_cannot_be_reached(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DownloadError, match="the connection fails .*refused.*; do this"):
        download(f"http://127.0.0.1:{port}/x", tmp_path / "x", way_out="do this")


def test_only_http_is_spoken(tmp_path):
    with pytest.raises(DownloadError, match="must start with http:// or https://, got file:///etc/passwd"):
        download("file:///etc/passwd", tmp_path / "x")


def test_two_downloads_at_once_fetch_once(server, tmp_path):
    path = tmp_path / "file.zip"
    threads = [threading.Thread(target=download, args=(server.url, path)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_full_disk_is_named_and_the_part_is_kept(server, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(DataError, match="cannot write in .*: "), room_in(tmp_path):
            download(server.url, tmp_path / "file.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "file.zip").exists()
    assert download(server.url, tmp_path / "file.zip").read_bytes() == CONTENT
