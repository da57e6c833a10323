"""Prepared data in a bucket, which every machine copies once, into a cache by the hash of its clips.

A bucket has the same layout as a folder of prepared data: ``s3://bucket/kth/32px`` holds Parquet files and a manifest.
"""

import os
from contextlib import suppress
from pathlib import Path

from pyarrow import fs

from data.errors import DataError, ManifestError
from data.files import atomic_folder, locked, room_in
from data.manifest import MANIFEST, Manifest
from data.preparing.folders import ready_in
from data.terminal import progress, say

SCHEMES = ("s3", "gs", "abfs")
"""Object stores that pyarrow opens, and in which an object is written whole or not at all."""


def is_bucket(address: str) -> bool:
    """Whether the address of data is that of a bucket; raises DataError for a URL of another kind."""
    scheme, separator, _ = address.partition("://")
    if separator and scheme not in SCHEMES:
        schemes = ", ".join(f"{name}://" for name in SCHEMES)
        raise DataError(f"data must be in a folder or at a URL that begins with {schemes}, got {address!r}")
    return bool(separator)


def at_hand(url: str) -> Path:
    """The prepared folder at an address, from a bucket copied into this machine's cache unless it has these clips.

    Raises DataError where a bucket has none, and where a file is not what the manifest says.
    """
    if not is_bucket(url):
        return Path(url)
    manifest = manifest_at(url)
    if manifest is None:
        raise DataError(
            f"{url} has no {MANIFEST}: bring the data there with python data/upload.py --folder DIR --to URL"
        )
    cache, name = cache_folder() / manifest.hash, url.rstrip("/").rpartition("/")[2]
    if name in (".", ".."):
        raise DataError(f"data must be at a URL that ends with the name of its folder, got {url!r}")
    home = cache / name
    with room_in(cache), locked(cache / ".lock", lambda: say(f"another process fetches {url}, waiting for it")):
        if ready_in(home, doing="fetching") is None:
            _fetch(url, manifest, home)
    return home


def upload(folder: Path, to: str) -> str:
    """Copy a prepared folder below the URL ``to``, its manifest last; the URL that it has there.

    Raises DataError where the folder is not whole, and where other clips are there already.
    """
    if not is_bucket(to):
        raise DataError(f"--to must be the URL of a bucket, as in s3://bucket/kth, got {to!r}")
    manifest, url = Manifest.read(folder).verify(folder), f"{to.rstrip('/')}/{folder.resolve().name}"
    there = manifest_at(url)
    if there is not None and there.hash != manifest.hash:
        raise DataError(f"{url} holds other clips (hash {there.hash}, these have {manifest.hash}): choose another URL")
    if there is None:
        remote, path = fs.FileSystem.from_uri(url)
        names = [*(file.name for file in manifest.files), MANIFEST]
        with progress(f"uploading to {url}", len(names), "files") as advance:
            for name in names:
                fs.copy_files(str(folder / name), f"{path}/{name}", fs.LocalFileSystem(), remote)
                advance(1)
    return url


def manifest_at(url: str) -> Manifest | None:
    """The manifest of a prepared folder in a bucket, None where there is none."""
    try:
        remote, path = fs.FileSystem.from_uri(url)
        with remote.open_input_stream(f"{path}/{MANIFEST}") as stream:
            return Manifest.parse(stream.read(), f"{url}/{MANIFEST}")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{url} cannot be read: {error}") from error


def cache_folder() -> Path:
    """Where fetched data is kept: ``fernn-search`` in XDG_CACHE_HOME, else in ~/.cache; raises DataError."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(given) if given else Path.home() / ".cache") / "fernn-search"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        way_out = "which cannot be made: set XDG_CACHE_HOME to a folder that can be written"
        raise DataError(f"data in a bucket is copied to {given or '~/.cache'}, {way_out}") from error
    return folder


def _fetch(url: str, manifest: Manifest, home: Path) -> None:
    remote, path = fs.FileSystem.from_uri(url)
    with atomic_folder(home) as temporary, progress(f"fetching {url}", len(manifest.files), "files") as advance:
        for file in manifest.files:
            with suppress(FileNotFoundError):  # the check below names it
                fs.copy_files(f"{path}/{file.name}", str(temporary / file.name), remote, fs.LocalFileSystem())
            advance(1)
        try:
            manifest.verify(temporary)
        except ManifestError as error:
            problems = str(error).partition(": ")[2]
            raise DataError(f"{url} is damaged, upload it to another URL: {problems}") from error
        manifest.write(temporary)
