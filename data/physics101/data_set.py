"""Physics 101: objects that slide down a ramp."""

from collections.abc import Mapping
from pathlib import Path

from data.data_set import SPLITS, DataSet
from data.errors import DataError
from data.manifest import Manifest
from data.physics101 import demo
from data.physics101.prepare import PUBLISHED_CLIPS, folder_of, long_enough, prepare
from data.physics101.published import shown
from data.physics101.schema import count_by_split
from data.physics101.stream import SlideStream, read_clips
from data.stream import Corpus
from fernn.config import RampConfig


def prepare_demo(out: Path, data: RampConfig) -> Manifest:
    """Rendered videos in the folder layout of Physics 101, decoded and cut as the real ones are.

    Raises DataError for the published protocol, whose clips are Physics 101's own.
    """
    if data.protocol == "published":
        raise DataError("data.protocol published goes with Physics 101 itself: give --files DIR, or --protocol default")
    demo.render(demo.DemoConfig(out / "videos"))
    return prepare(out, data, out / "videos")


def num_clips(data: RampConfig, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """The videos that are long enough; by the published protocol what its loader shows."""
    if data.protocol == "published":
        return {split: len(shown(split)) for split in SPLITS}
    if manifest is not None:
        return count_by_split(long_enough(manifest.details["lengths"], data.num_frames), data.split)
    return count_by_split(demo.DemoConfig(Path()).names(), data.split) if is_demo else PUBLISHED_CLIPS


PHYSICS101 = DataSet(
    config=RampConfig(),
    folder="physics101",
    prepare=prepare,
    prepare_demo=prepare_demo,
    folder_of=folder_of,
    num_clips=num_clips,
    read=lambda folder, manifest: Corpus(read_clips(folder, manifest), SlideStream),
    download="the archive of Physics 101",
    has_sizes=True,
)
