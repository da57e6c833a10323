"""The plan of a search: its study, where its data is, and how a run gets the data."""

import os
import re

import pytest

from tune.core.study import StudyError
from tune.kth_search import SEARCH
from tune.planning.options import Clips, Grid, Options, Records, Strategy, Training
from tune.planning.plan import check_data_folder, make_study, plan, replan

DEMO = Grid(preset="demo")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def options(prepared):
    """Four cells on the small data set."""
    fields = ("data.size=8", "model.hidden_channels=4", "model.embedding_channels=[4]")
    grid = Grid(models=("fernn-v1", "grnn"), lrs=(1e-3,), seeds=(0, 1), epochs=4)
    return Options(grid, training=Training(set=fields), clips=Clips(data=str(prepared)))


def test_a_study_on_prepared_data_knows_the_data_and_its_clips(options, prepared):
    planned = plan(SEARCH, options)
    assert planned.manifest.hash == planned.study.cells[0].data_hash and planned.first == ""
    assert (planned.study.name, len(planned.study.cells), planned.study.data) == ("kth-paper", 4, f"{prepared}/8px")
    assert sum(planned.num_clips(planned.study.cells[0].experiment.data).values()) == planned.manifest.num_clips
    assert planned.corpus().content.frames.shape[-2:] == (8, 8)


def test_a_folder_of_another_resolution_is_named_with_the_way_out(options, prepared):
    with pytest.raises(StudyError, match="has clips of 8x8: give --set data.size=8"):
        plan(SEARCH, Options(clips=Clips(data=str(prepared))))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(DEMO), "generates the data there"),
        (Options(), "downloads .* to datasets/kth"),
        (Options(clips=Clips(data="kht")), r"makes .*/kht \(did you mean .*/kth\?\) and downloads"),
        (Options(clips=Clips(videos=".")), "prepares it there from "),
    ],
)
def test_what_a_run_does_first_where_there_is_no_data(options, expected, tmp_path):
    (tmp_path / "kth").mkdir()
    planned = plan(SEARCH, options)
    assert planned.manifest is None and not planned.home.exists()
    assert re.match(expected, planned.first), planned.first


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (Options(Grid(preset="papers")), "--preset must be one of paper, figure5, paper-exact, figure5-exact, demo"),
        (Options(DEMO, clips=Clips(videos=".")), "the demo renders its own"),
        (Options(clips=Clips(videos="nowhere")), "--videos must name files that are there, nowhere is not"),
        (Options(clips=Clips(download=False)), "has no data: drop --no-download"),
        (Options(records=Records(study="a/b")), "--study must be a plain name"),
    ],
)
def test_options_that_cannot_be_carried_out_are_refused(options, reason):
    with pytest.raises(StudyError, match=reason):
        plan(SEARCH, options)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="file is no folder: name the folder that has it"):
        check_data_folder(tmp_path / "file/kth", "file/kth")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StudyError, match="cannot be written: give --data DIR"):
        check_data_folder(tmp_path / "kth", None)


def test_an_old_name_of_a_scheduler_is_the_new_one():
    for name in ("asha", "halving"):
        assert make_study(SEARCH, Options(DEMO, Strategy(scheduler=name)), "hash").stops_early
    assert not make_study(SEARCH, Options(DEMO), "hash").stops_early


def test_a_sampled_study_is_planned_again_with_what_it_knew_of_its_data(options, prepared):
    sampled = Options(Grid(models=("grnn",), seeds=(0,)), Strategy("tpe", 6), options.training, options.clips)
    planned = plan(SEARCH, sampled)
    assert len(planned.study.cells) == 4 and planned.study.num_to_come == 2
    again = replan(SEARCH, planned, sampled)
    assert again == planned.study and again.data == f"{prepared}/8px"
