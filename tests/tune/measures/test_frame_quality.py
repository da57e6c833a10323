"""The options of the quality of predicted frames, and which files a report shows together."""

from pathlib import Path

import pytest

from fernn.models.noether.tailoring import InnerSteps
from tests.support.stored_study import planned_study
from tune.core.study import StudyError
from tune.measures.frame_quality import FrameQuality, Settings
from tune.measures.model_quality import USUAL

QUALITY = FrameQuality()


@pytest.fixture
def study(tmp_path):
    return planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1, 2)})


def test_options_have_a_name_by_those_that_are_given():
    assert Settings().way(None) == USUAL
    assert Settings(steps=3, inner_lr=1e-4, quantity="brightness").way(None) == "steps-3_lr-0.0001_quantity-brightness"


def test_inner_steps_are_those_of_training_but_for_the_options():
    own = InnerSteps(4, 1e-3, optimizer="adam")
    assert Settings().inner(own) == own
    assert Settings(steps=9, optimizer="sgd").inner(own) == InnerSteps(9, 1e-3, optimizer="sgd")
    assert Settings(steps=9).inner(InnerSteps(0)) == InnerSteps(0)


def test_other_predictors_choose_among_rates_unless_one_is_given():
    assert len(Settings().tailoring().rates) == 3 and Settings(inner_lr=0.5).tailoring().rates == (0.5,)
    assert (Settings().tailoring().num_clips, Settings(steps=0).tailoring().num_clips) == (64, None)
    assert Settings(steps=0, clips=5).tailoring().num_clips == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(steps=-1), "--steps must be 1 or more .*, got -1"),
        (Settings(inner_lr=0.0), "--inner-lr must be above 0, got 0"),
        (Settings(clips=0), "--clips must be 1 or more, got 0"),
    ],
)
def test_options_out_of_range_are_refused(settings, message, study):
    with pytest.raises(StudyError, match=message):
        QUALITY.check(study, settings)


def test_weights_that_are_not_there_are_refused_before_a_cell_is_read(study):
    with pytest.raises(StudyError, match="--lpips nowhere.pth cannot be read"):
        QUALITY.measurements(study, study.cells, Settings(lpips=Path("nowhere.pth")))


def write(study, cell, way, steps):
    content = {"subject": {"key": cell.key, "weights_sha256": "x", "inner": {"steps": steps}}, "frames": {}}
    QUALITY.file_of(study.cell_folder(cell), way).write(content)


def test_all_sets_of_options_are_shown_the_usual_one_first(study):
    first, second, _ = study.cells
    write(study, first, "clips-3", 1)
    write(study, second, USUAL, 1)
    write(study, second, "clips-3", 1)
    assert QUALITY.ways(study, study.cells) == [USUAL, "clips-3"]


def test_cells_that_were_measured_otherwise_than_the_first_are_left_out(study):
    first, second, third = study.cells
    for cell, steps in ((first, 1), (second, 2), (third, 1)):
        write(study, cell, USUAL, steps)
    assert list(QUALITY.contents(study, study.cells, USUAL)) == [first, third]
