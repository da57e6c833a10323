"""The controlled pendulum: the environment itself, made from named seeds."""

from data.controlled_pendulum.prepare import folder_of, prepare
from data.controlled_pendulum.stream import EpisodeStream, read_episodes
from data.data_set import DataSet, by_split
from data.stream import Corpus
from fernn.config import ControlledPendulumConfig

CONTROLLED_PENDULUM = DataSet(
    config=ControlledPendulumConfig(),
    folder="controlled-pendulum",
    prepare=prepare,
    prepare_demo=lambda out, data: prepare(out, data, demo=True),
    folder_of=folder_of,
    num_clips=lambda data, manifest, is_demo: by_split(data.num_episodes),
    read=lambda folder, manifest: Corpus(read_episodes(folder, manifest), EpisodeStream),
    is_generated=True,
)
