"""A study of KTH that is measured: cells with initial weights, closed as trials close them; and rows by hand."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from data.kth.stream import ClipStream, Footage
from data.stream import Corpus
from fernn.experiment import Experiment
from fernn.train.run import Run
from tune.analysis.results import CellResult, ModelRow
from tune.core.cells import plan_cells
from tune.core.clips import SealedClips
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.study import Study
from tune.engine.trial import evaluated

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
TINY = {
    "epochs": 1, "batch_size": 4, "data.size": 8, "data.num_frames": 4, "data.velocity_range": 1,
    "model.hidden_channels": 2, "model.embedding_channels": (2,), "model.base": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def footage():
    persons = np.array([1, 17, *[21] * 30])
    num_frames = np.full(len(persons), 20)
    frames = np.random.default_rng(0).integers(0, 256, (num_frames.sum(), 8, 8), dtype=np.uint8)
    ids = tuple(f"clip-{index}" for index in range(len(persons)))
    labels = np.arange(len(persons)) % 6
    offsets = np.cumsum(num_frames) - num_frames
    return Corpus(Footage(frames, ids, persons, labels, offsets, num_frames, num_frames), ClipStream)


@pytest.fixture(scope="module")
def original(two_cpus, footage, tmp_path_factory):
    """Cells with initial weights, closed as trials close them; 3dcnn with the lower rate is not finished."""
    folder = tmp_path_factory.mktemp("original") / "s"
    made = Study("s", Folder(str(folder)), SPACE, plan_cells(Experiment(), SPACE, "hash", TINY), demo=True)
    save_study(made)
    for cell in made.cells[:6]:
        run, folder = Run.start(cell.experiment), made.cell_folder(cell)
        folder.begin(run)
        run.epoch = run.best_epoch = 1
        row = {"epoch": 1, "validation/accuracy": 0.5, "time/train_seconds": 1.0, "time/validation_seconds": 1.0}
        folder.record({**row, "time/recorded_at": 1.0, "best/epoch": 1, "best/accuracy": 0.5}, run)
        folder.load_best(run)
        clips = SealedClips(footage.stream(cell.experiment.data, 4), folder)
        folder.finish(*evaluated(cell, run, clips, folder.history()))
    return made


@pytest.fixture
def study(original, tmp_path):
    """A copy of the study that a test may change."""
    return replace(original, folder=Folder(str(shutil.copytree(original.folder.root, tmp_path / "s"))))


@pytest.fixture
def row():
    """Makes a row of a study's table with measured cells, one for each seed, from the contents of their files."""

    def made(kind, base, way, contents, tensors=None, **more):
        cells = plan_cells(base, {"seed": tuple(range(len(contents)))}, "hash")
        study = Study("s", Folder("nowhere"), {}, cells)
        results = [CellResult(cell, 10, 0.1, 0.1, {}) for cell in cells]
        choice = study.choice(cells[0])
        model = ModelRow("m", 10, choice, len(cells), len(cells), 0.1, 0.1, None, {choice: results}, {}, "m")
        return kind(model, cells, study, way, contents, tensors or {}, **more)

    return made
