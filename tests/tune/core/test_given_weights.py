"""Weights from files: imported cells by their weights, and checkpoints from which training starts."""

import pytest

from fernn.experiment import Experiment
from fernn.files.checkpoint import pack
from fernn.models import MODELS
from tune.core.folder import Folder
from tune.core.given_weights import (
    ImportedCell,
    experiments,
    imported_cells,
    imported_folder,
    initial_weights,
    named_weights,
    published_network,
    published_velocities,
    weights_digest,
)
from tune.core.result import Result
from tune.core.study import Cell, Study, StudyError

CELL = Cell(Experiment().override({"model": "grnn"}), "hash")


def test_an_imported_cell_is_known_by_its_weights_whatever_the_files_name():
    first, renamed = (ImportedCell(CELL, name, "a" * 64) for name in ("a.pth", "b.pth"))
    assert first.key == renamed.key != ImportedCell(CELL, "a.pth", "b" * 64).key != CELL.key
    assert first.name == f"grnn_{first.key}" and first.config()["imported"] == {"sha256": "a" * 64, "name": "a.pth"}


def test_only_imported_cells_with_a_result_count(tmp_path):
    study, imported = Study("s", Folder(str(tmp_path)), {}, ()), ImportedCell(CELL, "a.pth", "a" * 64)
    folder = imported_folder(study, imported)
    folder.plan(imported.config())
    assert imported_cells(study) == () and experiments(study) == []
    folder.folder.write_json("done.json", {**Result(key="k").facts(), "crc32": 0})
    with pytest.raises(ValueError, match="done.json: it is not as it was written"):
        imported_cells(study)


def test_velocities_stand_in_the_published_order():
    kth = Experiment().override({"model": "fernn-v1"}).model
    assert published_velocities(kth)[:4] == ((-1, -1), (0, -1), (1, -1), (-1, 0))
    assert published_velocities(Experiment().override({"model": "3dcnn"}).model) is None


def test_a_model_that_was_never_published_takes_no_weights():
    model = Experiment().override({"data.name": "ocean", "model": "unet"}).model
    with pytest.raises(StudyError, match="unet is no model of the published code"):
        published_network({}, model)


def test_the_digest_is_asked_of_checkpoints_alone(tmp_path):
    with pytest.raises(StudyError, match="cannot be read: No such file"):
        weights_digest(tmp_path / "none")
    (tmp_path / "w").write_bytes(b"no tensors" * 10)
    with pytest.raises(StudyError, match="give a cell's best/model.safetensors"):
        weights_digest(tmp_path / "w")
    (tmp_path / "w.safetensors").write_bytes(pack({}, {"epoch": 1}))
    assert len(weights_digest(tmp_path / "w.safetensors")) == 64


@pytest.mark.parametrize("digest", ["a" * 64, "../../x"])
def test_weights_that_the_study_lacks_are_named(tmp_path, digest):
    model = MODELS["moving-mnist"]["e3d-lstm"].override({"initial_weights": digest})
    assert named_weights(model) == digest
    with pytest.raises(StudyError, match="lacks the weights .*: give --weights"):
        initial_weights(Folder(str(tmp_path)), model)
    assert initial_weights(Folder(str(tmp_path)), CELL.experiment.model) is None
