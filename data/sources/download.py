"""Download over HTTP that resumes where it broke off and remembers what it got.

While ``FILE`` is on its way there are ``FILE.part`` and ``FILE.part.json`` (the server's name for that
version of the file). A finished ``FILE`` has ``FILE.json`` beside it with address, length and SHA-256;
it is checked against them whenever it is used again.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from data.errors import DownloadError
from data.files import NO_ROOM, locked, sha256_of, write_atomically
from data.terminal import progress, say

TIMEOUT_S = 30.0
ATTEMPTS = 3
"""Attempts in a row that bring no new byte before a download is given up."""

WAIT_S = 1.0
CHUNK = 2**18
AGAIN = "run the same command again to go on where it stopped"


class Broken(NamedTuple):
    """Why a download has stopped, and whether asking again is useless."""

    reason: str
    final: bool = False


def download(url: str, path: Path, *, way_out: str = AGAIN) -> Path:
    """The file at ``url`` as ``path``: fetched, resumed, or verified if it is there already.

    Raises :class:`DownloadError`, which ends with ``way_out``, if the server cannot be reached, has no
    such file or keeps breaking off; and if the file on disk is not the one it was. A file that was put
    there by hand is taken as it is. Two processes may ask at once.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"an address must start with http:// or https://, got {url}")
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"another process downloads {path.name}, waiting for it"
    with locked(_beside(path, ".lock"), lambda: say(waiting)):
        if path.exists():
            _check(path)
        else:
            _fetch(url, path, way_out)
    return path


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _check(path: Path) -> None:
    record, again = _beside(path, ".json"), f"delete {path} and {path.name}.json and run the same command again"
    if not record.exists():
        _record(path, path, url=None)
        return
    try:
        expected = json.loads(record.read_text(encoding="utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{record} cannot be read: {again}") from error
    if sha256_of(path) != expected:
        raise DownloadError(f"{path} is not the file that was downloaded (SHA-256 differs): {again}")


def _fetch(url: str, path: Path, way_out: str) -> None:
    part, failures = _beside(path, ".part"), 0
    while (broken := _fetch_more(url, part, size := _size(part))) is not None:
        failures = 0 if _size(part) > size else failures + 1
        if broken.final or failures == ATTEMPTS:
            raise DownloadError(f"{url} cannot be downloaded: {broken.reason}; {way_out}")
        time.sleep(WAIT_S * failures)
    _record(path, part, url)
    os.replace(part, path)
    _beside(part, ".json").unlink(missing_ok=True)


def _record(path: Path, content: Path, url: str | None) -> None:
    record = {"url": url, "num_bytes": _size(content), "sha256": sha256_of(content)}
    write_atomically(_beside(path, ".json"), json.dumps(record, indent=2) + "\n")


def _fetch_more(url: str, part: Path, begin: int) -> Broken | None:
    """Bring ``part`` nearer to the whole file; None when it is whole, else why it is not."""
    headers, note = {"Range": f"bytes={begin}-"} if begin else {}, _beside(part, ".json")
    if begin and note.exists() and (version := json.loads(note.read_text(encoding="utf-8"))["version"]):
        headers["If-Range"] = version  # where it is another by now, the server sends all of it
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
            return _receive(response, part, begin)
    except urllib.error.HTTPError as error:
        return _refused(error, part, begin)
    except (OSError, http.client.HTTPException) as error:  # urllib's errors are among them
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        return Broken(f"the connection fails ({getattr(error, 'reason', None) or error!r})")


def _receive(response: http.client.HTTPResponse, part: Path, begin: int) -> Broken | None:
    if response.status == 200:
        begin = 0  # a first request, a server without ranges, or a file that has changed
        tag, date = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        version = tag if tag and not tag.startswith("W/") else date
        write_atomically(_beside(part, ".json"), json.dumps({"version": version}))
    elif not response.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
        part.unlink()
        return Broken("the server sends another range than was asked for")
    length = response.headers.get("Content-Length")
    total = begin + int(length) if length else None
    with part.open("ab") as file, progress(part.stem, total, "bytes", done=begin) as advance:
        file.truncate(begin)
        while chunk := response.read(CHUNK):
            file.write(chunk)
            advance(len(chunk))
    size = _size(part)
    return None if total in (None, size) else Broken(f"the server breaks off after {size} of {total} bytes")


def _refused(error: urllib.error.HTTPError, part: Path, begin: int) -> Broken | None:
    if error.code == 416 and begin:
        if error.headers.get("Content-Range") == f"bytes */{begin}":
            return None  # all of it was there already
        part.unlink()
        return Broken("the server has less of the file than was fetched before")
    return Broken(f"the server answers {error.code} {error.reason}", final=error.code < 500)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
