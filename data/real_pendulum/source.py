"""Schmidt and Lipson's file of the pendulum: a heading with the names, then a row a moment: trial, time, o and v.

    %o v
      0.0000000000000000e+000  5.0000000000000000e+000  1.1383885512243586e+000  9.1977959058677250e-001

o is the angle and v the angular velocity. The file is in invar_datasets.zip, in a folder or not.
"""

import re
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np

from data.errors import DataError
from data.files import full_path, instead_of_data
from data.sources.archives import opened
from data.systems.dynamics import States

NAME, ARCHIVE = "real_pend_h_1.txt", "invar_datasets.zip"
HEADING = re.compile(r"%\s*o\s+v\s*")
PUBLISHED = "45d92988198b89a5933f5a53e67aa819d06937516f71a462ac09e1307d8b3411"
"""SHA-256 of the published file: 556 moments from 5 to 99.5 s."""
MOST_BYTES, LEAST_ROWS = 2**24, 20


@dataclass(frozen=True)
class Motion:
    """What a file holds: moments (n, 3) of time, angle and angular velocity; and its SHA-256."""

    moments: States
    sha256: str


def read_motion(files: Path | str) -> Motion:
    """The motion in the file or archive, or in the one of a folder; raises DataError for anything else."""
    path = _path(full_path(files))
    content = _member(path) if zipfile.is_zipfile(path) else _content(path)
    try:
        heading, *rows = content.decode("ascii").splitlines()
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path} must be {NAME} or {ARCHIVE}, it is no text of numbers") from error
    if not HEADING.fullmatch(heading):
        raise DataError(f"{path} must begin with the line '%o v', as {NAME} does, got {heading[:40]!r}")
    return Motion(_moments(path, rows), sha256(content).hexdigest())


def _path(path: Path) -> Path:
    if not path.is_dir():
        if not path.is_file():
            raise DataError(f"{path} is not there: give {NAME}, {ARCHIVE}, or the folder that has one of them")
        return path
    found = [path / name for name in (NAME, ARCHIVE) if (path / name).is_file()]
    if not found:
        raise DataError(f"{path} has neither {NAME} nor {ARCHIVE}: give the folder that has one of them")
    return found[0]


def _content(path: Path) -> bytes:
    if reason := instead_of_data(path):
        raise DataError(f"{path} must be {NAME} or {ARCHIVE}, it {reason}")
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path} must have at most {MOST_BYTES} bytes, as {NAME} does, got {path.stat().st_size}")
    return path.read_bytes()


def _member(archive: Path) -> bytes:
    """The text in the archive, without unpacking anything else."""
    with opened(archive) as zipped:
        members = [
            member
            for member in zipped.infolist()
            if PurePosixPath(member.filename).name == NAME and "__MACOSX" not in member.filename
        ]
        if len(members) != 1:
            raise DataError(f"{archive} must hold {NAME} once, it holds it {len(members)} times")
        if members[0].file_size > MOST_BYTES:
            raise DataError(f"{archive}: {NAME} must have at most {MOST_BYTES} bytes, got {members[0].file_size}")
        return zipped.read(members[0])


def _moments(path: Path, rows: list[str]) -> States:
    try:
        numbers = np.array([[float(number) for number in row.split()] for row in rows if row.strip()])
        if numbers.ndim != 2 or numbers.shape[1] != 4 or not np.isfinite(numbers).all():
            raise ValueError
    except ValueError:
        raise DataError(f"{path} must have rows of four numbers: trial, time, angle and angular velocity") from None
    trials, times = numbers[:, 0], numbers[:, 1]
    if len(numbers) < LEAST_ROWS:
        raise DataError(f"{path} must have at least {LEAST_ROWS} rows, got {len(numbers)}")
    if (trials != trials[0]).any() or (np.diff(times) <= 0).any():
        raise DataError(f"{path} must have one trial whose times increase, as {NAME} has")
    return numbers[:, 1:]
