"""Frames decoded and resampled a second by ``prepare``: ``python tests/benchmarks/decode.py --videos DIR``.

The videos in DIR stand in for ``--num-videos`` of the annotation's, by links under their names, so that
Ray's start weighs as little as it does on the whole data set. Start, hashing and writing are included.
"""

import argparse
import json
import tempfile
import time
from itertools import cycle
from pathlib import Path

import pyarrow.parquet as pq
from hardware import describe, show

from data.kth.annotations import ANNOTATION, read_annotation
from data.kth.decode import decode
from data.kth.prepare import PrepareConfig, folder_of, prepare


def link(source, target, num_videos):
    """Links in ``target`` to the videos of ``source``, under the annotation's first names."""
    paths = cycle(sorted(source.glob("*_uncomp.avi")))
    videos = [video for video in read_annotation(source / ANNOTATION) if video.ranges][:num_videos]
    (target / ANNOTATION).symlink_to(source / ANNOTATION)
    for video, path in zip(videos, paths, strict=False):
        (target / video.file_name).symlink_to(path)
    return videos


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--num-videos", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    source = arguments.videos.resolve()
    lengths = {path: len(decode(path, 32)) for path in sorted(source.glob("*_uncomp.avi"))}
    with tempfile.TemporaryDirectory() as scratch:
        target, out = Path(scratch) / "videos", Path(scratch) / "out"
        target.mkdir()
        videos = link(source, target, arguments.num_videos)
        total = sum(lengths[(target / video.file_name).resolve()] for video in videos)
        begun = time.perf_counter()
        manifest = prepare(PrepareConfig(out, target))
        seconds = time.perf_counter() - begun
        rows = sum(pq.read_metadata(path).num_rows for path in manifest.paths(folder_of(out, 32)))
    found = [
        {
            "videos": len(videos),
            "frames": total,
            "clips": rows,
            "seconds": round(seconds, 1),
            "frames/s": round(total / seconds),
        }
    ]
    hardware = describe("av", "opencv-python-headless", "ray", "pyarrow")
    if arguments.json:
        print(json.dumps({"hardware": hardware, "rows": found}))
    else:
        show("Videos to 32x32 clips, whole prepare()", found, hardware)


if __name__ == "__main__":
    main()
