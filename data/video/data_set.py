"""Videos to be predicted: Moving MNIST, and windows of KTH."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

from data.data_set import by_split
from data.errors import DataError
from data.kth.data_set import KTH
from data.kth.stream import read_footage
from data.manifest import Manifest
from data.mnist import demo, prepare
from data.mnist.data_set import TRANSLATING
from data.stream import Corpus
from data.video import standard
from data.video.kth import WindowStream
from data.video.moving import MovingStream
from fernn.config import KTHVideoConfig, MovingConfig


def prepare_moving_demo(out: Path, data: MovingConfig) -> Manifest:
    """Rendered digits; raises DataError for the published protocol, whose test clips are of MNIST itself."""
    if data.protocol == "published":
        raise DataError("data.protocol published goes with MNIST itself: give --files DIR, or drop --protocol")
    return demo.prepare(out)


def _source_of(data: MovingConfig) -> ModuleType:
    """What prepares a config's data: MNIST's digits, with the standard test clips where the protocol has them."""
    return standard if data.protocol == "published" else prepare


MOVING = replace(
    TRANSLATING,
    config=MovingConfig(),
    prepare=lambda out, data, files: _source_of(data).prepare(out, files=files),
    prepare_demo=prepare_moving_demo,
    folder_of=lambda out, data: _source_of(data).folder_of(out),
    num_clips=lambda data, manifest, is_demo: by_split(data.num_clips),
    read=lambda folder, manifest: Corpus(standard.read_moving(folder, manifest), MovingStream),
    require_same=standard.require_same,
)
"""``num_clips`` is the most that the config allows: how many clips there are is known when they are read."""
KTH_VIDEO = replace(
    KTH,
    config=KTHVideoConfig(),
    num_clips=MOVING.num_clips,
    read=lambda folder, manifest: Corpus(read_footage(folder, manifest), WindowStream),
)
