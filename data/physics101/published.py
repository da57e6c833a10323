"""The clips that the published loader shows, in its order: ``data.protocol`` published.

Its data set ignores which clip it is asked for, and counts by itself. PyTorch's loader gives whole batches to its
workers in turn; each worker has a counter of its own, which begins at 0 with every pass. So with 6 workers, and two
clips a batch, only 52 of the 311 training clips are ever shown, six times a pass. A last batch that is not full is left
out. ``published.txt`` names the clips: 311 for training, then 78 for test, which serve for validation as well.
Source: dylandoblar/noether-networks @c7a65a2, video_prediction: data/phys101.py, README.md.
"""

from functools import cache
from pathlib import Path

from fernn.experiment import Split

CLIPS = Path(__file__).with_suffix(".txt")
NUM_TRAIN, NUM_TEST = 311, 78
BATCH = 2
WORKERS = {"train": 6, "validation": 6, "test": 4}
"""Of the published commands; validation is during training."""


@cache
def published_names() -> tuple[str, ...]:
    """The clips "object/setting/trial", for training and then for test."""
    return tuple(CLIPS.read_text(encoding="utf-8").split())


def shown(split: Split, batch_size: int = BATCH) -> list[str]:
    """What a pass shows, in order, as "object/setting/trial@worker": the worker's counter says which clip."""
    names = published_names()[:NUM_TRAIN] if split == "train" else published_names()[NUM_TRAIN:]
    passes: list[str] = []
    for number in range(len(names) // batch_size):
        turn, worker = divmod(number, WORKERS[split])
        passes += [f"{names[(turn * batch_size + i) % len(names)]}@{worker}" for i in range(batch_size)]
    return passes


def clip_of(shown: str) -> str:
    """The clip "object/setting/trial" of an entry of a pass."""
    return shown.partition("@")[0]
