"""The smallest search that trains for real: models of two channels on seven clips of noise."""

import numpy as np

from data.kth.stream import ClipStream, Footage
from data.stream import Corpus
from fernn.experiment import Experiment
from tune.core.cell_folder import LAST
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.study import Study

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
TINY = {
    "epochs": 2, "batch_size": 4, "data.size": 6, "data.num_frames": 4,
    "model.hidden_channels": 2, "model.embedding_channels": (2,), "model.base": 2,
}  # fmt: skip


def footage():
    """A range of 20 frames of each of seven persons, in all three splits."""
    persons = np.array([1, 2, 3, 4, 5, 17, 21])
    num_frames = np.full(len(persons), 20)
    frames = np.random.default_rng(0).integers(0, 256, (num_frames.sum(), 6, 6), dtype=np.uint8)
    ids = tuple(f"clip-{person}" for person in persons)
    offsets = np.cumsum(num_frames) - num_frames
    return Corpus(Footage(frames, ids, persons, persons % 6, offsets, num_frames, num_frames), ClipStream)


def study_in(folder, space=SPACE, **facts):
    """A study of the space; ``epochs`` and other fields of Study by name."""
    settings = TINY | {name: facts.pop(name) for name in list(facts) if name in TINY}
    return Study("s", Folder(str(folder)), space, plan_cells(Experiment(), space, "hash", settings), **facts)


def results(study):
    """All that a study's cells hold that does not depend on machine or moment."""
    folders = [study.cell_folder(cell) for cell in study.cells]
    return [(cell.folder.read(LAST), cell.predictions().to_pydict(), dict(cell.done().metrics)) for cell in folders]


class Listener:
    """Remembers what it hears."""

    def __init__(self):
        self.heard = []

    def on_epoch(self, cell, row):
        self.heard.append(("reported", cell.key, row["epoch"]))

    def on_status(self, cell, status):
        self.heard.append((status, cell.key))
