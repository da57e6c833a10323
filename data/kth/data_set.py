"""KTH: clips of human actions."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.data_set import SPLITS, DataSet
from data.kth import demo
from data.kth.prepare import PrepareConfig, folder_of, prepare
from data.kth.schema import count_by_split
from data.kth.stream import ClipStream, random_part, read_footage
from data.manifest import Manifest
from data.stream import Corpus
from fernn.config import DataConfig, KTHConfig

NUM_CLIPS = {
    "paper": {"train": 1517, "validation": 380, "test": 473},
    "official": {"train": 754, "validation": 758, "test": 858},
}
"""Annotated ranges of at least 32 frames in KTH's 599 videos."""


def prepare_demo(out: Path, data: DataConfig) -> Manifest:
    """Rendered videos in KTH's own format, decoded and annotated as the real ones are."""
    videos = out / "videos"
    demo.render(demo.DemoConfig(videos))
    return prepare(PrepareConfig(out, videos, data.size))


def num_clips(data: KTHConfig, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """The clips of the config's split; a random one has the shares of all."""
    if manifest is not None:
        counts = manifest.clips
    elif is_demo:
        rendered = demo.DemoConfig(Path()).videos()
        counts = count_by_split(video.person for video in rendered for _ in video.ranges)
    else:
        counts = NUM_CLIPS
    if data.split != "random":
        return counts[data.split]
    whole = np.arange(sum(counts["paper"].values()))
    return {split: len(random_part(whole, data.split_seed, split)) for split in SPLITS}


KTH = DataSet(
    config=KTHConfig(),
    folder="kth",
    prepare=lambda out, data, files: prepare(PrepareConfig(out, files, data.size)),
    prepare_demo=prepare_demo,
    folder_of=lambda out, data: folder_of(out, data.size),
    num_clips=num_clips,
    read=lambda folder, manifest: Corpus(read_footage(folder, manifest), ClipStream),
    download="KTH's videos (1.15 GB)",
    has_sizes=True,
)
