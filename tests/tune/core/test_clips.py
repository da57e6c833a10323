"""A study's clips: the record of its data, and test clips that are sealed until a purpose is written down."""

import json

import pytest

from tests.support.stored_study import finish_cell, finished_study, planned_study
from tune.core.clips import COMPLETION, SealedClips, openings_text, recorded_data
from tune.core.folder import DamagedError, Folder

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}
VELOCITY = "velocity evaluation"
HITS = {("grnn", 1e-3, 0): (5, 4), ("grnn", 1e-3, 1): (6, 7)}


class Clips:
    """Clips that note which split was read."""

    def __init__(self):
        self.read = []

    def evaluation(self, split, velocities=None):
        self.read.append(split)
        return iter(())


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, HITS)


@pytest.fixture
def folder(study):
    return study.cell_folder(study.cells[0])


def test_test_clips_are_sealed_until_a_purpose_is_written_down(folder):
    sealed = SealedClips(clips := Clips(), folder)
    with pytest.raises(RuntimeError, match="give opened"):
        sealed.evaluation("test")
    assert list(sealed.evaluation("validation")) == [] and clips.read == ["validation"]
    sealed.opened(VELOCITY).evaluation("test")
    (opening,) = folder.openings()
    assert opening["purpose"] == VELOCITY and opening["weights"] == folder.best_sha256()


def test_the_report_says_who_read_them(study):
    for cell in study.cells:
        study.cell_folder(cell).log_opening(COMPLETION)
    (said,) = openings_text(study)
    assert said == "Test clips were read once for each of 2 trainings, when it was complete, and at no other time."
    first = study.cell_folder(study.cells[0])
    first.log_opening(COMPLETION)
    first.log_opening(VELOCITY)
    (said,) = openings_text(study)
    assert "besides: 1 times by velocity evaluation, 1 times by evaluating a cell again" in said
    first.log_opening("noise evaluation")  # a measure that core knows nothing of
    assert (
        "1 times by noise evaluation, 1 times by velocity evaluation, 1 times by evaluating" in openings_text(study)[0]
    )


def test_an_evaluation_of_an_old_cell_counts_without_its_completion(study):
    study.cell_folder(study.cells[0]).log_opening(COMPLETION)
    study.cell_folder(study.cells[1]).log_opening(VELOCITY)
    (said,) = openings_text(study)
    assert "for each of 1 trainings" in said and "1 times by velocity evaluation, 1 of 2 cells have no record" in said


def test_cells_without_a_record_are_counted(study):
    study.cell_folder(study.cells[1]).log_opening(COMPLETION)
    assert "1 of 2 cells have no record of it" in openings_text(study)[0]


def test_nothing_is_said_before_a_cell_is_finished(tmp_path):
    study = planned_study(tmp_path / "s", SPACE)
    assert openings_text(study) == []
    finish_cell(study, study.cells[0], (5, 5))
    assert openings_text(study) == ["How often test clips were read is not recorded."]


def test_a_changed_record_is_noticed(folder):
    folder.log_opening(COMPLETION)
    row = json.loads(folder.folder.read("openings.jsonl"))
    folder.folder.write("openings.jsonl", json.dumps(row | {"purpose": VELOCITY}).encode() + b"\n")
    with pytest.raises(DamagedError, match="openings.jsonl: line 1 is not as it was written"):
        folder.openings()


def test_damaged_data_facts_are_noticed(tmp_path):
    folder = Folder(str(tmp_path))
    assert recorded_data(folder) is None
    folder.write("data.json", b'{"hash": "x", "crc32": 1}')
    with pytest.raises(DamagedError, match="data.json: it is not as it was written"):
        recorded_data(folder)
