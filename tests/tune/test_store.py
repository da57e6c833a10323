"""Folders and cells on disk: whole files, recovery, one writer."""

import pickle

import pytest

from fernn.checkpoint import CheckpointError
from fernn.experiment import Experiment
from fernn.train.run import Run
from tune.store import BEST, LAST, CellFolder, Folder, Superseded

EXPERIMENT = Experiment().override({"model": "grnn", "model.hidden_channels": 2, "model.embedding_channels": [2]})


def begun(folder):
    cell, run = CellFolder(folder), Run.start(EXPERIMENT)
    cell.begin(run)
    return cell, run


def advance(cell, run, accuracy=0.5):
    run.epoch += 1
    if not run.best_epoch or accuracy > run.best_value:
        run.best_epoch, run.best_value = run.epoch, accuracy
    cell.record({"epoch": run.epoch, "validation/accuracy": accuracy}, run)


@pytest.fixture(params=["path", "url"])
def folder(request, tmp_path):
    return Folder(str(tmp_path / "cell") if request.param == "path" else request.getfixturevalue("bucket"))


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(folder):
    folder.write("a/b.txt", b"one")
    folder.write("a/b.txt", b"two")
    assert folder.read("a/b.txt") == b"two" and folder.read("a/c.txt") is None
    assert folder.children("a") == ["b.txt"] and folder.children("b") == []
    folder.delete("a/b.txt")
    assert folder.read("a/b.txt") is None


def test_another_process_opens_the_same_folder(folder):
    folder.write("x", b"1")
    assert pickle.loads(pickle.dumps(folder)).read("x") == b"1"


def test_a_files_url_names_the_same_folder_as_its_path(tmp_path):
    assert Folder(f"file://{tmp_path}/cell").root == Folder(str(tmp_path / "cell")).root == str(tmp_path / "cell")


def test_a_new_attempt_goes_on_from_the_last_checkpoint(folder):
    cell, run = begun(folder)
    advance(cell, run)
    advance(cell, run, 0.4)
    again, resumed = begun(folder)
    assert (resumed.epoch, resumed.best_epoch, resumed.best_value) == (2, 1, 0.5)
    assert [row["epoch"] for row in again.history()] == [1, 2]


def test_a_row_without_its_checkpoint_is_run_again(folder):
    """Killed between the row and the checkpoint: the epoch is repeated, and its row stands once."""
    cell, run = begun(folder)
    advance(cell, run)
    state = folder.read(LAST)
    advance(cell, run, 0.9)
    folder.write(LAST, state)
    again, resumed = begun(folder)
    assert resumed.epoch == 1
    advance(again, resumed, 0.9)
    assert [row["epoch"] for row in again.history()] == [1, 2]


def test_a_best_checkpoint_that_a_kill_left_behind_is_written_again(folder):
    cell, run = begun(folder)
    advance(cell, run)
    old = folder.read(BEST)
    run.model.head.bias.data.fill_(7.0)
    advance(cell, run, 0.9)
    expected = folder.read(BEST)
    folder.write(BEST, old)
    begun(folder)
    assert folder.read(BEST) == expected != old


def test_an_attempt_that_was_superseded_writes_no_more(folder):
    cell, run = begun(folder)
    advance(cell, run)
    begun(folder)
    before = folder.read("metrics.jsonl")
    with pytest.raises(Superseded, match="now worked on by pid"):
        advance(cell, run)
    assert folder.read("metrics.jsonl") == before


def test_leftovers_of_a_killed_writer_are_swept(tmp_path):
    folder = Folder(str(tmp_path / "cell"))
    folder.write("last/x", b"1")
    leftover = tmp_path / "cell/last/x.tmp-123"
    leftover.write_bytes(b"half")
    begun(folder)
    assert not leftover.exists() and folder.read("last/x") == b"1"


def test_a_damaged_checkpoint_is_refused(folder):
    cell, run = begun(folder)
    advance(cell, run)
    folder.write(LAST, (folder.read(LAST) or b"")[:-1])
    with pytest.raises(CheckpointError, match="last/state.safetensors: .*cut short.*delete the cell's folder"):
        begun(folder)
