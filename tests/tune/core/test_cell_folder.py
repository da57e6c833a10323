"""Cells on disk: recovery, damage, one writer."""

import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fernn.experiment import Experiment
from fernn.train.run import Run
from tune.core.cell_folder import (
    BEFORE,
    BEST,
    DONE,
    LAST,
    METRICS,
    PREDICTIONS,
    CellFolder,
    Superseded,
)
from tune.core.folder import DamagedError, Folder, sealed_line
from tune.core.result import Result

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


def damage(folder, name, position=0.5):
    """Flip one bit of the file, so far into it."""
    content = bytearray(folder.read(name))
    content[int(position * (len(content) - 1))] ^= 4
    folder.write(name, bytes(content))


def four_epochs(folder):
    cell, run = begun(folder)
    for accuracy in (0.1, 0.5, 0.3, 0.4):
        advance(cell, run, accuracy)
    return run


@pytest.mark.parametrize(
    ("name", "epoch"), [(LAST, 3), (BEFORE, 4), (BEST, 0)], ids=["the last", "the one before", "the best"]
)
@pytest.mark.parametrize("harm", ["a flipped bit", "cut short"])
def test_a_damaged_checkpoint_is_noticed_and_the_newest_that_is_good_is_used(folder, name, epoch, harm):
    run = four_epochs(folder)
    tensors, _ = run.state()
    if harm == "cut short":
        folder.write(name, folder.read(name)[:-1])
    else:
        damage(folder, name)
    found = CellFolder(folder).resumable()
    assert found.damage == ((name,) if name != BEFORE else ()) and len(found.rows) == epoch
    again, resumed = begun(folder)
    assert resumed.epoch == epoch and len(again.history()) == 4
    if epoch == 4:
        assert all(torch.equal(tensor, resumed.state()[0][key]) for key, tensor in tensors.items())
    advance(again, resumed)
    assert [row["epoch"] for row in again.history()] == list(range(1, epoch + 2))
    assert CellFolder(folder).resumable().damage == ()


def test_a_checkpoint_whose_best_weights_are_gone_is_not_gone_on_from(folder):
    """The last checkpoint is damaged, and was the best epoch's: of the best epoch before there are no weights."""
    cell, run = begun(folder)
    for accuracy in (0.1, 0.5, 0.3, 0.9):
        advance(cell, run, accuracy)
    damage(folder, LAST)
    assert begun(folder)[1].epoch == 0


@pytest.mark.parametrize("name", ["failure.json", "stopped.json"])
def test_a_reason_that_cannot_be_read_is_named(folder, name):
    cell, _ = begun(folder)
    folder.write(name, b"{")
    with pytest.raises(DamagedError, match=f"{name}: it is not as it was written; delete it"):
        _ = cell.failure(), cell.stopped()


@pytest.mark.parametrize(("position", "epoch"), [(0.1, 0), (0.6, 0), (0.9, 3)])
def test_a_damaged_row_is_noticed_wherever_it_is(folder, position, epoch):
    four_epochs(folder)
    damage(folder, METRICS, position)
    with pytest.raises(DamagedError, match=r"metrics.jsonl: line \d .* delete the cell's folder"):
        CellFolder(folder).history()
    assert begun(folder)[1].epoch == epoch


@given(position=st.floats(0, 1), bit=st.integers(0, 7))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_flipped_bit_of_a_row_is_accepted(tmp_path, position, bit):
    line = sealed_line({"epoch": 1, "validation/accuracy": 0.125, "time/recorded_at": 1234.5678, "train/loss": 1e-7})
    content = bytearray(line.encode())
    content[int(position * (len(content) - 1))] ^= 1 << bit
    folder = Folder(str(tmp_path))
    folder.write(METRICS, bytes(content))
    try:
        rows = CellFolder(folder).history()
    except DamagedError:
        return
    assert [sealed_line(row) for row in rows] == [line]  # white space between two values alone


@pytest.mark.parametrize(("name", "found"), [(PREDICTIONS, "predictions.parquet"), (DONE, "done.json")])
def test_a_damaged_result_is_noticed_and_can_be_made_again(folder, name, found):
    cell, run = begun(folder)
    advance(cell, run)
    cell.finish(pa.table({"id": ["a"]}), Result(key="k"))
    assert cell.predictions()["id"].to_pylist() == ["a"]
    damage(folder, name)
    with pytest.raises(DamagedError, match=f"{found}: it is not as it was written; delete .* run the search again"):
        cell.predictions()


def test_a_damaged_best_checkpoint_is_refused(folder):
    cell, run = begun(folder)
    advance(cell, run)
    folder.write(BEST, folder.read(BEST)[:-1])
    with pytest.raises(DamagedError, match="best/model.safetensors: .*cut short.*delete the cell's folder"):
        cell.load_best(run)
