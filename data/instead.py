"""What people often have under a data file's name instead of it: nothing, a Git-LFS pointer, a web page."""

from pathlib import Path

LFS = b"version https://git-lfs"
PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")


def instead_of_data(path: Path) -> str:
    """What the file is instead of data, with the way out, as the end of a sentence; "" where it may be data."""
    with path.open("rb") as file:
        start = file.read(256)
    if not start:
        return "is empty: bring the file again"
    if start.startswith(LFS):
        return "is a Git-LFS pointer and not the file itself: run git lfs pull where it came from, or download the file"
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES):
        return "is a web page, which a server sent instead of the file: download the file again"
    return ""
