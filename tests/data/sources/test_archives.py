"""Zip archives: what is none is called by its name."""

import pytest

from data.errors import DataError
from data.sources.archives import opened


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\nsize 7\n", "must be a zip archive, it is a Git LFS pointer"),
        (b"<html>", "must be a zip archive, it is a web page"),
        (b"", "is damaged .*: delete it and run the same command again"),
        (b"PK\x03\x04", "is damaged .*: delete it and run the same command again"),
    ],
)
def test_what_is_no_archive_is_named(content, message, tmp_path):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=f"a.zip {message}"), opened(tmp_path / "a.zip"):
        pass
