"""KTH's annotation, ``00sequences.txt``: which frames of which video show the action.

A line names a video and its ranges, tabs and spaces between, blank lines anywhere:

    person01_boxing_d1      frames  1-95, 96-185, 186-245, 246-360
    person13_handclapping_d3        *missing*

Ranges are 1-based and inclusive in the file, and 0-based and inclusive in :class:`Range`. In the
published file some ranges overlap or stand out of order; both are taken as they are.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from data.errors import AnnotationError

ACTIONS = ("walking", "jogging", "running", "boxing", "handwaving", "handclapping")
"""The actions, each at the index that is its label."""

MIN_FRAMES = 32
"""A range is a clip if it has this many frames: 16 at step 2 span 31, and the published code asks for 32."""

ANNOTATION = "00sequences.txt"

NAME = re.compile(rf"person(?P<person>\d\d)_(?P<action>{'|'.join(ACTIONS)})_d(?P<scenario>\d)")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


@dataclass(frozen=True)
class Range:
    """Frames ``first`` to ``last`` of a video, 0-based, both included."""

    id: str
    first: int
    last: int

    @property
    def num_frames(self) -> int:
        return self.last - self.first + 1

    @property
    def is_clip(self) -> bool:
        return self.num_frames >= MIN_FRAMES


@dataclass(frozen=True)
class Video:
    """One line of the annotation; ``missing`` marks a video that was never recorded."""

    name: str
    person: int
    action: str
    scenario: int
    ranges: tuple[Range, ...] = ()
    missing: bool = False

    @property
    def label(self) -> int:
        return ACTIONS.index(self.action)

    @property
    def file_name(self) -> str:
        return f"{self.name}_uncomp.avi"


def read_annotation(path: Path) -> tuple[Video, ...]:
    """The videos that the file at ``path`` names, in its order."""
    try:
        text = path.read_bytes().decode("ascii")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: the annotation must be plain ASCII text, {error}") from error
    return parse_annotation(text, source=str(path))


def parse_annotation(text: str, *, source: str = ANNOTATION) -> tuple[Video, ...]:
    """The videos named in ``text``; raises :class:`AnnotationError` naming line, text and rule."""
    videos: dict[str, Video] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            video = _parse_line(line)
            _require(video.name not in videos, "a video must be named once")
        except ValueError as error:
            raise AnnotationError(f"{source}, line {number}, {line.strip()!r}: {error}") from error
        videos[video.name] = video
    if not videos:
        raise AnnotationError(f"{source}: the annotation names no video")
    return tuple(videos.values())


def format_annotation(videos: Iterable[Video]) -> str:
    """The text that :func:`parse_annotation` reads back to ``videos``, in KTH's own format."""
    return "".join(_format_line(video) for video in videos)


def clips_of(videos: Sequence[Video]) -> Iterator[tuple[Video, Range]]:
    """Every range that is long enough to be a clip, with its video."""
    return ((video, part) for video in videos for part in video.ranges if part.is_clip)


def video_of(name: str, ranges: Iterable[tuple[int, int]] = (), *, missing: bool = False) -> Video:
    """The video called ``name`` with 0-based inclusive ``ranges``, numbered as they come."""
    match = NAME.fullmatch(name)
    if match is None:
        _fail(f"a name must be personPP_ACTION_dD with ACTION one of {', '.join(ACTIONS)}, got {name!r}")
    person, scenario = int(match["person"]), int(match["scenario"])
    _require(1 <= person <= 25, f"persons are 01 to 25, got {match['person']}")
    _require(1 <= scenario <= 4, f"scenarios are d1 to d4, got d{scenario}")
    parts = tuple(Range(f"{name}-{index}", *pair) for index, pair in enumerate(ranges))
    return Video(name, person, match["action"], scenario, parts, missing)


def _parse_line(line: str) -> Video:
    name, *rest = line.split(maxsplit=1)
    words = rest[0].strip() if rest else ""
    if words == "*missing*":
        return video_of(name, missing=True)
    _require(words.startswith("frames"), "a name must be followed by 'frames' and ranges, or by '*missing*'")
    return video_of(name, map(_parse_range, words.removeprefix("frames").split(",")))


def _parse_range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        _fail(f"a range must read FIRST-LAST, got {text.strip()!r}")
    first, last = int(match[1]), int(match[2])
    _require(1 <= first <= last, f"a range must have 1 <= FIRST <= LAST, got {first}-{last}")
    return first - 1, last - 1


def _format_line(video: Video) -> str:
    ranges = ", ".join(f"{part.first + 1}-{part.last + 1}" for part in video.ranges)
    return f"{video.name}\t*missing*\r\n" if video.missing else f"{video.name}\t\tframes\t{ranges}\r\n"


def _require(condition: bool, rule: str) -> None:
    if not condition:
        _fail(rule)


def _fail(rule: str) -> NoReturn:
    raise ValueError(rule)
