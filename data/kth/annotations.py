"""KTH's annotation, ``00sequences.txt``: which frames of which video show the action.

A line names a video and its ranges, tabs and spaces between, blank lines anywhere:

    person01_boxing_d1      frames  1-95, 96-185, 186-245, 246-360
    person13_handclapping_d3        *missing*

Ranges are 1-based and inclusive in the file, and 0-based and inclusive in :class:`Range`. In the
published file some ranges overlap or stand out of order; both are taken as they are.

Copies that people have edited are read too: any encoding and line ends, names in any case or with a file's ending,
"frames" or not, other separators and dashes, "1 to 95", "1..95" or "[1-95]", a heading that names no video, and remarks
behind "#", "%" or "//".
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError, require
from data.files import instead_of_data
from fernn.config import KTHConfig

ACTIONS = KTHConfig.classes
"""The actions, each at the index that is its label."""

MIN_FRAMES = 32
"""A range is a clip if it has this many frames: 16 at step 2 span 31, and the published code asks for 32."""

ANNOTATION = "00sequences.txt"

NAME = re.compile(rf"person(?P<person>\d\d)_(?P<action>{'|'.join(ACTIONS)})_d(?P<scenario>\d)")
LIKE = re.compile(
    r"(?:[^\s,;]*[/\\])?person[_-]?(?P<person>\d{1,2})[_-](?P<action>hand[_-](?:wav|clapp)ing|[a-z]+)[_-]"
    r"d(?P<scenario>\d)(?:[_-]uncomp)?(?P<ending>\.\w+)?(?=[\s:,;=|]|$)",
    re.IGNORECASE | re.ASCII,
)
"""A name as people write it: any case, perhaps with a folder before it, "_uncomp" and a file's ending behind it."""
_MEANT = re.compile(r"person[\s_-]*\d|_d\d", re.IGNORECASE)
"""What a line has that is to name a video, and no heading has."""
_BETWEEN = re.compile(r"(?<=\d)\s*(?:-|\.\.+|to)\s*(?=\d)", re.IGNORECASE | re.ASCII)
"""What stands between the first and the last frame of a range."""
_RANGE = re.compile(r"\d+-\d+", re.ASCII)
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_PLAIN = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2212\xa0\"'[](){}", "------         ", "\ufeff")
"""Brackets, and dashes, spaces and quotes of other kinds, as which word processors and spreadsheets write them."""


@dataclass(frozen=True)
class Range:
    """Frames ``first`` to ``last`` of a video, 0-based, both included."""

    id: str
    first: int
    last: int

    @property
    def num_frames(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Video:
    """One line of the annotation; a video that was never recorded has no ranges."""

    name: str
    person: int
    action: str
    scenario: int
    ranges: tuple[Range, ...]

    @property
    def label(self) -> int:
        return ACTIONS.index(self.action)

    @property
    def file_name(self) -> str:
        return f"{self.name}_uncomp.avi"


def read_annotation(path: Path) -> tuple[Video, ...]:
    """The videos that the file at ``path`` names, in its order."""
    if reason := instead_of_data(path):
        raise DataError(f"{path} {reason}")
    return parse_annotation(_decoded(path), source=str(path))


def parse_annotation(text: str, *, source: str = ANNOTATION) -> tuple[Video, ...]:
    """The videos named in ``text``; raises :class:`DataError` naming line, text and rule."""
    videos: dict[str, Video] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.split("[#%]|//", line.translate(_PLAIN))[0].strip()
        if not words or words.startswith(";") or _is_remark(words, before_all=not videos):
            continue
        try:
            video = _parse_line(words)
            require(video.name not in videos, "a video must be named once")
        except ValueError as error:
            raise DataError(f"{source}, line {number}, {line.strip()!r}: {error}") from error
        videos[video.name] = video
    if not videos:
        raise DataError(f"{source}: the annotation names no video")
    return tuple(videos.values())


def plain_name(match: re.Match[str]) -> str:
    """The name of what :data:`LIKE` matched, as KTH writes it."""
    action = re.sub("[_-]", "", match["action"]).lower()
    return f"person{int(match['person']):02}_{action}_d{match['scenario']}"


def format_annotation(videos: Iterable[Video]) -> str:
    """The text that :func:`parse_annotation` reads back to ``videos``, in KTH's own format."""
    lines = []
    for video in videos:
        ranges = ", ".join(f"{part.first + 1}-{part.last + 1}" for part in video.ranges)
        lines.append(f"{video.name}\t\tframes\t{ranges}\r\n" if ranges else f"{video.name}\t*missing*\r\n")
    return "".join(lines)


def video_of(name: str, ranges: Iterable[tuple[int, int]] = ()) -> Video:
    """The video called ``name`` with 0-based inclusive ``ranges``, numbered as they come."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"a name must be personPP_ACTION_dD with ACTION one of {', '.join(ACTIONS)}, got {name!r}")
    person, scenario = int(match["person"]), int(match["scenario"])
    require(1 <= person <= 25, f"persons are 01 to 25, got {match['person']}")
    require(1 <= scenario <= 4, f"scenarios are d1 to d4, got d{scenario}")
    parts = tuple(Range(f"{name}-{index}", *pair) for index, pair in enumerate(ranges))
    return Video(name, person, match["action"], scenario, parts)


def _decoded(path: Path) -> str:
    """The file's text: in the encoding that its first bytes name, else UTF-8, else that of Windows or Latin-1."""
    content = path.read_bytes()
    named = [encoding for mark, encoding in _ENCODINGS.items() if content.startswith(mark)]
    for encoding in named or ("utf-8", "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DataError(f"{path}: the annotation must be plain text, it holds bytes of another kind")


def _is_remark(words: str, before_all: bool) -> bool:
    """Whether a line names no video and is not meant to: after the first video it then has no range either."""
    return not LIKE.match(words) and not _MEANT.search(words) and (before_all or not _BETWEEN.search(words))


def _parse_line(words: str) -> Video:
    match = LIKE.match(words)
    if match is None:
        require(not LIKE.search(words), "a line that names a video must begin with its name: put # before a remark")
        return video_of(words.split()[0])  # which raises, and says what a name must be
    name, rest = plain_name(match), words[match.end() :].strip(" \t:,;=|")
    if re.fullmatch(r"(frames?)?\W*missing\W*", rest.lstrip("*([ "), re.IGNORECASE):
        return video_of(name)
    require(rest != "", "a name must be followed by 'frames' and ranges, or by '*missing*'")
    ranges = re.sub(r"\bframes?\b", " ", rest, flags=re.IGNORECASE)
    parts = re.split(r"[\s,;:=|]+", _BETWEEN.sub("-", ranges).strip(" \t,;:=|."))
    return video_of(name, map(_parse_range, parts))


def _parse_range(text: str) -> tuple[int, int]:
    if _RANGE.fullmatch(text) is None:
        raise ValueError(f"a range must read FIRST-LAST, got {text!r}")
    first, last = map(int, text.split("-"))
    require(1 <= first <= last, f"a range must have 1 <= FIRST <= LAST, got {first}-{last}")
    return first - 1, last - 1
