"""The published annotation, and the ranges of an annotation that are clips."""

from pathlib import Path

from data.kth.annotations import MIN_FRAMES

PUBLISHED = Path(__file__).parent / "00sequences.txt"
"""Byte for byte."""


def clips_of(videos):
    """Every range that is long enough to be a clip, with its video."""
    return ((video, part) for video in videos for part in video.ranges if part.num_frames >= MIN_FRAMES)
