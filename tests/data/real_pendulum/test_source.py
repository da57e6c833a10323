"""The filmed pendulum's file: read wherever it is, and nothing else is.

Four lines of the published file, as they are in it.
"""

import zipfile

import numpy as np
import pytest

from data.errors import DataError
from data.real_pendulum.source import ARCHIVE, NAME, read_motion

LINES = (
    "%o v\r\n"
    "  0.0000000000000000e+000  5.0000000000000000e+000  1.1383885512243586e+000  9.1977959058677250e-001 \r\n"
    "  0.0000000000000000e+000  5.1666666666666670e+000  1.2753554896511765e+000  7.1937977921297058e-001 \r\n"
)


def text(number=24):
    heading, first, second = LINES.splitlines(keepends=True)
    rows = [second.replace("5.1666666666666670", f"{6 + row / 6:.16f}") for row in range(number - 2)]
    return "".join([heading, first, second, *rows])


@pytest.mark.parametrize("where", ["file", "folder", "flat archive", "nested archive", "archive's folder"])
def test_the_file_is_read_wherever_it_is(where, tmp_path):
    path = tmp_path / NAME if where in ("file", "folder") else tmp_path / ARCHIVE
    if path.name == NAME:
        path.write_bytes(text().encode())
    else:
        inner = f"invar_datasets/{NAME}" if where == "nested archive" else NAME
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr(inner, text())
            zipped.writestr(f"__MACOSX/invar_datasets/._{NAME}", "x")
            zipped.writestr("invar_datasets/linear_h_1.txt", "%x v\r\n")
    motion = read_motion(tmp_path if "folder" in where else path)
    assert motion.moments.shape == (24, 3) and len(motion.sha256) == 64
    np.testing.assert_array_equal(motion.moments[0], [5.0, 1.1383885512243586, 0.9197795905867725])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text().replace("%o v", "% o1 o2 w1 w2"), "must begin with the line '%o v', as .* does, got '% o1 o2 w1 w2'"),
        (text().replace("1.2753554896511765e+000", ""), "must have rows of four numbers"),
        (text().replace("1.2753554896511765e+000", "nan"), "must have rows of four numbers"),
        (text(9), "must have at least 20 rows, got 9"),
        (text().replace("  0.0000000000000000e+000", "1", 1), "must have one trial whose times increase"),
        (text().replace("5.1666666666666670", "4.0"), "must have one trial whose times increase"),
        ("", "must be real_pend_h_1.txt or invar_datasets.zip"),
        ("<!DOCTYPE html><html>", "must be real_pend_h_1.txt or invar_datasets.zip"),
        ("é", "it is no text of numbers"),
    ],
)
def test_anything_else_is_refused_in_one_line(content, message, tmp_path):
    (tmp_path / NAME).write_text(content, encoding="utf-8", newline="")
    with pytest.raises(DataError, match=message) as raised:
        read_motion(tmp_path)
    assert "\n" not in str(raised.value)


def test_an_archive_without_it_and_places_that_are_empty_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / ARCHIVE, "w") as zipped:
        zipped.writestr("linear_h_1.txt", "%x v\r\n")
    with pytest.raises(DataError, match="must hold real_pend_h_1.txt once, it holds it 0 times"):
        read_motion(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has neither real_pend_h_1.txt nor invar_datasets.zip"):
        read_motion(tmp_path / "empty")
    with pytest.raises(DataError, match="is not there: give real_pend_h_1.txt"):
        read_motion(tmp_path / "none")
