"""The published annotation, and the ranges of an annotation that are clips.

It is 00sequences.txt of http://www.csc.kth.se/cvap/actions/, which the published code fetches: akandykeller/FERNN
@7def7bc, kth/train_kth_classification.py (26, 36, 69).
"""

from pathlib import Path

from data.kth.annotations import MIN_FRAMES

PUBLISHED = Path(__file__).parent / "00sequences.txt"
"""Byte for byte."""


def clips_of(videos):
    """Every range that is long enough to be a clip, with its video."""
    return ((video, part) for video in videos for part in video.ranges if part.num_frames >= MIN_FRAMES)
